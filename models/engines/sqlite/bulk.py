"""Many rows at once, into and out of a SQLite file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import peewee

_sequence = peewee.Table("sqlite_sequence", ("name", "seq"))


def fill(db: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, in the transaction that is open. Raises what the errors of SQLite are."""
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join("?" for _ in columns)
    # The names are those of our own models.
    sql = f'INSERT INTO "{table}" ({names}) VALUES ({values})'  # nosec B608
    db.connection().executemany(sql, rows)


def last_ids(db: Any) -> dict[str, int]:
    """Return the highest id that each table has ever given, where ids are not given again."""
    return dict(_sequence.select(_sequence.name, _sequence.seq).bind(db).tuples())


def go_on_from(db: Any, last_ids: Mapping[str, int]) -> None:
    """Let the next ids be higher than these."""
    kept = last_ids.items()
    _sequence.delete().where(_sequence.name.in_([*last_ids])).execute(db)
    if kept:
        _sequence.insert([*kept], columns=[_sequence.name, _sequence.seq]).execute(db)


def settle(db: Any) -> None:
    """Do what many new rows call for, when they are committed."""
    db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
