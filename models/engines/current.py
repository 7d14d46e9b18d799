"""The current database: that of the app whose request or command is running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

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
    def obj(self) -> Any:  # an Engine, which is Peewee's besides
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
