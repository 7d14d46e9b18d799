"""What the search indexes learn of many clients at once, which costs a fraction of one by one.

Until then the texts that have changed are looked at (models/migrations/0005_texts.py).
"""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import peewee

Row = TypeVar("Row")

AT_ONCE = 250  # clients
BATCH = 1000  # texts that are held in memory

_WRITE = """UPDATE client_words_new SET text = COALESCE(
        (SELECT text FROM client_words_known WHERE id = client_words_new.id), ''
    ) WHERE text IS NULL RETURNING (SELECT COUNT(*) FROM client_words_new)"""
_LAST = "SELECT MAX(id) FROM (SELECT id FROM client_words_new ORDER BY id LIMIT ?)"
_TEXTS = "SELECT text FROM client_words_old WHERE id <= ?"
_PUT_RIGHT = (
    """INSERT INTO client_words (client_words, rowid, text)
    SELECT 'delete', id, text FROM client_words_old WHERE id <= ?""",
    """DELETE FROM client_words_text
    WHERE id IN (SELECT id FROM client_words_new WHERE id <= ?)""",
    """INSERT INTO client_words_text
    SELECT id, text FROM client_words_new_text WHERE id <= ? AND text <> ''""",
    """INSERT INTO client_words (rowid, text)
    SELECT id, text FROM client_words_old WHERE id <= ?""",
)
_EMPTY = (
    "DELETE FROM client_gram",
    "DELETE FROM client_words_gram",
    "DELETE FROM client_words_new",
    "DELETE FROM client_words_text",
    "INSERT INTO client_search (client_search) VALUES ('rebuild')",
    "INSERT INTO client_words (client_words) VALUES ('rebuild')",
    "INSERT INTO client_words_new (id) SELECT id FROM client",
)
_WRONG = """SELECT now.id FROM (
        SELECT id, text FROM client_words_text WHERE id NOT IN (SELECT id FROM client_words_new)
        UNION ALL SELECT id, text FROM client_words_new WHERE text IS NOT NULL
    ) AS now LEFT JOIN client_words_known AS known ON known.id = now.id
    WHERE now.text <> COALESCE(known.text, '')
    UNION ALL SELECT id FROM client WHERE id NOT IN (SELECT id FROM client_words_text)
        AND id NOT IN (SELECT id FROM client_words_new)
    LIMIT 1"""
_LAST_IDS = """SELECT COALESCE((SELECT MAX(id) FROM client), 0),
    COALESCE((SELECT MAX(id) FROM user), 0)"""
_COUNTED = {
    "client_gram": """INSERT INTO client_gram VALUES (?, ?)
    ON CONFLICT (gram) DO UPDATE SET count = count + excluded.count""",
    "client_words_gram": """INSERT INTO client_words_gram VALUES (?, ?)
    ON CONFLICT (gram) DO UPDATE SET count = count + excluded.count""",
}
_RESTING = """SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN (
    'client_search_insert', 'client_gram_insert', 'client_total_insert',
    'client_words_insert', 'user_words_insert'
)"""
_MADE = (  # what these would have done
    "INSERT INTO client_search (rowid, name_key) SELECT id, name_key FROM client_text WHERE id > ?",
    """INSERT INTO client_total SELECT status, category_id, COUNT(*) FROM client WHERE id > ?
    GROUP BY status, category_id
    ON CONFLICT (status, category_id) DO UPDATE SET count = count + excluded.count""",
    "INSERT OR IGNORE INTO client_words_new (id) SELECT id FROM client WHERE id > ?",
)
_USERS = """INSERT INTO client_words_new (id)
    SELECT client_id FROM user WHERE id > ? AND client_id IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET text = NULL WHERE text IS NOT NULL"""


def keep_up(db: peewee.SqliteDatabase) -> None:
    """Write down the texts that this transaction has changed, and index some if there are many.

    Of a tag that thousands of clients have, the rest is left to those who write next.
    """
    changed = db.execute_sql(_WRITE)
    row = changed.fetchone()
    changed.close()
    if row is not None and row[0] >= AT_ONCE:
        _index_batch(db, AT_ONCE)


def index_texts(db: peewee.SqliteDatabase) -> None:
    """Index all texts that have changed, in the transaction that is open."""
    while _index_batch(db, BATCH):
        pass


def _index_batch(db: peewee.SqliteDatabase, most: int) -> bool:
    (last,) = db.execute_sql(_LAST, (most,)).fetchone()
    if last is None:
        return False
    before = _counts_of_texts(db, last)
    for statement in _PUT_RIGHT:
        db.execute_sql(statement, (last,))
    counts = _counts_of_texts(db, last)
    counts.subtract(before)
    _count(db, "client_words_gram", counts)
    db.execute_sql("DELETE FROM client_words_new WHERE id <= ?", (last,))
    return True


def index_anew(db: peewee.SqliteDatabase) -> None:
    """Make all that the indexes have from the clients, in the transaction that is open."""
    for statement in _EMPTY:
        db.execute_sql(statement)
    names = db.execute_sql("SELECT name_key FROM client")
    _count(db, "client_gram", gram_counts(name for (name,) in names))
    index_texts(db)


def names_are_sound(db: peewee.SqliteDatabase) -> bool:
    """Compare the counts of one and two characters with the names of the clients."""
    with db.atomic("DEFERRED"):
        return _grams_are_sound(db, "client_gram", "SELECT name_key FROM client")


def texts_are_sound(db: peewee.SqliteDatabase) -> bool:
    """Compare the texts that stand for now with the clients, and what is counted with them."""
    with db.atomic("DEFERRED"):
        if db.execute_sql(_WRONG).fetchone() is not None:
            return False
        return _grams_are_sound(db, "client_words_gram", "SELECT text FROM client_words_text")


def _grams_are_sound(db: peewee.SqliteDatabase, table: str, texts: str) -> bool:
    grams = peewee.Table(table, ("gram", "count"))
    kept = grams.select(grams.gram, grams.count).where(grams.count != 0).bind(db).tuples()
    return dict(kept) == gram_counts(text for (text,) in db.execute_sql(texts))


@contextmanager
def at_once(db: peewee.SqliteDatabase) -> Iterator[None]:
    """Index what is made within it at its end; in a transaction that an exception undoes.

    Without triggers SQLite keeps no copy of the pages that a row changes, in case one of them
    fails, which costs more than all else of a row.
    """
    last_client, last_user = db.execute_sql(_LAST_IDS).fetchone()
    triggers = db.execute_sql(_RESTING).fetchall()
    for name, _ in triggers:
        db.execute_sql(f'DROP TRIGGER "{name}"')
    db.execute_sql("INSERT INTO client_search_later VALUES (?)", (last_client,))
    yield
    db.execute_sql("DELETE FROM client_search_later")
    for statement in _MADE:
        db.execute_sql(statement, (last_client,))
    db.execute_sql(_USERS, (last_user,))
    names = db.execute_sql("SELECT name_key FROM client WHERE id > ?", (last_client,))
    _count(db, "client_gram", gram_counts(name for (name,) in names))
    index_texts(db)
    for _, sql in triggers:
        db.execute_sql(sql)


def in_bulk(db: peewee.SqliteDatabase, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows, of which clients are made as they come; what many of them make, `at_once`."""
    rows = iter(rows)
    yield from itertools.islice(rows, AT_ONCE)
    for row in rows:
        with at_once(db):
            yield row
            yield from rows


def gram_counts(texts: Iterable[str]) -> Counter[str]:
    """Count the texts by each character, and each two in a row, that they have."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({*text, *map(operator.add, text, text[1:])})
    return counts


def _counts_of_texts(db: peewee.SqliteDatabase, last: int) -> Counter[str]:
    return gram_counts(text for (text,) in db.execute_sql(_TEXTS, (last,)))


def _count(db: peewee.SqliteDatabase, table: str, counts: Counter[str]) -> None:
    db.cursor().executemany(_COUNTED[table], [row for row in counts.items() if row[1]])
