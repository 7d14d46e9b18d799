"""The queries by which records are read, composed once: one record, a page, a stream, counts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import peewee

from clients_api.models.engines import words

from .folding import plain
from .prepared import Prepared
from .record import column_names

Row = tuple[Any, ...]
Condition = tuple[str, tuple[Any, ...]]
Shape = tuple[tuple[str, int], ...]

FOUND = "found"  # the search for ids that are known

BEYOND = {  # where a page begins that begins at or after a record, by whether it is descending
    ("at", False): operator.ge,
    ("at", True): operator.le,
    ("after", False): operator.gt,
    ("after", True): operator.lt,
}


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


class Composer:
    """What is read of a model: the joined columns, the filters and the sorts that it offers.

    Each query is composed once for each shape; `selection.py` says which is run when.

    In: `noun`, what a person calls a record; the model; `columns`, what is read of it; `join`,
    which adds to a select of the model the tables that `columns` need; `scope`, a condition that
    every record meets (None: all are); `conditions`, for each filter a function from parameters
    to a condition; `sorts`, for each sort the expression (never null) to order by; `totals`, a
    table in which triggers keep the counts of records by some of the filters, if there is one;
    `searches`, filters with an index of their own, one of which at most is in a selection;
    `streamed`, what a stream reads behind the other columns; `needles`, what the filter `search`
    takes, where it is none of those searches, of what somebody looks for.
    """

    def __init__(
        self,
        noun: str,
        model: type[peewee.Model],
        columns: tuple[Any, ...],
        *,
        join: Callable[[peewee.ModelSelect], peewee.ModelSelect] = lambda query: query,
        scope: peewee.Expression | None = None,
        conditions: Mapping[str, Callable[..., Any]],
        sorts: Mapping[str, Any],
        totals: type[peewee.Model] | None = None,
        searches: Mapping[str, Search] = MappingProxyType({}),
        streamed: tuple[Any, ...] = (),
        needles: Callable[[str], Row] = lambda text: (plain(text),),
    ) -> None:
        self.noun = noun
        self.model = model
        self.id = model._meta.primary_key
        self.columns = column_names(columns)
        self.stream_columns = column_names((*columns, *streamed))
        self.sorts = sorts
        self.needles = needles
        self.searches = {**searches, FOUND: Search(words.ids_in)}
        self._selected = columns
        self._streamed = streamed
        self._join = join
        self._scope = [] if scope is None else [scope]
        self._conditions = conditions
        self._totals = totals
        self.by_id = Prepared(self._compose_by_id)
        self.page = Prepared(self._compose_page)
        self.stream = Prepared(self._compose_stream)
        self.total = Prepared(self._compose_total)
        self.size = Prepared(self._compose_size)

    def _compose_by_id(self, id: Any, *, only: tuple[str, ...] = ()) -> peewee.Query:
        selected = [self._selected[self.columns.index(name)] for name in only]
        rows = self._join(self.model.select(*selected)) if only else self._rows()
        return rows.where(self.id == id, *self._scope)

    def _rows(self, *more: Any) -> peewee.ModelSelect:
        return self._join(self.model.select(*self._selected, *more))

    def _parted(
        self, values: Iterable[Any], where: Shape
    ) -> tuple[list[tuple[Search, list[Any]]], list[Any]]:
        """Return the search, if there is one, with its values, and the other conditions."""
        rest = iter(values)
        given = [(name, [next(rest) for _ in range(count)]) for name, count in where]
        searches = [(self.searches[name], own) for name, own in given if name in self.searches]
        others = [self._conditions[name](*own) for name, own in given if name not in self.searches]
        return searches, others + self._scope

    def _filtered(
        self, query: peewee.ModelSelect, values: Iterable[Any], where: Shape, tested: bool
    ) -> peewee.ModelSelect:
        searches, conditions = self._parted(values, where)
        for search, own in searches:
            found = search.holds(search.column, *own) if tested else self.id.in_(search.ids(*own))
            conditions.append(found)
        return query.where(_all(conditions)) if conditions else query

    def _compose_total(
        self, version: Any, *values: Any, where: Shape, tested: bool
    ) -> peewee.Query:
        return _unless_known(version, self._counted(values, where, tested))

    def _compose_size(self, version: Any, *values: Any, where: Shape) -> peewee.Query:
        # What a search finds, and of how many.
        ((name, _),) = where
        return _unless_known(version, self.searches[name].size(*values), self._counted((), ()))

    def _counted(self, values: Iterable[Any], where: Shape, tested: bool = False) -> peewee.Query:
        names = [name for name, _ in where]
        columns = self._totals._meta.columns if self._totals else {}
        if not self._totals or not columns.keys() >= set(names):
            query = self.model.select(peewee.fn.COUNT(peewee.SQL("*")))
            return self._filtered(query, values, where, tested)
        total = self._totals.select(peewee.fn.COALESCE(peewee.fn.SUM(columns["count"]), 0))
        equal = [columns[name] == value for name, value in zip(names, values, strict=True)]
        return total.where(*equal) if equal else total

    def _compose_stream(self, *values: Any, where: Shape, tested: bool) -> peewee.Query:
        rows = self._rows(*self._streamed)
        return self._filtered(rows, values, where, tested).order_by(self.id)

    def _compose_page(
        self,
        *values: Any,
        where: Shape,
        sort: str,
        descending: bool,
        seek: str | None,
        skip: bool,
        walk: bool,
    ) -> peewee.Query:
        # First the ids of the page, from indexes alone; then the joins for these few rows only.
        # Behind the values of `where`: the last sort key and id, the steps, the limit, the offset.
        rest = list(values)
        offset = rest.pop() if skip else None
        limit = rest.pop()
        steps = rest.pop() if walk else None
        key = self.sorts[sort]
        direction = peewee.Desc if descending else peewee.Asc
        order = [direction(key), direction(self.id)]
        bounds = []
        if seek:
            here, last = peewee.Tuple(key, self.id), peewee.Tuple(*rest[-2:])
            bounds = [BEYOND[seek, descending](here, last)]
            del rest[-2:]
        searches, conditions = self._parted(rest, where)
        conditions += bounds
        if walk:
            ids = self._walked(*searches[0], conditions, order, steps)
        else:
            ids = self._sorted([search.ids(*own) for search, own in searches], conditions, order)
        ids = ids.limit(limit)
        if skip:
            ids = ids.offset(offset)
        return self._rows(key.alias("sort_key")).where(self.id.in_(ids)).order_by(*order)

    def _sorted(
        self, found: list[peewee.Query], conditions: list[Any], order: list[Any]
    ) -> peewee.Query:
        ids = self.model.select(self.id)
        for hits in found:
            # CROSS is how SQLite is told to begin with what was found, and not to walk the list.
            hits = hits.alias("hit")
            ids = ids.from_(peewee.Join(hits, self.model, "CROSS JOIN", on=hits.c.id == self.id))
        return (ids.where(_all(conditions)) if conditions else ids).order_by(*order)

    def _walked(
        self,
        search: Search,
        values: list[Any],
        conditions: list[Any],
        order: list[Any],
        steps: Any,
    ) -> peewee.Query:
        # SQLite takes the rows of the subquery one by one, in their order, as many as are wanted.
        walk = self._sorted([], conditions, order).select_extend(search.column)
        walk = walk.limit(steps).alias("walk")
        held = search.holds(getattr(walk.c, search.column.column_name), *values)
        return peewee.Select((walk,), (getattr(walk.c, self.id.column_name),)).where(held)


def _unless_known(version: Any, found: Any, *more: Any) -> peewee.Query:
    """Compose the version of now, `found` unless that version is the given one, and `more`."""
    now = words.version().alias("now")
    is_known = now.c.version == version
    return peewee.Select(
        (now,), (now.c.version, peewee.Case(None, [(is_known, None)], found), *more)
    )


def _all(conditions: list[Any]) -> Any:
    # Halved, not chained: a hundred conditions one inside the other overflow SQLite's parser.
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return _all(conditions[:middle]) & _all(conditions[middle:])
