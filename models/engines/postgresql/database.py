"""The PostgreSQL database that is served: whether it can be, and what there is to do with it."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import peewee

from clients_api.models.engines.engine import Engine, Question
from clients_api.models.engines.errors import DatabaseUnusable, Trouble

from . import bulk, checking, codes, connecting, searching, words
from .session import WRITE_LOCK, Session

OLDEST = 130000  # has pg_current_snapshot, and a pg_trgm that needs no superuser
EXTENSION = "pg_trgm"


class Database(Session):
    """A database of a PostgreSQL server: see Session."""

    name = "postgresql"
    landmark = "client_total"
    words: ClassVar[Any] = words
    searching: ClassVar[Any] = searching
    bulk: ClassVar[Any] = bulk

    @contextmanager
    def snapshot(self) -> Iterator[Engine]:
        db = Database(self._url, self.owner)
        try:
            with db.reading():
                # The snapshot is taken with the first statement.
                db.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0; SELECT 1")
                yield db
        finally:
            db.close_all()

    @contextmanager
    def alone(self, what: str, *, wait: bool = False) -> Iterator[bool]:
        # On a connection of its own, which ends with the process that holds it.
        with contextlib.closing(connecting.opened(self._given)) as connection:
            connection.execute("SET lock_timeout = 0")
            call = "pg_advisory_lock(%s, %s)" if wait else "pg_try_advisory_lock(%s, %s)"
            keys = (WRITE_LOCK & 0x7FFFFFFF, zlib.crc32(what.encode()) & 0x7FFFFFFF)
            query = call.replace("%s", "%s::int4")
            row = connection.execute(f"SELECT {query}", keys).fetchone()
            yield wait or bool(row and row[0])

    def trouble(self, error: Exception) -> Trouble | None:
        return codes.trouble(error)

    def reason(self, error: Exception) -> str:
        return codes.reason(error, self.shown)

    @contextmanager
    def look(self) -> Iterator[Engine | None]:
        try:
            self._check()
        except self.errors as error:
            raise DatabaseUnusable(self.reason(error)) from error
        yield self

    def _check(self) -> None:
        info = self.connection().info
        if info.server_version < OLDEST:
            raise DatabaseUnusable(
                f"The database {self.shown} is of PostgreSQL {info.server_version // 10000}; "
                f"it has to be {OLDEST // 10000} or later."
            )
        if (encoding := info.parameter_status("server_encoding")) != "UTF8":
            raise DatabaseUnusable(
                f"The database {self.shown} has the encoding {encoding}; it has to be UTF8: "
                "createdb --encoding=UTF8 --template=template0."
            )

    def tables(self) -> set[str]:
        return set(self.get_tables())

    @contextmanager
    def migrating(self) -> Iterator[None]:
        with self.alone("migrations", wait=True):
            self._extend()
            yield

    def _extend(self) -> None:
        query = "SELECT 1 FROM pg_extension WHERE extname = %s"
        if self.execute_sql(query, (EXTENSION,)).fetchone():
            return
        try:
            self.execute_sql(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}")
        except peewee.PeeweeException as error:
            if self.trouble(error):
                raise
            raise DatabaseUnusable(
                f"The database {self.shown} needs the extension {EXTENSION}, which "
                "can't be made: install postgresql-contrib, or let its owner or a superuser run "
                f"CREATE EXTENSION {EXTENSION}."
            ) from error

    def is_being_made(self) -> bool:
        with self.alone("migrations") as is_alone:
            return not is_alone

    def identity(self) -> Any:
        return self.shown

    def inserted_id(self, cursor: Any) -> int | None:
        row = cursor.fetchone()
        return None if row is None else row[0]

    def stored(self, value: Any) -> Any:
        return _json(value)

    def loaded(self, stored: Any) -> Any:
        return json.loads(stored)

    def file(self, what: str) -> Path:
        raise DatabaseUnusable(
            f"The database {self.shown} is no file: its own tools make and restore backups of it, "
            "pg_dump -Fc and pg_restore."
        )

    def described(self) -> str:
        version = self.connection().info.parameter_status("server_version")
        query = "SELECT datctype FROM pg_database WHERE datname = current_database()"
        (ctype,) = self.execute_sql(query).fetchone()
        return f"PostgreSQL {version}, {self.shown}, LC_CTYPE {ctype}"

    def structure(self) -> Iterable[Question]:
        return (Question("integrity", lambda: checking.faults(self)),)

    def derived(self) -> Iterable[Question]:
        return ()


def _json(value: Any) -> str:
    """Write a value as SQLite does, so that both engines answer the same bytes."""
    if not isinstance(value, float):
        return json.dumps(value, ensure_ascii=False)
    digits, exponent, power = f"{value:.15g}".partition("e")
    return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"
