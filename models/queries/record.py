"""A row with the names of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Record(Mapping[str, Any]):
    """One row with the names of its columns: what a model hands to the schema that shapes it."""

    __slots__ = ("columns", "values_")

    def __init__(self, columns: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self.columns = columns
        self.values_ = values

    def __getitem__(self, name: str) -> Any:
        try:
            return self.values_[self.columns.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def but(self, **values: Any) -> Record:
        """Return this record with other values in some columns."""
        pairs = zip(self.columns, self.values_, strict=True)
        return Record(self.columns, tuple(values.get(name, value) for name, value in pairs))

    def items(self) -> Any:  # what Mapping offers would look for each name anew
        return zip(self.columns, self.values_, strict=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def column_names(columns: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the names that `columns` have in the result of a select."""
    return tuple(getattr(column, "_alias", None) or column.column_name for column in columns)
