"""What SQLite's errors say: its result codes, and a sentence for whoever has to act on one."""

from __future__ import annotations

from pathlib import Path

import peewee
from peewee import sqlite3  # Python's, or that of the package pysqlite3 where it is newer

from clients_api.models.engines.errors import Busy, Trouble

# What Peewee raises, and what escapes it while rows are fetched
ERRORS = (peewee.PeeweeException, sqlite3.Error, Busy)


def trouble(error: Exception) -> Trouble | None:
    """Return what an error means, if the database is not to be used as it is."""
    if is_busy(error):
        return Trouble.BUSY
    return Trouble.FULL if is_full(error) else None


def is_busy(error: Exception) -> bool:
    """Tell whether another connection held a lock for longer than we wait."""
    busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return isinstance(error, Busy) or code(error) in busy


def is_full(error: Exception) -> bool:
    """Tell whether the disk is full, or refuses to be written."""
    return code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    )


def code(error: Exception) -> int | None:
    """Return SQLite's primary result code (https://sqlite.org/rescode.html), if there is one."""
    cause: BaseException | None = error
    while cause is not None:  # Peewee wraps errors, where it connects while it executes twice
        number = getattr(cause, "sqlite_errorcode", None)
        if number is not None:
            return number & 0xFF
        cause = cause.__cause__ or cause.__context__
    return None


def reason(error: Exception, path: str | Path) -> str:
    """Say in one line why SQLite could not use the file at `path`."""
    if is_busy(error):
        return f"The database {path} is locked by another program."
    if is_full(error):
        return f"The database {path} can't be opened or written: {error}."
    if code(error) == sqlite3.SQLITE_NOTADB:
        return f"The file {path} is not a SQLite database."
    return f"The database {path} can't be read: {error}. Restore a backup."
