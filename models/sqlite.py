"""All that only SQLite can speak: the connection, its pragmas, its errors, and the search index.

Everything else is composed by Peewee, so that another database takes another module like this.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
import weakref
from pathlib import Path
from typing import Any

import peewee

BUSY_SECONDS = 10
WAL_LIMIT_BYTES = 64 * 1024 * 1024
TRIGRAM = 3  # the search index knows text by its runs of three characters


class DatabaseUnusable(Exception):
    """The file can't be served from; the message is one line that says why, and what to do."""


class Database(peewee.SqliteDatabase):
    """A SQLite file, with one connection a thread that is kept until the thread or process ends.

    In: the file's path, and how surely a commit is on the disk (`full` or `normal`, SQLite's
    synchronous pragma). Nothing is opened until the first query.
    """

    def __init__(self, path: str | Path, synchronous: str = "full") -> None:
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._open_lock = threading.Lock()
        super().__init__(
            str(path),
            timeout=BUSY_SECONDS,
            lock_type="IMMEDIATE",
            pragmas={
                "journal_mode": "wal",
                "synchronous": synchronous,
                "foreign_keys": 1,
                "journal_size_limit": WAL_LIMIT_BYTES,
                "temp_store": "memory",
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
        return conn

    def close_all(self) -> None:
        """Close the connections of all threads; for the end of the process and of tests."""
        with self._open_lock:
            for conn in list(self._open):
                conn.close()
            self._open.clear()
        self.dispose()


class _Connection(sqlite3.Connection):
    """A connection that weak references can point to."""


def is_busy(error: Exception) -> bool:
    """Tell whether another connection held a lock for longer than we wait."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_full(error: Exception) -> bool:
    """Tell whether the disk is full, or refuses to be written."""
    return _code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    )


def _code(error: Exception) -> int | None:
    """Return SQLite's primary result code (https://sqlite.org/rescode.html), if there is one."""
    for candidate in (error, error.__cause__, error.__context__, getattr(error, "orig", None)):
        code = getattr(candidate, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF
    return None


def path_of(url: str, folder: Path) -> Path:
    """Return the file that a `sqlite:///` URL names; a relative one lies in `folder`.

    Raises ValueError for a URL of another kind.
    """
    scheme, _, rest = url.partition(":///")
    if scheme != "sqlite" or not rest or "?" in rest:
        raise ValueError("sqlite:///relative/path or sqlite:////absolute/path")
    return folder / rest


def prepare_file(path: Path) -> None:
    """Make sure that `path` is a SQLite file we can use, or make a new one, readable by us alone.

    Raises DatabaseUnusable for what must not be touched: no folder, no permission, not a
    database, a database cut short. A file that is bad is never replaced by an empty one.
    """
    if not path.parent.is_dir():
        raise DatabaseUnusable(f"The folder of the database, {path.parent}, does not exist.")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with path.open("rb") as file:
            header = file.read(100)
        size = path.stat().st_size
    except OSError as error:
        raise DatabaseUnusable(f"The database {path} can't be opened: {error.strerror}.") from error
    if size == 0:
        return
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise DatabaseUnusable(f"The file {path} is not a SQLite database.")
    page_size, changes, pages, valid_for = (
        struct.unpack_from(kind, header, offset)[0]
        for kind, offset in ((">H", 16), (">I", 24), (">I", 28), (">I", 92))
    )
    page_size = 65536 if page_size == 1 else page_size
    # https://sqlite.org/fileformat2.html#in_header_database_size: trustworthy if both agree.
    # A log beside the file may hold the pages that are missing here, so SQLite has to judge then.
    wal = path.with_name(path.name + "-wal")
    has_wal = wal.exists() and wal.stat().st_size > 0
    if changes == valid_for and size < page_size * pages and not has_wal:
        raise DatabaseUnusable(
            f"The database {path} is cut short: {size} bytes of {page_size * pages}. "
            "Restore a backup."
        )


def reason(error: Exception, path: str | Path) -> str:
    """Say in one line why SQLite could not use the file at `path`."""
    if is_busy(error):
        return f"The database {path} is locked by another program."
    if is_full(error):
        return f"The database {path} can't be opened or written: {error}."
    return f"The database {path} can't be read: {error}. Restore a backup."


def search(id: peewee.Field, index: str, phrase: Any) -> peewee.Expression:
    """Compose the condition that the FTS5 table `index` finds `phrase` in the row of that id."""
    match = peewee.Expression(peewee.Entity(index), "MATCH", phrase)
    return id.in_(peewee.Table(index).select(peewee.SQL("rowid")).where(match))


def phrase(needle: str) -> str:
    """Quote `needle` as one FTS5 string, in which no character has a meaning."""
    return '"' + needle.replace('"', '""') + '"'


def search_index_is_sound(db: peewee.Database) -> bool:
    """Compare the search index with the table, row by row, as FTS5 does it."""
    try:
        db.execute_sql(
            "INSERT INTO client_search (client_search, rank) VALUES ('integrity-check', 1)"
        )
    except peewee.DatabaseError:
        return False
    return True


def json_array(rows: peewee.Query, column: str) -> peewee.Query:
    """Compose the JSON text of an array of one column of `rows`, in their order."""
    rows = rows.alias("items")
    return peewee.Select((rows,), (peewee.fn.json_group_array(getattr(rows.c, column)),))


def json_object(rows: peewee.Query, name: str, value: str) -> peewee.Query:
    """Compose the JSON text of an object from two columns of `rows`, in their order."""
    rows = rows.alias("items")
    pair = getattr(rows.c, name), getattr(rows.c, value)
    return peewee.Select((rows,), (peewee.fn.json_group_object(*pair),))
