"""What an engine offers to whoever looks for text: filters, some with an index of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import peewee

Condition = tuple[str, tuple[Any, ...]]  # the name of a filter, and its values

FOUND = "found"  # the filter for ids that are known


class Search(NamedTuple):
    """A filter with an index of its own. Each function takes the values of a condition.

    `ids` is the query of what the index finds, as the column `id`; `size` an expression: the JSON
    text of these ids, if they are few, or else their number; `holds` tests the `column` of a single
    record, without the index, and `is_slow` where that costs more than to look a hit up. Where the
    ids are given, that is all there is.
    """

    ids: Callable[..., peewee.Query]
    size: Any = None
    column: Any = None
    holds: Any = None
    is_slow: bool = False


class Offer(NamedTuple):
    """The filters for text, by their names: those that are conditions like all, and searches."""

    conditions: Mapping[str, Callable[..., Any]]
    searches: Mapping[str, Search]


class Searching(Protocol):
    """How an engine finds clients by text, which is folded already."""

    def name_condition(self, needle: str) -> Condition:
        """Return the filter for a part of the company name."""

    def word_condition(self, needles: list[str], *, alone: bool) -> Condition:
        """Return the filter for words, all of which a client has.

        In: whether it is the only one for text in a selection.
        """

    def offer(self, client: Any) -> Offer:
        """Return the filters that these conditions name. In: the model of clients."""
