"""What all SQLite databases have in common, however they are opened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import peewee
from peewee import sqlite3

from clients_api.models.engines.engine import Engine, Question
from clients_api.models.engines.errors import Trouble

from . import bulk, checking, codes, searching, words


class SqliteEngine(Engine, peewee.SqliteDatabase):
    """A SQLite file. In: what it is called in errors; the rest is Peewee's."""

    name = "sqlite"
    landmark = "client_search"
    errors = codes.ERRORS
    snapshotting = "DEFERRED"
    words: ClassVar[Any] = words
    searching: ClassVar[Any] = searching
    bulk: ClassVar[Any] = bulk

    def __init__(self, shown: Path, *args: Any, **kwargs: Any) -> None:
        Engine.__init__(self)
        self.shown = str(shown)
        self.owner = shown
        peewee.SqliteDatabase.__init__(self, *args, **kwargs)

    def stream(self, sql: str, values: Sequence[Any]) -> Any:
        return self.execute_sql(sql, values)

    def attempt(self) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()  # what is refused is undone, and the transaction goes on

    def trouble(self, error: Exception) -> Trouble | None:
        return codes.trouble(error)

    def reason(self, error: Exception) -> str:
        return codes.reason(error, self.shown)

    def tables(self) -> set[str]:
        return {name for name in self.get_tables() if not name.startswith("sqlite_")}

    def inserted_id(self, cursor: Any) -> int | None:
        return cursor.lastrowid if cursor.rowcount else None

    def stored(self, value: Any) -> Any:
        return value  # with its type: a column takes any

    def loaded(self, stored: Any) -> Any:
        return stored

    def file(self, what: str) -> Path:
        return Path(self.shown)

    def described(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}, {self.shown}"

    def structure(self) -> Iterable[Question]:
        return (
            Question("integrity", lambda: checking.faults(self)),
            Question("foreign keys", lambda: checking.orphans(self)),
        )

    def derived(self) -> Iterable[Question]:
        return (
            Question(
                "search index",
                lambda: checking.search_faults(self),
                lambda: checking.index_anew(self),
            ),
        )
