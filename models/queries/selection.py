"""Records that meet some conditions: which of the ways to read them is taken."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from clients_api.models.engines.current import database
from clients_api.models.engines.known import Known

from .composing import FOUND, Composer, Condition, Row, Shape

# What it costs to look a hit up by its id and to sort it, in steps down a list that test the next
# record; where they find what they test in the list's own index, they cost far less.
LOOKUP_STEPS = 4
LOOKUP_INDEX_STEPS = 16
# What it costs to look a hit up and count it, in records that are counted by testing all.
LOOKUP_COUNT_STEPS = 9

DEEP = 1000  # records, of which to skip more costs more than to look for a known place


class Selection:
    """Records that meet some conditions: a query not yet run. The pager runs it."""

    def __init__(self, reader: Composer, conditions: Iterable[Condition]) -> None:
        self.reader = reader
        self._given = tuple(conditions)
        self._search = tuple(pair for pair in self._given if pair[0] in reader.searches)

    @property
    def is_all(self) -> bool:
        """Whether there is no condition."""
        return not self._given

    def total(self) -> int:
        """Count the records, without the joins."""
        if self._search and self._search == self._given:
            return self._hits
        key = (self.reader, "total", self._given)
        shape = {"where": self._where, "tested": self._finds_many}
        (total,) = self._known.ask(self.reader.total, key, *self._values, **shape)
        return total

    def page(
        self, *, sort: str, descending: bool, limit: int, offset: int, total: int | None = None
    ) -> list[Row]:
        """Return `limit` rows at most, those after the first `offset`.

        In: `total`, how many records there are, as `total()` has said just now. Then what is
        skipped, which is what a page costs, is as little as may be: a page that is nearer to the
        end is read from there, and one behind a place that is known from that.
        """
        how = {"sort": sort, "descending": descending, "skip": True}
        if total is None:
            return self._rows((), (limit, offset), how)
        if offset >= total:
            return []
        count = min(limit, total - offset)
        behind = total - offset - count
        is_deep = min(offset, behind) > DEEP
        key = (self.reader, "places", self._given, sort, descending)
        place = self._known.place(key, offset) if is_deep else None
        if place is not None and offset - place[0] < min(offset, behind):
            position, *first = place
            rows = self._rows(tuple(first), (count, offset - position), how | {"seek": "at"})
        elif offset <= behind:
            rows = self._rows((), (count, offset), how)
        else:
            how["descending"] = not descending
            rows = self._rows((), (count, behind), how)[::-1]
        if is_deep and rows and (place is None or place[0] != offset):
            id = rows[0][self.reader.columns.index("id")]
            self._known.keep_place(key, (offset, rows[0][-1], id))
        return rows

    def after(
        self, last: tuple[Any, int] | None, *, sort: str, descending: bool, limit: int
    ) -> list[Row]:
        """Return `limit` rows at most, those behind the sort key and id `last` (None: the first).

        The cost is the same at any depth. Behind the reader's columns each row has its sort key.
        """
        how = {"sort": sort, "descending": descending}
        if last is not None:
            how["seek"] = "after"
        return self._rows(last or (), (limit,), how)

    def each(self, *, sort: str, descending: bool, at_once: int) -> Iterator[list[Row]]:
        """Yield all rows in this order, as `after` returns them, so many at a time.

        What is written meanwhile neither hides a row nor repeats one whose sort key stays.
        """
        last = None
        while rows := self.after(last, sort=sort, descending=descending, limit=at_once):
            yield rows
            last = rows[-1][-1], rows[-1][self.reader.columns.index("id")]

    def stream(self) -> Any:
        """Return a DB-API cursor on all records by id, which yields `reader.stream_columns`."""
        return self.reader.stream(*self._values, where=self._where, tested=self._finds_many)

    def _rows(self, last: tuple[Any, ...], part: tuple[int, ...], how: dict[str, Any]) -> list[Row]:
        # `part` is the limit, and the offset where there is one: so many hits have to be found.
        how = {"seek": None, "skip": False, **how}
        values = (*self._values, *last)
        if steps := self._steps_worth(sum(part), how["sort"]):
            rows = self.reader.page.all(*values, steps, *part, where=self._where, walk=True, **how)
            if len(rows) == part[0] or steps >= self._records:
                return rows
        return self.reader.page.all(*values, *part, where=self._where, walk=False, **how)

    def _steps_worth(self, wanted: int, sort: str) -> int:
        """Return how far to go down the list for `wanted` hits, before looking them all up.

        As far as costs no more than that; and nowhere if all hits are wanted, or if these, were
        they spread evenly, would not be found so soon.
        """
        if not self._search or self._ids_are_known or self._hits <= wanted:
            return 0
        (name, _) = self._search[0]
        search = self.reader.searches[name]
        in_index = self.reader.sorts[sort] is search.column
        steps = self._hits * (LOOKUP_INDEX_STEPS if in_index else LOOKUP_STEPS)
        if search.is_slow:
            steps = self._hits
        return steps if wanted * self._records < self._hits * steps else 0

    @cached_property
    def _conditions(self) -> tuple[Condition, ...]:
        """The conditions, in which a search is replaced by the ids that it finds, if few."""
        if not self._search or not self._ids_are_known:
            return self._given
        return tuple((FOUND, (self._found,)) if c in self._search else c for c in self._given)

    @property
    def _where(self) -> Shape:
        return _shape(self._conditions)

    @property
    def _values(self) -> Row:
        return _values(self._conditions)

    @property
    def _finds_many(self) -> bool:
        """Whether to test all records costs less than to look up the hits."""
        if not self._search or self._ids_are_known:
            return False
        if self.reader.searches[self._search[0][0]].is_slow:
            return False
        return self._hits * LOOKUP_COUNT_STEPS > self._records

    @cached_property
    def _hits(self) -> int:
        found = self._found
        return len(json.loads(found)) if isinstance(found, str) else found

    @property
    def _ids_are_known(self) -> bool:
        return isinstance(self._found, str)

    @property
    def _found(self) -> int | str:
        return self._size[0]

    @property
    def _records(self) -> int:
        return self._size[1]

    @cached_property
    def _size(self) -> tuple[Any, ...]:
        key = (self.reader, "size", self._search)
        values, shape = _values(self._search), _shape(self._search)
        return self._known.ask(self.reader.size, key, *values, where=shape)

    @cached_property
    def _known(self) -> Known:
        db = database.obj
        return db.known


def _shape(conditions: Iterable[Condition]) -> Shape:
    return tuple((name, len(values)) for name, values in conditions)


def _values(conditions: Iterable[Condition]) -> tuple[Any, ...]:
    return tuple(value for _, values in conditions for value in values)
