"""Clients by a part of their name: three ways through one index, by the length of the part.

The index knows names by each three characters in a row (a trigram). The functions take the model of
clients, which is built on this module.
"""

from __future__ import annotations

import json
from typing import Any

import peewee

from clients_api.models.engines import words
from clients_api.models.queries.composing import Condition, Search
from clients_api.models.queries.folding import plain

INDEX = "client_search"
LONG = 8  # characters; of shorter needles no part is much sooner found than the whole
PART = 5  # characters of the part that a long needle is found by
LONGEST = 3 * 150  # characters of a folded name: folding makes three of one, at most
FEW = 500  # names that are looked at one by one, and hits whose ids are kept

_grams = peewee.Table("client_gram", ("gram", "count"))
_count = peewee.fn.COUNT(peewee.SQL("*"))


def search_condition(text: str) -> Condition:
    """Return the filter for a part of the company name, which is trimmed and not empty."""
    needle = plain(text)
    if len(needle) > LONGEST:
        return "nothing", ()
    if len(needle) < words.TRIGRAM:
        return "search_short", (needle,)
    if len(needle) < LONG:
        return "search", (needle,)
    places = range(1, len(needle) - PART + 2)
    return "search_long", (needle, json.dumps(list(places)))


def client_searches(client: Any) -> dict[str, Search]:
    """Return the filters by a part of the company name.

    To find a long needle takes long, for the names of all its trigrams are compared: so, if there
    is a part of it that few names have, these are looked at instead.
    """

    def holds(name_key: Any, needle: Any, *_: Any) -> peewee.Expression:
        return peewee.fn.INSTR(name_key, needle) > 0

    def size_of_long(needle: Any, places: Any) -> peewee.Query:
        part = _rarest(needle, places).cte("part", columns=("text",), materialized=True)
        text = part.select(part.c.text)
        holders = _ids(text).limit(FEW + 1).cte("holders", materialized=True)
        held = words.json_array(_held(holders, client, needle), "id")
        size = peewee.Case(None, [(are_few(holders), held)], _size(needle))
        return peewee.Select(columns=(size,)).with_cte(part, holders)

    return {
        "search_short": Search(_short_ids, _size_of_short, client.name_key, holds),
        "search": Search(_ids, _size, client.name_key, holds),
        "search_long": Search(lambda needle, _: _ids(needle), size_of_long, client.name_key, holds),
    }


def _ids(needle: Any, column: Any = None) -> peewee.Query:
    return words.found(INDEX, words.phrase(needle), column)


def _size(needle: Any) -> peewee.Select:
    hits = _ids(needle).limit(FEW + 1).cte("hits", materialized=True)
    ids = words.json_array(hits.select(hits.c.id), "id")
    size = peewee.Case(None, [(are_few(hits), ids)], _ids(needle, _count))
    return peewee.Select(columns=(size,)).with_cte(hits)


def are_few(found: Any) -> peewee.Query:
    """Compose whether a CTE of hits, with one more at most, has no more than FEW."""
    return found.select(_count <= FEW)


def _short_ids(needle: Any) -> peewee.Query:
    return words.found_short(INDEX, needle)


def _size_of_short(needle: Any) -> peewee.Case:
    # One and two characters are counted as clients change.
    total = peewee.fn.COALESCE(peewee.fn.SUM(_grams.count), 0)
    count = _grams.select(total).where(_grams.gram == needle)
    return peewee.Case(None, [(count <= FEW, words.json_array(_short_ids(needle), "id"))], count)


def _rarest(needle: Any, places: Any) -> peewee.Query:
    """Compose the part of a needle whose pairs of characters are in the fewest names.

    In: the places at which a part can begin, the first one being 1, as a JSON array.
    """
    place, step = (peewee.Entity(table, "value") for table in ("place", "step"))
    steps = json.dumps(list(range(PART - 1)))
    pairs = peewee.Join(
        peewee.fn.json_each(places).alias("place"), peewee.fn.json_each(steps).alias("step")
    )
    pair = peewee.fn.SUBSTR(needle, place + step, 2)
    count = peewee.fn.COALESCE(_grams.count, 0)
    return (
        peewee.Select(
            (peewee.Join(pairs, _grams, peewee.JOIN.LEFT_OUTER, on=_grams.gram == pair),),
            (peewee.fn.SUBSTR(needle, place, PART).alias("text"),),
        )
        .group_by(place)
        .order_by(peewee.fn.MIN(count), peewee.fn.SUM(count))
        .limit(1)
    )


def _held(holders: Any, client: Any, needle: Any) -> peewee.Query:
    """Compose the ids of those `holders` of a part of a needle that hold all of it."""
    clients = client.alias("named")
    joined = peewee.Join(holders, clients, "CROSS JOIN", on=holders.c.id == clients.id)
    return peewee.Select((joined,), (clients.id,)).where(
        peewee.fn.INSTR(clients.name_key, needle) > 0
    )
