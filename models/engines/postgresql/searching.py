"""How clients are found by text: by LIKE, through indexes of three characters in a row (pg_trgm).

The planner chooses between them and the list, by the needle; so there is no search of its own.
"""

from __future__ import annotations

import functools
import operator
import re
from typing import Any

import peewee

from clients_api.models.engines.searching import Condition, Offer

_users = peewee.Table("user", ("client_id", "words"))
_tags = peewee.Table("tag", ("id", "words"))
_links = peewee.Table("client_tag", ("client_id", "tag_id"))


def name_condition(needle: str) -> Condition:
    """Return the filter for a part of the company name."""
    return "name_like", (_pattern(needle),)


def word_condition(needles: list[str], *, alone: bool) -> Condition:
    """Return the filter for words. Its values are patterns."""
    return "words_like", tuple(_pattern(needle) for needle in needles)


def _pattern(needle: str) -> str:
    escaped = re.sub(r"([%_\\])", r"\\\1", needle)
    return f"%{escaped}%"


def offer(client: Any) -> Offer:
    """Return the filters that these conditions name. In: the model of clients."""

    def words(*patterns: Any) -> Any:
        found = (client.id.in_(_holders(client, pattern)) for pattern in patterns)
        return functools.reduce(operator.and_, found)

    return Offer(
        {"name_like": lambda pattern: _like(client.name_key, pattern), "words_like": words}, {}
    )


def _holders(client: Any, pattern: Any) -> peewee.Query:
    """Compose the ids of the clients of which a needle is in their words, users or tags."""
    one = client.alias("named")
    sources = (
        one.select(one.id).where(_like(one.words, pattern)),
        _users.select(_users.client_id).where(_like(_users.words, pattern)),
        _links.select(_links.client_id).where(
            _links.tag_id.in_(_tags.select(_tags.id).where(_like(_tags.words, pattern)))
        ),
    )
    return functools.reduce(operator.or_, sources)


def _like(text: Any, pattern: Any) -> peewee.Expression:
    return peewee.Expression(text, "LIKE", pattern)
