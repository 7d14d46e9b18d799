"""How records are read: one at a time, or page by page under filters, with SQL composed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import peewee

from .base import Prepared, Record, column_names
from .errors import NotFound

Row = tuple[Any, ...]
Condition = tuple[str, tuple[Any, ...]]


class Reader:
    """What is read of a model: the joined columns, the filters and the sorts that it offers.

    In: `noun`, what a person calls a record; the model; `columns`, what is read of it; `join`,
    which adds to a select of the model the tables that `columns` need; `scope`, a condition that
    every record meets (None: all are); `conditions`, for each filter a function from parameters
    to a condition; `sorts`, for each sort the expression (never null) to order by; `totals`, a
    table in which triggers keep the counts of records by some of the filters, if there is one;
    `counts`, for a filter that stands alone a query of the total that is cheaper than counting
    records; `streamed`, what a stream reads behind the other columns.
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
        counts: Mapping[str, Callable[..., peewee.Query]] = MappingProxyType({}),
        streamed: tuple[Any, ...] = (),
    ) -> None:
        self.noun = noun
        self.model = model
        self.id = model._meta.primary_key
        self.columns = column_names(columns)
        self.stream_columns = column_names((*columns, *streamed))
        self.sorts = sorts
        self._selected = columns
        self._streamed = streamed
        self._join = join
        self._scope = [] if scope is None else [scope]
        self._conditions = conditions
        self._totals = totals
        self._counts = counts
        self._by_id = Prepared(self._compose_by_id)
        self._page = Prepared(self._compose_page)
        self._stream = Prepared(self._compose_stream)
        self._total = Prepared(self._compose_total)

    def find(self, id: int | None) -> Record:
        """Return the record of that id. Raises NotFound; None is the id of no record."""
        row = None if id is None else self._by_id.one(id)
        if row is None:
            raise NotFound(self.noun)
        return Record(self.columns, row)

    def select(self, conditions: Iterable[Condition] = ()) -> Selection:
        """Return the records that meet `conditions`, pairs of a filter's name and its values."""
        return Selection(self, conditions)

    def _compose_by_id(self, id: Any) -> peewee.Query:
        return self._rows().where(self.id == id, *self._scope)

    def _rows(self, *more: Any) -> peewee.ModelSelect:
        return self._join(self.model.select(*self._selected, *more))

    def _filtered(
        self, query: peewee.ModelSelect, values: tuple[Any, ...], shape: tuple[tuple[str, int], ...]
    ) -> peewee.ModelSelect:
        rest = iter(values)
        conditions = [
            self._conditions[name](*(next(rest) for _ in range(count))) for name, count in shape
        ]
        conditions += self._scope
        return query.where(_all(conditions)) if conditions else query

    def _compose_total(self, *values: Any, where: tuple[tuple[str, int], ...]) -> peewee.Query:
        names = [name for name, _ in where]
        if len(names) == 1 and names[0] in self._counts:
            return self._counts[names[0]](*values)
        columns = self._totals._meta.columns if self._totals else {}
        if not self._totals or not columns.keys() >= set(names):
            query = self.model.select(peewee.fn.COUNT(peewee.SQL("*")))
            return self._filtered(query, values, where)
        total = self._totals.select(peewee.fn.COALESCE(peewee.fn.SUM(columns["count"]), 0))
        equal = [columns[name] == value for name, value in zip(names, values, strict=True)]
        return total.where(*equal) if equal else total

    def _compose_stream(self, *values: Any, where: tuple[tuple[str, int], ...]) -> peewee.Query:
        return self._filtered(self._rows(*self._streamed), values, where).order_by(self.id)

    def _compose_page(
        self,
        *values: Any,
        where: tuple[tuple[str, int], ...],
        sort: str,
        descending: bool,
        seek: bool,
        skip: bool,
    ) -> peewee.Query:
        # First the ids of the page, from indexes alone; then the joins for these few rows only.
        rest = list(values)
        offset = rest.pop() if skip else None
        limit = rest.pop()
        key = self.sorts[sort]
        direction = peewee.Desc if descending else peewee.Asc
        order = [direction(key), direction(self.id)]
        ids = self.model.select(self.id)
        if seek:
            here, last = peewee.Tuple(key, self.id), peewee.Tuple(*rest[-2:])
            ids = ids.where(here < last if descending else here > last)
            del rest[-2:]
        ids = self._filtered(ids, tuple(rest), where).order_by(*order).limit(limit)
        if skip:
            ids = ids.offset(offset)
        return self._rows(key.alias("sort_key")).where(self.id.in_(ids)).order_by(*order)


def _all(conditions: list[Any]) -> Any:
    # Halved, not chained: a hundred conditions one inside the other overflow SQLite's parser.
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return _all(conditions[:middle]) & _all(conditions[middle:])


class Selection:
    """Records that meet some conditions: a query not yet run. The pager runs it."""

    def __init__(self, reader: Reader, conditions: Iterable[Condition]) -> None:
        conditions = tuple(conditions)
        self.reader = reader
        self._where = tuple((name, len(values)) for name, values in conditions)
        self._values = tuple(value for _, values in conditions for value in values)

    def total(self) -> int:
        """Count the records, without the joins."""
        return self.reader._total.scalar(*self._values, where=self._where)

    def page(self, *, sort: str, descending: bool, limit: int, offset: int) -> list[Row]:
        """Return `limit` rows at most, those after the first `offset`."""
        return self._rows(limit, offset, sort=sort, descending=descending, seek=False, skip=True)

    def after(
        self, last: tuple[Any, int] | None, *, sort: str, descending: bool, limit: int
    ) -> list[Row]:
        """Return `limit` rows at most, those behind the sort key and id `last` (None: the first).

        The cost is the same at any depth. Behind the reader's columns each row has its sort key.
        """
        return self._rows(
            *(last or ()),
            limit,
            sort=sort,
            descending=descending,
            seek=last is not None,
            skip=False,
        )

    def stream(self) -> Any:
        """Return a DB-API cursor on all records by id, which yields `reader.stream_columns`."""
        return self.reader._stream(*self._values, where=self._where)

    def _rows(self, *values: Any, **shape: Any) -> list[Row]:
        return self.reader._page.all(*self._values, *values, where=self._where, **shape)
