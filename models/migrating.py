"""Bring a database to the schema that this code needs, and say whether it has it."""

from __future__ import annotations

import logging
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from . import sqlite

FOLDER = Path(__file__).parent / "migrations"

# The runner reports each step at INFO; what it has done is for our caller to say.
logging.getLogger("peewee.migrations").setLevel(logging.WARNING)


def status(db: sqlite.Database) -> tuple[list[str], bool]:
    """Return the names of the migrations still to apply, and whether the database is brand new.

    Raises DatabaseUnusable for a file that can't be read, belongs to another program, or was
    written by a later version of this one.
    """
    path = Path(db.database)
    sqlite.prepare_file(path)
    try:
        runner = Runner(db, str(FOLDER))
        rows = runner.status()
        tables = db.get_tables()
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        raise sqlite.DatabaseUnusable(sqlite.reason(error, path)) from error
    unknown = [row.name for row in rows if row.path is None]
    if unknown:
        raise sqlite.DatabaseUnusable(
            f"The database {path} was written by a later version of this program "
            f"(it has {unknown[-1]}). Update the program."
        )
    is_new = not any(row.applied for row in rows)
    if is_new and set(tables) - {"schema_migration"}:
        raise sqlite.DatabaseUnusable(f"The database {path} belongs to another program.")
    return [row.name for row in rows if not row.applied], is_new


def migrate(db: sqlite.Database) -> list[str]:
    """Apply the pending migrations, each in a transaction of its own, and return their names.

    Raises DatabaseUnusable as `status` does, and where SQLite refuses to write.
    """
    pending, _ = status(db)
    if not pending:
        return []
    try:
        return Runner(db, str(FOLDER)).up()
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        # Another process may have been a moment faster with the same; then nothing is pending.
        if not status(db)[0]:
            return []
        raise sqlite.DatabaseUnusable(sqlite.reason(error, db.database)) from error


def is_current(db: sqlite.Database) -> bool:
    """Tell whether a database that answers has exactly the migrations of this code.

    Raises peewee.DatabaseError.
    """
    runner = Runner(db, str(FOLDER))
    return set(runner.applied()) == {migration.name for migration in runner.migrations()}
