"""The SQLite file that is served: its connections, and whose turn it is to write."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import peewee
from peewee import sqlite3  # Python's, or that of the package pysqlite3 where it is newer

from clients_api.models.engines import engine
from clients_api.models.engines.known import Known

from . import checking, codes, files, indexing
from .base import SqliteEngine

TRY_AGAIN_SECONDS = 0.0005
LOG_SECONDS = 3  # for which the log's readers are waited for, before it is emptied
_TEXT_INDEXES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5 %'"
)
REST_SECONDS = 2  # after which nobody is making a database that has not all migrations yet
WAL_LIMIT_BYTES = 64 * 1024 * 1024


class Database(SqliteEngine):
    """A SQLite file, with one connection a thread that is kept until the thread or process ends.

    In: the file's path, and how surely a commit is on the disk (`full` or `normal`, SQLite's
    synchronous pragma). Nothing is opened until the first query.
    """

    def __init__(self, path: str | Path, synchronous: str = "full") -> None:
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._open_lock = threading.Lock()
        super().__init__(
            Path(path),
            str(path),
            timeout=engine.BUSY_SECONDS,
            lock_type="IMMEDIATE",
            pragmas={
                "journal_mode": "wal",
                "synchronous": synchronous,
                "foreign_keys": 1,
                # What is deleted is overwritten, so that nobody finds it in the file.
                "secure_delete": 1,
                "journal_size_limit": WAL_LIMIT_BYTES,
                "temp_store": "memory",
                # Of each thread's connection, in kibibytes; the system's cache lies behind it.
                "cache_size": -4000,
            },
            cached_statements=512,
            # A connection is used by its own thread only, but closed by whoever ends the process.
            check_same_thread=False,
            factory=_Connection,
        )

    def _connect(self) -> sqlite3.Connection:
        conn = super()._connect()
        with self._open_lock:
            self._open.add(conn)
        self._of_thread.closing = _Closing(conn)
        self._of_thread.known = Known()
        return conn

    @property
    def known(self) -> Known:
        return Known() if self.connection().in_transaction else self._of_thread.known

    def begin(
        self,
        lock_type: str | None = None,
        deadline: float | None = None,
        patiently: bool = False,
    ) -> None:
        """Begin a transaction; where another process writes, try again and again.

        SQLite would do so by itself, but ever more seldom, up to a tenth of a second apart, while
        others come and are let in: of many writers some would wait long. Raises what is busy
        after BUSY_SECONDS, or past the deadline, a time of the monotonic clock.
        """
        deadline = deadline or time.monotonic() + engine.BUSY_SECONDS
        with self.not_waiting():
            while True:
                try:
                    return super().begin(lock_type)
                except peewee.OperationalError as error:
                    if not codes.is_busy(error) or time.monotonic() > deadline:
                        raise
                time.sleep(TRY_AGAIN_SECONDS)

    @contextmanager
    def snapshot(self) -> Iterator[engine.Engine]:
        db = Database(self.database)
        try:
            # What has to be sorted may be as long as the table.
            db.execute_sql("PRAGMA temp_store = file")
            db.begin("DEFERRED")
            # SQLite takes the snapshot with the first read.
            db.execute_sql("SELECT COUNT(*) FROM sqlite_master").fetchone()
            yield db
        finally:
            db.close_all()

    def keep_up(self) -> None:
        indexing.keep_up(self)

    def in_bulk(self, rows: Iterable[engine.Row]) -> Iterator[engine.Row]:
        return indexing.in_bulk(self, rows)

    def forget(self) -> None:
        # Indexes of text keep what was deleted until they are optimized, and the log what was there
        # before until it is written back and emptied.
        for (index,) in self.execute_sql(_TEXT_INDEXES).fetchall():
            checking.command(self, index, "optimize")
        self.after_commit(self.empty_log)

    def empty_log(self) -> bool:
        self.execute_sql(f"PRAGMA busy_timeout = {LOG_SECONDS * 1000}")
        try:
            (busy, *_) = self.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self.execute_sql(f"PRAGMA busy_timeout = {engine.BUSY_SECONDS * 1000}")
        self.has_log_to_empty = bool(busy)
        return not busy

    @contextmanager
    def not_waiting(self) -> Iterator[None]:
        # Twice for each write, so not by way of Peewee, which takes five times as long.
        connection = self.connection()
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {engine.BUSY_SECONDS * 1000}")

    def renew_if_stale(self, error: Exception) -> None:
        # A connection that was opened while the file could not be written never writes, and SQLite
        # lets those of a process share some of that: only a new process is sure to write again.
        if codes.code(error) != sqlite3.SQLITE_READONLY:
            return
        path = Path(self.database)
        places = (path.parent, path, *filter(Path.exists, files.companions(path)))
        if all(os.access(place, os.W_OK) for place in places):
            self.close()
            if self.on_stale is not None and not self.is_stale:
                self.on_stale()
            self.is_stale = True

    def rollback(self) -> None:
        """Undo the transaction, unless SQLite has: it does where a commit finds the disk full.

        To roll back what is gone would be an error, and hide the one that says why.
        """
        if self.written is not None:
            self.written.forget()
        if self.connection().in_transaction:
            super().rollback()

    def alone(self, what: str, *, wait: bool = False) -> AbstractContextManager[bool]:
        return files.lock(Path(f"{self.database}-{what}.lock"), self.owner, what, wait)

    @contextmanager
    def look(self) -> Iterator[engine.Engine | None]:
        path = Path(self.database)
        if not files.check_place(path):
            yield None
            return
        with files.as_it_is(path) as found:
            yield found
            files.check_whole(found, path)

    @contextmanager
    def migrating(self) -> Iterator[None]:
        # Others may do the same at this moment: then one of the two is refused, and looks again.
        files.make_file(Path(self.database))
        yield

    def is_being_made(self) -> bool:
        # An older one rests; who begins at the same time with a new one is a moment behind.
        newest = 0.0
        for file in (path := Path(self.database), *files.companions(path)):
            with suppress(FileNotFoundError):
                newest = max(newest, file.stat().st_mtime)
        return time.time() - newest < REST_SECONDS

    def identity(self) -> Any:
        return files.identity(self.database)

    def close_inherited(self) -> None:
        """Close, in a process that was forked, what it has copies of; it then opens its own.

        With the last of them SQLite forgets what it has noted of its locks, which are the parent's
        (https://sqlite.org/howtocorrupt.html, section 2.6). Of a transaction no child can end its
        copy: none may be open. Our lock is not taken, for a thread that is no more may have it.
        """
        for conn in list(self._open):
            conn.close()

    def close_all(self) -> None:
        with self._open_lock:
            for conn in list(self._open):
                conn.close()
            self._open.clear()
        self.dispose()


class _Connection(sqlite3.Connection):
    """A connection that weak references can point to."""


class _Closing:
    """Closes a thread's connection as the thread ends.

    A connection refers to itself, by its cache of statements, and by itself would stay open until
    the garbage collector comes by: a server with a thread a request could run out of files.
    """

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._process = os.getpid()

    def __del__(self) -> None:
        if os.getpid() == self._process:
            with _closing:
                self._conn.close()
        else:  # the thread is of the parent, and may have been in the middle of a statement
            _inherited.append(self._conn)


# Nobody forks while a thread that ends closes its connection: the child would have half of that.
_closing = threading.RLock()
os.register_at_fork(
    before=_closing.acquire,
    after_in_parent=_closing.release,
    after_in_child=_closing.release,
)
_inherited: list[sqlite3.Connection] = []  # kept, since a connection that is let go of closes
