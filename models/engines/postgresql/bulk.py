"""Many rows at once, into and out of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from clients_api.models.engines.errors import DatabaseUnusable

_SEQUENCES = """
SELECT owner.relname, pg_sequence_last_value(sequence.oid)
FROM pg_class AS sequence
JOIN pg_depend ON objid = sequence.oid AND deptype = 'i'
JOIN pg_class AS owner ON owner.oid = refobjid
WHERE sequence.relkind = 'S' AND owner.relnamespace = current_schema()::regnamespace
"""


def fill(db: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, in the transaction that is open. Raises what the errors of PostgreSQL are.

    Raises DatabaseUnusable for a text with a NUL, which PostgreSQL does not store.
    """
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with db.connection().cursor() as cursor, cursor.copy(copy) as stream:
        for row in rows:
            for column, value in zip(columns, row, strict=True):
                if isinstance(value, str) and "\0" in value:
                    raise DatabaseUnusable(
                        f"In {table}, the {column} of {row[0]} has a NUL in it, which PostgreSQL "
                        "does not store. Change it first."
                    )
            stream.write_row(row)


def last_ids(db: Any) -> dict[str, int]:
    """Return the highest id that each table has ever given, where ids are not given again."""
    return {name: last for name, last in db.execute_sql(_SEQUENCES) if last is not None}


def go_on_from(db: Any, last_ids: Mapping[str, int]) -> None:
    """Let the next ids be higher than these."""
    for table, last in last_ids.items():
        query = "SELECT setval(pg_get_serial_sequence(quote_ident(%s), 'id'), %s)"
        db.execute_sql(query, (table, last)).fetchone()


def settle(db: Any) -> None:
    """Do what many new rows call for, when they are committed: the planner has to know of them."""
    db.execute_sql("ANALYZE")
