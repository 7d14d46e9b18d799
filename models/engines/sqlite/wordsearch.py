"""Clients by words, each of which is found in what is known of the client.

That is its name and its tags, which have their own keys, and the `words` of the client and of its
users, which have an index each. Words of three characters and more are looked up there; shorter
ones, where there are others, are compared in what these find. The functions take the model of
clients, which is built on this module.
"""

from __future__ import annotations

import functools
import json
import operator
from typing import Any

import peewee

from clients_api.models.engines.searching import Condition, Search

from . import words
from .names import FEW, INDEX, are_few

CERTAIN = 32  # characters, by which the index finds a word; of a longer one the rest is compared
MOST_LOOKED_UP = 5  # words
_indexed = peewee.Table("words_indexed", ("source", "id"))
User = peewee.Table("user", ("id", "client_id", "words"))
Tag = peewee.Table("tag", ("id", "title_plain"))
ClientTag = peewee.Table("client_tag", ("client_id", "tag_id"))


def word_condition(needles: list[tuple[str, str]], *, alone: bool) -> Condition:
    """Return the filter for words.

    In: the needles of each; whether it is the only search of a selection. Its values are pairs of
    needles that are looked up and, behind them, those that are compared in what these find.
    """
    long = [pair for pair in needles if min(map(len, pair)) >= words.TRIGRAM]
    looked_up = long[:MOST_LOOKED_UP] or needles[:1]
    more = [pair for pair in needles if pair not in looked_up or len(pair[0]) > CERTAIN]
    values = [part[:CERTAIN] for pair in looked_up for part in pair]
    if more:
        values.append(json.dumps(more, ensure_ascii=False))
    return f"{'' if alone else 'and_'}words{'' if long else '_short'}", tuple(values)


def client_word_searches(client: Any) -> dict[str, Search]:
    """Return the filters by words."""

    def search(find: Any, is_short: bool) -> Search:
        def ids(*values: Any) -> peewee.Query:
            (first, *others), more = _parted(values)
            if not others and not more:
                return _found(client, find, *first)
            hits = _found(client, find, *first).alias("found")
            also = [hits.c.id.in_(_found(client, find, *pair)) for pair in others]
            also += [_holds_all(client, hits.c.id, needles) for needles in more]
            return peewee.Select((hits,), (hits.c.id,)).where(*also)

        def holds(id: Any, *values: Any) -> peewee.Expression:
            pairs, more = _parted(values)
            conditions = [_holds(client, id, *pair) for pair in pairs]
            conditions += [_holds_all(client, id, needles) for needles in more]
            return functools.reduce(operator.and_, conditions)

        def size(*values: Any) -> peewee.Select:
            # If one of the words is in few clients, the others are compared in these.
            pairs, more = _parted(values)
            cases, some = [], []
            for place, pair in enumerate(pairs):
                each = functools.reduce(operator.add, _sources(client, find, *pair))
                few = each.limit(FEW + 1).cte(f"few_{place}", materialized=True, columns=("id",))
                rest = [value for other in pairs if other is not pair for value in other]
                held = few.select(few.c.id).distinct()
                if rest or more:
                    held = held.where(holds(few.c.id, *rest, *more))
                cases.append((are_few(few), words.json_array(held, "id")))
                some.append(few)
            count = peewee.Case(None, cases, counted(*values))
            return peewee.Select(columns=(count,)).with_cte(*some)

        def counted(*values: Any) -> peewee.Query:
            (first, *others), more = _parted(values)
            if is_short:
                # One and two characters are in so much that to test all costs less.
                conditions = [_has(client, *first)]
                conditions += [_holds_all(client, client.id, needles) for needles in more]
                return client.select(peewee.fn.COUNT(client.id)).where(*conditions)
            if others or more:
                found = ids(*values).alias("counted")
                return peewee.Select((found,), (peewee.fn.COUNT(found.c.id),))
            return _count(client, find, *first)

        return Search(ids, size, client.id, holds, is_slow=True)

    return {
        "words": search(words.found_ids, is_short=False),
        "words_short": search(words.found_short, is_short=True),
    }


def _parted(values: tuple[Any, ...]) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
    """Return the pairs that are looked up, and what else there is: one value, or none."""
    pairs = list(zip(values[::2], values[1::2], strict=False))
    return pairs, values[2 * len(pairs) :]


def client_word_conditions(client: Any, searches: dict[str, Search]) -> dict[str, Any]:
    """Return the same filters for selections that have another search."""

    def condition(search: Search) -> Any:
        return lambda *values: client.id.in_(search.ids(*values))

    return {f"and_{name}": condition(search) for name, search in searches.items()}


def _found(client: Any, find: Any, name: Any, detail: Any) -> peewee.Query:
    """Compose the ids of the clients of which a needle is in the name, tags, or words."""
    return functools.reduce(operator.or_, _sources(client, find, name, detail))


def _sources(client: Any, find: Any, name: Any, detail: Any) -> list[peewee.Query]:
    """Compose the same, one query for each place; that for names is the first."""
    names = find(INDEX, name)
    own = find("client_words", detail)
    new = client.select(client.id).where(client.id > _last("client"), _in(client.words, detail))
    hits = find("user_words", detail).alias("hit")
    joined = peewee.Join(hits, User, "CROSS JOIN", on=hits.c.id == User.id)
    users = peewee.Select((joined,), (User.client_id.alias("id"),)).where(
        User.client_id.is_null(False)
    )
    new_users = User.select(User.client_id).where(
        User.id > _last("user"), User.client_id.is_null(False), _in(User.words, detail)
    )
    tags = Tag.select(Tag.id).where(_in(Tag.title_plain, name))
    tagged = ClientTag.select(ClientTag.client_id).where(ClientTag.tag_id.in_(tags))
    return [names, own, new, users, new_users, tagged]


def _count(client: Any, find: Any, name: Any, detail: Any) -> peewee.Expression:
    # Those by name, which the index counts soonest, and those that are found by all else alone.
    _, *rest = _sources(client, find, name, detail)
    hits = functools.reduce(operator.or_, rest).alias("hit")
    one = client.alias("of_hit")
    joined = peewee.Join(hits, one, "CROSS JOIN", on=hits.c.id == one.id)
    more = peewee.Select((joined,), (peewee.fn.COUNT(one.id),)).where(~_in(one.name_key, name))
    by_name = words.found(INDEX, name, peewee.fn.COUNT(peewee.SQL("*")))
    return peewee.Expression(by_name, "+", more)


def _last(source: str) -> peewee.Query:
    # Rows behind it are not in the index yet.
    return _indexed.select(_indexed.id).where(_indexed.source == source)


def _holds_all(client: Any, id: Any, needles: Any) -> peewee.Expression:
    each = peewee.fn.json_each(needles).alias("needle")
    pair = peewee.Entity("needle", "value")
    name, detail = (peewee.fn.json_extract(pair, f"$[{place}]") for place in (0, 1))
    missing = peewee.Select((each,), (peewee.SQL("1"),)).where(~_holds(client, id, name, detail))
    return ~peewee.fn.EXISTS(missing)


def _holds(client: Any, id: Any, name: Any, detail: Any) -> peewee.Expression:
    """Compose whether a needle is in what is known of the client of an id."""
    one = client.alias("of_id")
    return peewee.fn.EXISTS(one.select(one.id).where(one.id == id, _has(one, name, detail)))


def _has(client: Any, name: Any, detail: Any) -> peewee.Expression:
    """Compose whether a client has a needle, in the order of what it costs to look."""
    user = User.alias("of_client")
    users = user.select(user.id).where(user.client_id == client.id, _in(user.words, detail))
    title = Tag.select(Tag.title_plain).where(Tag.id == ClientTag.tag_id)
    tags = ClientTag.select(ClientTag.tag_id).where(
        ClientTag.client_id == client.id, _in(title, name)
    )
    own = _in(client.name_key, name) | _in(peewee.fn.COALESCE(client.words, ""), detail)
    return own | peewee.fn.EXISTS(users) | peewee.fn.EXISTS(tags)


def _in(text: Any, needle: Any) -> peewee.Expression:
    return peewee.fn.INSTR(text, needle) > 0
