"""Bring a database to the schema that this code needs, and say whether it has it."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import peewee

from . import engine
from .engine import Engine
from .errors import DatabaseUnusable, NotMigrated, Trouble

FOLDER = Path(__file__).parents[1] / "migrations"
PAUSE_SECONDS = 0.05
HISTORY = peewee.Table("schema_migration", ("name",))  # which the runner keeps


def status(db: Engine) -> tuple[list[str], bool]:
    """Return the names of the migrations still to apply, and whether the database is brand new.

    Raises DatabaseUnusable for one that can't be read, belongs to another program, or was
    written by a later version of this one. Nothing is changed in any of them; a log that a crash
    has left is written back by SQLite, as by whoever opens the file.
    """
    with db.look() as found:
        return (_known(db), True) if found is None else inspect(found, db.shown)


def inspect(db: Engine, shown: str) -> tuple[list[str], bool]:
    """Return and raise what `status` does, of an open database; `shown` is its name in errors."""
    try:
        with db.reading():  # another process may be migrating
            tables = db.tables()
            applied = _applied(db, tables)
    except db.errors as error:
        raise DatabaseUnusable(db.reason(error)) from error
    is_new = not applied
    if tables - {HISTORY.__name__} if is_new else db.landmark not in tables:
        raise DatabaseUnusable(f"The database {shown} belongs to another program.")
    known = _known(db)
    if unknown := applied.difference(known):
        raise DatabaseUnusable(
            f"The database {shown} was written by a later version of this program "
            f"(it has {max(unknown)}). Update the program."
        )
    return [name for name in known if name not in applied], is_new


def _folder(db: Engine) -> Path:
    return FOLDER / db.name


def _known(db: Engine) -> list[str]:
    """Return the names of this code's migrations, in their order."""
    return sorted(path.stem for path in _folder(db).glob("[0-9]*.py"))


def _applied(db: Engine, tables: Collection[str]) -> set[str]:
    """Return the names of the migrations that a database of these tables has had."""
    if HISTORY.__name__ not in tables:
        return set()
    return {name for (name,) in HISTORY.select(HISTORY.name).bind(db).tuples()}


def migrate(db: Engine) -> list[str]:
    """Apply the pending migrations, each in a transaction of its own, and return their names.

    Raises DatabaseUnusable as `status` does, and where the database refuses to be written.
    """
    # Late: it is large, and seldom is there something to migrate.
    from playhouse.migrations import Runner

    applied: list[str] = []
    deadline = time.monotonic() + engine.BUSY_SECONDS
    while pending := status(db)[0]:
        try:
            with db.migrating():
                applied += Runner(db, str(_folder(db))).up(pending[0])
        except db.errors as error:
            # Another process may have been a moment faster with the same, or is about to be:
            # SQLite waits for nobody who is just turning a new file to write-ahead logging.
            if status(db)[0] == pending:
                is_busy = db.trouble(error) is Trouble.BUSY
                if not is_busy or time.monotonic() > deadline:
                    raise DatabaseUnusable(_failure(pending[0], db, error)) from error
                time.sleep(PAUSE_SECONDS)
    return applied


def _failure(name: str, db: Engine, error: Exception) -> str:
    if db.trouble(error):
        return db.reason(error)
    return (
        f"The migration {name} of the database {db.shown} failed, and nothing was changed: {error}."
    )


def prepare(db: Engine) -> bool:
    """Migrate a database that is new or empty; tell whether it was.

    Raises NotMigrated for an older one, since to change that is the operator's decision, and
    DatabaseUnusable as `status` does.
    """
    pending, is_new = status(db)
    while pending and not is_new and db.is_being_made():
        time.sleep(PAUSE_SECONDS)
        pending, is_new = status(db)
    if not pending:
        return False
    if not is_new:
        raise NotMigrated(
            f"The database {db.shown} is older than this program. Run clients-api migrate "
            "(flask clients-api migrate where it is embedded)."
        )
    return bool(migrate(db))


def is_current(db: Engine) -> bool:
    """Tell whether a database that answers has exactly the migrations of this code.

    Raises what its `errors` are.
    """
    return _applied(db, db.tables()) == set(_known(db))
