"""What can be wrong in a SQLite file, and in the indexes that clients are searched through."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import peewee
from peewee import sqlite3

from . import codes, words
from .names import INDEX as NAMES

_OF_SEARCH_INDEX = re.compile(rf"\b({'|'.join(words.TERMS)})\b")
_clients = peewee.Table("client", ("name_key",))
_grams = peewee.Table("client_gram", ("gram", "count"))


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
    if not (search_index_is_sound(db, NAMES) and _grams_are_sound(db)):
        faults.append("differs from the names of the clients")
    if not all(search_index_is_sound(db, index) for index in words.TERMS.keys() - {NAMES}):
        faults.append("differs from the words of the clients and their users")
    return faults


def _grams_are_sound(db: Any) -> bool:
    kept = _grams.select(_grams.gram, _grams.count).where(_grams.count != 0)
    with db.reading():
        return dict(kept.bind(db).tuples()) == _counted_grams(db)


def _counted_grams(db: Any) -> Counter[str]:
    counted: Counter[str] = Counter()
    for (name,) in _clients.select(_clients.name_key).bind(db).tuples().iterator():
        counted.update({name[i : i + size] for i in range(len(name)) for size in (1, 2)})
    return counted


def index_anew(db: Any) -> None:
    """Make the search indexes anew. Raises peewee.DatabaseError."""
    with db.atomic():
        for index in words.TERMS:
            rebuild_search_index(db, index)
        _grams.delete().execute(db)
        for row in _counted_grams(db).items():
            _grams.insert([row], columns=[_grams.gram, _grams.count]).execute(db)


def search_index_is_sound(db: peewee.Database, index: str) -> bool:
    """Compare a search index with its table, row by row. Raises peewee.DatabaseError if busy.

    The rank of 1 is what makes FTS5 look at the table, and not only at the index itself.
    """
    try:
        _command(db, index, "integrity-check", rank=1)
    except peewee.DatabaseError as error:
        if codes.code(error) != sqlite3.SQLITE_CORRUPT:
            raise
        return False
    return True


def rebuild_search_index(db: peewee.Database, index: str) -> None:
    """Make a search index anew from its table. Raises peewee.DatabaseError."""
    _command(db, index, "rebuild")


def _command(db: peewee.Database, index: str, command: str, **values: int) -> None:
    # What FTS5 is told goes into the column that has the name of the table.
    table = peewee.Table(index)
    columns = {getattr(table.c, name): value for name, value in {index: command, **values}.items()}
    table.insert(columns).execute(db)
