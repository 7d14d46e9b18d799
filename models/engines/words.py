"""Words of SQL of which each engine has its own, for queries to be composed of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee

from .current import database


class _Late(peewee.ColumnBase):
    """What is composed when the query is compiled, for the database that is current then."""

    def __init__(self, compose: Callable[[], peewee.Node]) -> None:
        self._compose = compose

    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        return ctx.sql(self._compose())


def version() -> peewee.Query:
    """Compose the column `version`: a text that is another one when the database has changed.

    It holds for one connection only.
    """
    return database.obj.words.version()


def contains(text: Any, needle: Any) -> peewee.Expression:
    """Compose whether `needle` is in `text`."""
    return database.obj.words.contains(text, needle)


def same_value(column: Any, value: Any) -> peewee.Expression:
    """Compose whether a value of a custom field is `value`; both are as they are stored."""
    return database.obj.words.same_value(column, value)


def driven_by(rows: Any, model: Any, on: Any) -> peewee.Join:
    """Compose the join of a model with `rows`, few, of which each is to be looked up in it."""
    return database.obj.words.driven_by(rows, model, on)


def json_array(rows: peewee.Query, column: str) -> peewee.ColumnBase:
    """Compose the JSON text of an array of one column of `rows`, in their order."""
    return _Late(lambda: database.obj.words.json_array(rows, column))


def json_object(rows: peewee.Query, name: str, value: str) -> peewee.ColumnBase:
    """Compose the JSON text of an object from two columns of `rows`, in their order.

    In: the name of the column with the names, and of that with values of custom fields.
    """
    return _Late(lambda: database.obj.words.json_object(rows, name, value))
