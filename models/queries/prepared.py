"""Queries that are composed once and executed many times."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any, ClassVar

import peewee

from clients_api.models.engines.current import database


class Param(peewee.Node):
    """The place in a prepared query where the value number `index` is bound."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        ctx._values.append(self)
        return ctx.literal(ctx.state.param or "?")


class Prepared:
    """A Peewee query composed once and executed many times.

    Composing a query costs Peewee some ten times what SQLite needs to run it. A prepared query is
    composed on first use, with a `Param` for each positional argument, and kept as SQL; from then
    on only values are bound. Keyword arguments are the query's *shape*: they are hashable, take
    part in composing, and each shape is kept apart.

        @prepared
        def by_email(key):
            return User.select().where(User.email_key == key)

        by_email.one("jane@acme.example")
    """

    _made: ClassVar[list[Prepared]] = []

    def __init__(self, compose: Callable[..., peewee.Query]) -> None:
        Prepared._made.append(self)
        functools.update_wrapper(self, compose)
        self._compose = compose
        self._compile = functools.lru_cache(maxsize=512)(self._compile_shape)

    def _compile_shape(
        self, dialect: Hashable, count: int, **shape: Any
    ) -> tuple[str, tuple[Any, ...] | None]:
        query = self._compose(*map(Param, range(count)), **shape)
        sql, values = database.get_sql_context().sql(query).query()
        places = [slot.index if type(slot) is Param else None for slot in values]
        # As a row is inserted: what is bound are the values as they come.
        return sql, None if places == list(range(count)) else tuple(values)

    def __call__(self, *values: Any, **shape: Any) -> Any:
        """Bind `values`, execute, and return the DB-API cursor."""
        db = database.obj
        sql, slots = self._compile(db.__class__, len(values), **shape)
        if slots is not None:
            values = tuple(values[slot.index] if type(slot) is Param else slot for slot in slots)
        return db.execute_sql(sql, values)

    def one(self, *values: Any, **shape: Any) -> tuple[Any, ...] | None:
        """Return the first row as a tuple, or None."""
        return self(*values, **shape).fetchone()

    def all(self, *values: Any, **shape: Any) -> list[tuple[Any, ...]]:
        """Return all rows as a list of tuples."""
        return self(*values, **shape).fetchall()

    def scalar(self, *values: Any, **shape: Any) -> Any:
        """Return the first column of the first row, or None where there is no row."""
        row = self.one(*values, **shape)
        return None if row is None else row[0]


prepared = Prepared


def compose_all() -> None:
    """Compose for the current database the prepared queries that have one shape only."""
    db = database.obj
    for query in Prepared._made:
        parameters = inspect.signature(query._compose).parameters.values()
        if all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters):
            query._compile(db.__class__, len(parameters))
