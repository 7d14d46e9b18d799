"""Bring a database to the schema that this code needs, and say whether it has it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import peewee

from . import files, sqlite

FOLDER = Path(__file__).parents[1] / "migrations"
PAUSE_SECONDS = 0.05
REST_SECONDS = 2  # after which nobody is making a database that has not all migrations yet
HISTORY = peewee.Table("schema_migration", ("name",))  # which the runner keeps
LANDMARK = "client_search"  # a table that every version of ours has, and nobody else


class NotMigrated(sqlite.DatabaseUnusable):
    """The database is older than this program."""


def status(db: sqlite.Database) -> tuple[list[str], bool]:
    """Return the names of the migrations still to apply, and whether the database is brand new.

    Raises DatabaseUnusable for a file that can't be read, belongs to another program, or was
    written by a later version of this one. Nothing is changed in any of them; a log that a crash
    has left is written back by SQLite, as by whoever opens the file.
    """
    path = Path(db.database)
    if not files.check_place(path):
        return _known(), True
    with files.as_it_is(path) as looked_at:
        found = inspect(looked_at, path)
        files.check_whole(looked_at, path)
    return found


def inspect(db: peewee.SqliteDatabase, path: Path) -> tuple[list[str], bool]:
    """Return and raise what `status` does, of an open database; `path` is what errors call it."""
    try:
        with db.atomic("DEFERRED"):  # another process may be migrating
            tables = {name for name in db.get_tables() if not name.startswith("sqlite_")}
            applied = _applied(db, tables)
    except sqlite.ERRORS as error:
        raise sqlite.DatabaseUnusable(sqlite.reason(error, path)) from error
    is_new = not applied
    if tables - {HISTORY.__name__} if is_new else LANDMARK not in tables:
        raise sqlite.DatabaseUnusable(f"The database {path} belongs to another program.")
    known = _known()
    if unknown := applied.difference(known):
        raise sqlite.DatabaseUnusable(
            f"The database {path} was written by a later version of this program "
            f"(it has {max(unknown)}). Update the program."
        )
    return [name for name in known if name not in applied], is_new


def _known() -> list[str]:
    """Return the names of this code's migrations, in their order."""
    return sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))


def _applied(db: peewee.SqliteDatabase, tables: Iterable[str]) -> set[str]:
    """Return the names of the migrations that a database of these tables has had."""
    if HISTORY.__name__ not in tables:
        return set()
    return {name for (name,) in db.execute(HISTORY.select(HISTORY.name))}


def migrate(db: sqlite.Database) -> list[str]:
    """Apply the pending migrations, each in a transaction of its own, and return their names.

    Raises DatabaseUnusable as `status` does, and where SQLite refuses to write.
    """
    # Late: it is large, and seldom is there something to migrate.
    from playhouse.migrations import Runner

    applied: list[str] = []
    deadline = time.monotonic() + sqlite.BUSY_SECONDS
    while pending := status(db)[0]:
        files.make_file(Path(db.database))
        try:
            applied += Runner(db, str(FOLDER)).up(pending[0])
        except sqlite.ERRORS as error:
            # Another process may have been a moment faster with the same, or is about to be:
            # SQLite waits for nobody who is just turning a new file to write-ahead logging.
            if status(db)[0] == pending:
                if not sqlite.is_busy(error) or time.monotonic() > deadline:
                    raise sqlite.DatabaseUnusable(_failure(pending[0], db, error)) from error
                time.sleep(PAUSE_SECONDS)
    return applied


def _failure(name: str, db: sqlite.Database, error: Exception) -> str:
    if sqlite.is_busy(error) or sqlite.is_full(error):
        return sqlite.reason(error, db.database)
    return (
        f"The migration {name} of the database {db.database} failed, and nothing was changed: "
        f"{error}."
    )


def prepare(db: sqlite.Database) -> bool:
    """Migrate a database that is new or empty; tell whether it was.

    Raises NotMigrated for an older one, since to change that is the operator's decision, and
    DatabaseUnusable as `status` does.
    """
    pending, is_new = status(db)
    while pending and not is_new and _is_being_made(Path(db.database)):
        time.sleep(PAUSE_SECONDS)
        pending, is_new = status(db)
    if not pending:
        return False
    if not is_new:
        raise NotMigrated(
            f"The database {db.database} is older than this program. Run clients-api migrate "
            "(flask clients-api migrate where it is embedded)."
        )
    return bool(migrate(db))


def _is_being_made(path: Path) -> bool:
    """Tell whether somebody writes to a file that has not all migrations: another process.

    An older database rests; who begins at the same time with a new one is a moment behind.
    """
    newest = 0.0
    for file in (path, *sqlite.companions(path)):
        with suppress(FileNotFoundError):
            newest = max(newest, file.stat().st_mtime)
    return time.time() - newest < REST_SECONDS


def is_current(db: sqlite.Database) -> bool:
    """Tell whether a database that answers has exactly the migrations of this code.

    Raises peewee.DatabaseError.
    """
    return _applied(db, db.get_tables()) == set(_known())
