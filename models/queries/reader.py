"""How the records of a model are read: one at a time, or those that meet some conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clients_api.models.engines.searching import Condition
from clients_api.models.errors import NotFound

from .composing import Composer
from .record import Record
from .selection import Selection


class Reader(Composer):
    """Reads records: what a model offers to whoever looks for some."""

    def find(self, id: int | None, only: tuple[str, ...] = ()) -> Record:
        """Return the record of that id, or `only` some columns of it.

        Raises NotFound; None is the id of no record.
        """
        row = None if id is None else self.by_id.one(id, only=only)
        if row is None:
            raise self.missing(id)
        return Record(only or self.columns, row)

    def missing(self, id: int | None) -> NotFound:
        """Make the error for an id of no record."""
        return NotFound(self.noun)

    def select(self, conditions: Iterable[Condition] = ()) -> Selection:
        """Return the records that meet `conditions`, pairs of a filter's name and its values."""
        return Selection(self, conditions)

    def matching(self, search: str | None = None, **equal: Any) -> Selection:
        """Return the records that contain `search`, blind to case and accents, and equal all else.

        In: `search`, for the filter of that name; values for others, by their names.
        """
        conditions: list[Condition] = [(name, (value,)) for name, value in equal.items()]
        if search:
            conditions.append(("search", self.needles(search)))
        return self.select(conditions)
