"""How clients are found by text: through indexes of what stands three characters in a row."""

from __future__ import annotations

from typing import Any

from clients_api.models.engines.searching import FOUND, Offer, Search

from . import words
from .names import client_searches, name_condition
from .wordsearch import client_word_conditions, client_word_searches, word_condition

__all__ = ["name_condition", "offer", "word_condition"]


def offer(client: Any) -> Offer:
    """Return the filters that these conditions name. In: the model of clients."""
    by_words = client_word_searches(client)
    return Offer(
        client_word_conditions(client, by_words),
        {**client_searches(client), **by_words, FOUND: Search(words.ids_in)},
    )
