"""What every model shares: how its rows are written, and how times are."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import peewee

from .engines.current import database
from .queries.prepared import prepared

_moment: ContextVar[str | None] = ContextVar("clients_api_moment", default=None)


def now() -> str:
    """Return the current time in UTC as the API writes it: `2026-06-15T09:30:00.000000Z`."""
    return _moment.get() or timestamp(datetime.datetime.now(datetime.UTC))


@contextmanager
def at(moment: datetime.datetime) -> Iterator[None]:
    """Let it be that moment for all that this context changes: for data of the past."""
    token = _moment.set(timestamp(moment))
    try:
        yield
    finally:
        _moment.reset(token)


def timestamp(moment: datetime.datetime) -> str:
    """Write an aware datetime in UTC, ISO 8601, with six decimals and `Z`.

    Text of this one width sorts as the times do, which is why times are stored like this.
    """
    moment = moment.astimezone(datetime.UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


class BaseModel(peewee.Model):
    """The base of all models: a table of the current database, written by prepared statements."""

    class Meta:
        database = database
        legacy_table_names = False

    @classmethod
    def insert_row(cls, **columns: Any) -> int:
        """Insert a row of these columns and return its id. Raises peewee.IntegrityError."""
        return _insert(*columns.values(), model=cls, columns=tuple(columns)).lastrowid

    @classmethod
    def update_row(cls, id: int | None, **columns: Any) -> bool:
        """Set these columns of the row of that id; tell whether there is one.

        Raises peewee.IntegrityError.
        """
        return bool(_update(*columns.values(), id, model=cls, columns=tuple(columns)).rowcount)

    @classmethod
    def delete_row(cls, id: int | None) -> bool:
        """Delete the row of that id; tell whether there was one. Raises peewee.IntegrityError."""
        return bool(_delete(id, model=cls).rowcount)

    @classmethod
    def rows(cls, column: str, value: Any) -> list[dict[str, Any]]:
        """Return the rows that have a value in a column, by the names of their columns."""
        names = tuple(cls._meta.columns)
        return [
            dict(zip(names, row, strict=True)) for row in _rows.all(value, model=cls, column=column)
        ]

    @classmethod
    def insert_kept(cls, row: Mapping[str, Any], **changed: Any) -> None:
        """Insert a row that was kept, as far as its columns are still there.

        Raises peewee.IntegrityError.
        """
        columns = {name: row[name] for name in cls._meta.columns if name in row}
        cls.insert_row(**columns | changed)

    @classmethod
    def last_id(cls) -> int:
        """Return the highest id of a row; 0 if there is none."""
        return _last_id.scalar(model=cls) or 0

    @classmethod
    def made_after(cls, id: int, column: str, limit: int) -> tuple[int, list[Any]]:
        """Count the rows with higher ids, and return a column of the first `limit` of them."""
        rows = _made_after.all(id, limit, model=cls, column=column)
        count = _count_after.scalar(id, model=cls) if len(rows) == limit else len(rows)
        return count, [value for (value,) in rows]


def _assignments(
    model: type[peewee.Model], columns: tuple[str, ...], values: Iterable[Any]
) -> dict[peewee.Field, Any]:
    return {model._meta.columns[c]: v for c, v in zip(columns, values, strict=True)}


@prepared
def _insert(*values, model, columns):
    return model.insert(_assignments(model, columns, values))


@prepared
def _update(*values, model, columns):
    *new, id = values
    return model.update(_assignments(model, columns, new)).where(model._meta.primary_key == id)


@prepared
def _delete(id, *, model):
    return model.delete().where(model._meta.primary_key == id)


@prepared
def _rows(value, *, model, column):
    columns = model._meta.columns
    rows = model.select(*columns.values()).where(columns[column] == value)
    return rows.order_by(*(model._meta.get_primary_keys()))


@prepared
def _last_id(*, model):
    return model.select(peewee.fn.MAX(model._meta.primary_key))


@prepared
def _made_after(id, limit, *, model, column):
    rows = model.select(model._meta.columns[column]).where(model._meta.primary_key > id)
    return rows.order_by(model._meta.primary_key).limit(limit)


@prepared
def _count_after(id, *, model):
    return model.select(peewee.fn.COUNT(peewee.SQL("*"))).where(model._meta.primary_key > id)
