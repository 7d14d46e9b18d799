"""What every model shares: the current database, prepared statements, records and times."""

from __future__ import annotations

import datetime
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import peewee

_current: ContextVar[peewee.Database | None] = ContextVar("clients_api_database", default=None)


class CurrentDatabase(peewee.DatabaseProxy):
    """Stands for the database of the app whose request or command is running.

    Models are classes of a module and exist once; databases belong to apps, and two apps in one
    process have two. A context variable, set by `using`, says which one is meant.
    """

    def initialize(self, obj: peewee.Database | None) -> None:
        """Do nothing: the context variable is the only place that knows the database."""

    @property
    def obj(self) -> peewee.Database | None:
        return _current.get()


database = CurrentDatabase()


@contextmanager
def using(db: peewee.Database) -> Iterator[peewee.Database]:
    """Make `db` the database that all models in this thread and context mean."""
    token = _current.set(db)
    try:
        yield db
    finally:
        _current.reset(token)


def now() -> str:
    """Return the current time in UTC as the API writes it: `2026-06-15T09:30:00.000000Z`."""
    return timestamp(datetime.datetime.now(datetime.UTC))


def timestamp(moment: datetime.datetime) -> str:
    """Write an aware datetime in UTC, ISO 8601, with six decimals and `Z`.

    Text of this one width sorts as the times do, which is why times are stored like this.
    """
    moment = moment.astimezone(datetime.UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


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
        self, dialect: type[peewee.Database], count: int, **shape: Any
    ) -> tuple[str, tuple[Any, ...]]:
        query = self._compose(*map(Param, range(count)), **shape)
        sql, values = database.get_sql_context().sql(query).query()
        return sql, tuple(values)

    def __call__(self, *values: Any, **shape: Any) -> Any:
        """Bind `values`, execute, and return the DB-API cursor."""
        db = database.obj
        sql, slots = self._compile(type(db), len(values), **shape)
        return db.execute_sql(
            sql, [values[slot.index] if type(slot) is Param else slot for slot in slots]
        )

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
    for query in Prepared._made:
        parameters = inspect.signature(query._compose).parameters.values()
        if all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters):
            query._compile(type(database.obj), len(parameters))


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
    def update_row(cls, id: int, **columns: Any) -> bool:
        """Set these columns of the row of that id; tell whether there is one.

        Raises peewee.IntegrityError.
        """
        return bool(_update(*columns.values(), id, model=cls, columns=tuple(columns)).rowcount)

    @classmethod
    def delete_row(cls, id: int) -> bool:
        """Delete the row of that id; tell whether there was one. Raises peewee.IntegrityError."""
        return bool(_delete(id, model=cls).rowcount)


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

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def column_names(columns: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the names that `columns` have in the result of a select."""
    return tuple(getattr(column, "_alias", None) or column.column_name for column in columns)
