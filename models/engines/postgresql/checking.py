"""What can be wrong with the structure of a PostgreSQL database."""

from __future__ import annotations

from typing import Any

_UNSOUND = """
SELECT conname || ' is not validated' FROM pg_constraint
WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
UNION ALL
SELECT pg_index.indexrelid::regclass || ' is not valid' FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indrelid
WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace
"""


def faults(db: Any) -> list[str]:
    """Return which constraints and indexes are not to be relied on.

    What pages and indexes hold is examined by PostgreSQL's own tool, pg_amcheck.
    """
    return [fault for (fault,) in db.execute_sql(_UNSOUND).fetchall()]
