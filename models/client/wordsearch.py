"""Clients by words, each of which is found in what is known of the client.

That is one text for each client, which has an index of its own. Those that have changed since it
was last brought up to date (models/engines/indexing.py) are so few that they are looked at. The
functions take the model of clients, which is built on this module.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable
from typing import Any

import peewee

from clients_api.models.engines import words
from clients_api.models.queries.composing import Condition, Search
from clients_api.models.queries.words import word_needles

from .search import FEW, are_few

INDEX = "client_words"
CERTAIN = 32  # characters, by which the index finds a word; of a longer one the rest is compared
MOST = 6  # words that are values of their own; those behind them share one

_indexed, _old, _new, _new_text = (
    peewee.Table(f"client_words_{name}", ("id", "text"))
    for name in ("text", "old", "new", "new_text")
)
_grams = peewee.Table("client_words_gram", ("gram", "count"))
_count = peewee.fn.COUNT(peewee.SQL("*"))
Has = Callable[[Any], peewee.Expression]  # whether a text has all words


def word_condition(text: str, *, alone: bool) -> Condition | None:
    """Return the filter for words; None where there are none.

    In: whether it is the only search of a selection. Its values are what the index is asked, and
    what is looked for in a text; of many words, all but the first are the last value, as JSON.
    """
    if not (needles := word_needles(text)):
        return None
    long = [needle for needle in needles if len(needle) >= words.TRIGRAM][:MOST]
    asked = words.all_of(needle[:CERTAIN] for needle in long)
    if not long:
        name, asked = "words_short" if needles[1:] else "word_short", needles[0]
    else:
        name = "words" if needles == long and len(needles[0]) <= CERTAIN else "words_tested"
    rest = [json.dumps(needles[MOST:], ensure_ascii=False)] if needles[MOST:] else []
    return f"{'' if alone else 'and_'}{name}", (asked, *needles[:MOST], *rest)


def client_word_searches(client: Any) -> dict[str, Search]:
    """Return the filters by words: by how the index finds them."""

    def matching(asked: Any, has: Has) -> peewee.Query:
        return words.found(INDEX, asked)

    def tested(asked: Any, has: Has) -> peewee.Query:
        hits = words.found(INDEX, asked).alias("hit")
        joined = peewee.Join(hits, _indexed, "CROSS JOIN", on=hits.c.id == _indexed.id)
        return peewee.Select((joined,), (_indexed.id,)).where(has(_indexed.text))

    def all_tested(asked: Any, has: Has) -> peewee.Query:
        return _indexed.select(_indexed.id).where(has(_indexed.text))

    def short(asked: Any, has: Has) -> peewee.Query:
        return words.found_short(INDEX, asked)

    def count_short(asked: Any) -> peewee.Query:
        # As for names, counted as texts are indexed.
        total = peewee.fn.COALESCE(peewee.fn.SUM(_grams.count), 0)
        return _grams.select(total).where(_grams.gram == asked)

    return {
        "words": _search(client, matching, lambda asked: words.found(INDEX, asked, _count)),
        "words_tested": _search(client, tested),
        "words_short": _search(client, all_tested),
        "word_short": _search(client, short, count_short, is_counted_first=True),
    }


def client_word_conditions(client: Any, searches: dict[str, Search]) -> dict[str, Any]:
    """Return the same filters for selections that have another search."""

    def condition(search: Search) -> Any:
        return lambda *values: client.id.in_(search.ids(*values))

    return {f"and_{name}": condition(search) for name, search in searches.items()}


def _search(
    client: Any,
    find: Callable[[Any, Has], peewee.Query],
    count: Callable[[Any], peewee.Query] | None = None,
    *,
    is_counted_first: bool = False,
) -> Search:
    """Return a filter. In: what the index finds, and how that is counted sooner than found."""

    def ids(asked: Any, *needles: Any) -> peewee.Query:
        has = _have(needles)
        hits = find(asked, has).alias("known")
        changed = _new.select(_new.id)
        found = peewee.Select((hits,), (hits.c.id,)).where(hits.c.id.not_in(changed))
        return found + _new_text.select(_new_text.id).where(has(_new_text.text))

    def counted(asked: Any, *needles: Any) -> Any:
        if count is None:
            found = ids(asked, *needles).alias("counted")
            return peewee.Select((found,), (_count,))
        has = _have(needles)
        before = _old.select(_count).where(has(_old.text))
        since = _new_text.select(_count).where(has(_new_text.text))
        return peewee.Expression(peewee.Expression(count(asked), "-", before), "+", since)

    def size(*values: Any) -> peewee.Query:
        if is_counted_first:
            few = peewee.Select(columns=(counted(*values).alias("count"),))
            few = few.cte("few", columns=("count",), materialized=True)
            are = few.select(few.c.count <= FEW)
            found = words.json_array(ids(*values), "id")
            case = peewee.Case(None, [(are, found)], few.select(few.c.count))
        else:
            few = ids(*values).limit(FEW + 1).cte("few", columns=("id",), materialized=True)
            found = words.json_array(few.select(few.c.id), "id")
            case = peewee.Case(None, [(are_few(few), found)], counted(*values))
        return peewee.Select(columns=(case,)).with_cte(few)

    def holds(id: Any, asked: Any, *needles: Any) -> peewee.Expression:
        has = _have(needles)
        known, new = (
            peewee.fn.EXISTS(texts.select(texts.id).where(texts.id == id, has(texts.text)))
            for texts in (_indexed, _new_text)
        )
        is_new = id.in_(_new.select(_new.id))
        return (~is_new & known) | (is_new & new)

    return Search(ids, size, client.id, holds, is_slow=True)


def _have(needles: tuple[Any, ...]) -> Has:
    def has(text: Any) -> peewee.Expression:
        tests = [peewee.fn.INSTR(text, needle) > 0 for needle in needles[:MOST]]
        for rest in needles[MOST:]:
            each = peewee.fn.json_each(rest).alias("needle")
            is_missing = peewee.fn.INSTR(text, peewee.Entity("needle", "value")) == 0
            missing = peewee.Select((each,), (peewee.SQL("1"),)).where(is_missing)
            tests.append(~peewee.fn.EXISTS(missing))
        return functools.reduce(operator.and_, tests)

    return has
