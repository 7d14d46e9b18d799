"""What can be wrong in a SQLite file, and in the indexes that clients are searched through."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import peewee
from peewee import sqlite3

from . import codes, indexing, words
from .names import INDEX as NAMES
from .wordsearch import INDEX as WORDS

_OF_SEARCH_INDEX = re.compile(rf"\b({'|'.join(words.TERMS)})\b")


def faults(db: Any) -> list[str]:
    """Return what SQLite finds wrong with the structure of a database, the first hundred.

    Newer versions of it look into search indexes as well. Ours is a question of its own, since it
    can be made anew: see `search_index_is_sound`.
    """
    try:
        lines = [line for (line,) in db.execute_sql("PRAGMA integrity_check")]
    except codes.ERRORS as error:
        if codes.is_busy(error):
            raise
        return [str(error)]
    return [line for line in lines if line != "ok" and not _OF_SEARCH_INDEX.search(line)]


def orphans(db: Any) -> list[str]:
    """Say which rows refer to rows that are not there."""
    found = db.execute_sql("PRAGMA foreign_key_check")
    missing = Counter((table, parent) for table, _, parent, _ in found)
    return [
        f"{count} of {table} refer to no {parent}" for (table, parent), count in missing.items()
    ]


def search_faults(db: Any) -> list[str]:
    """Compare the search indexes with what they are made of. Raises peewee.DatabaseError."""
    faults = []
    if not (search_index_is_sound(db, NAMES) and indexing.names_are_sound(db)):
        faults.append("differs from the names of the clients")
    if not (search_index_is_sound(db, WORDS) and indexing.texts_are_sound(db)):
        faults.append("differs from the words of the clients and their users")
    return faults


def index_anew(db: Any) -> None:
    """Make the search indexes anew. Raises peewee.DatabaseError."""
    with db.atomic():
        indexing.index_anew(db)


def search_index_is_sound(db: peewee.Database, index: str) -> bool:
    """Compare a search index with its table, row by row. Raises peewee.DatabaseError if busy.

    The rank of 1 is what makes FTS5 look at the table, and not only at the index itself.
    """
    try:
        command(db, index, "integrity-check", rank=1)
    except peewee.DatabaseError as error:
        if codes.code(error) != sqlite3.SQLITE_CORRUPT:
            raise
        return False
    return True


def command(db: peewee.Database, index: str, command: str, **values: int) -> None:
    """Tell a search index to do something. Raises peewee.DatabaseError."""
    # What FTS5 is told goes into the column that has the name of the table.
    table = peewee.Table(index)
    columns = {getattr(table.c, name): value for name, value in {index: command, **values}.items()}
    table.insert(columns).execute(db)
