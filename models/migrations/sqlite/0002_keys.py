"""Keys that are blind to accents, and e-mail addresses that are compared by IDNA 2008.

What is found and sorted by name has a key without accents (`plain` in models/queries/folding.py);
what is unique without regard to case keeps one with them (`fold`), and tags and categories have
both from here on.

Two keys that differed can now be the same. Nothing is lost then: who has the key keeps it, or else
the older one, and the other gets it with its id behind a character that no key has. It is listed
and found as before, but a second one like it can be made only when the first is gone.
"""

from collections import Counter

from clients_api.models.queries.folding import address_key, fold, plain

BATCH = 1000
NO_CHARACTER = "\uffff"

COLUMNS = (
    "ALTER TABLE category ADD COLUMN name_plain TEXT NOT NULL DEFAULT ''",
    "DROP INDEX category_name_key",
    "CREATE INDEX category_name_plain ON category (name_plain)",
    "ALTER TABLE tag ADD COLUMN title_plain TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX tag_title_plain ON tag (title_plain)",
)
PLAIN = (  # table, text, key
    ("client", "company_name", "name_key"),
    ("user", "first_name", "first_name_key"),
    ("user", "last_name", "last_name_key"),
    ("category", "name", "name_plain"),
    ("tag", "title", "title_plain"),
)
UNIQUE = (  # table, text, key, what makes the key
    ("category", "name", "name_key", fold),
    ("tag", "title", "title_key", fold),
    ("user", "email", "email_key", address_key),
)


def up(migrator, db):
    for statement in COLUMNS:
        db.execute_sql(statement)
    # Kept right name by name, the search index would take minutes.
    triggers = [made_of(db, name) for name in ("client_search_update", "client_gram_update")]
    for table, text, key in PLAIN:
        for id, new in changed(db, table, text, key, plain):
            set_key(db, table, key, id, new)
    index_anew(db)
    for sql in triggers:
        db.execute_sql(sql)
    for table, text, key, make in UNIQUE:
        # First all let go of the keys that they have: another one may need them.
        waiting = f"{NO_CHARACTER}waiting "
        for id, _ in changed(db, table, text, key, make):
            set_key(db, table, key, id, f"{waiting}{id}")
        for id, new in changed(db, table, text, key, make):
            taken = db.execute_sql(f"SELECT 1 FROM {table} WHERE {key} = ?", (new,)).fetchone()
            set_key(db, table, key, id, f"{new}{NO_CHARACTER}{id}" if taken else new)


def made_of(db, trigger):
    """Drop a trigger and return the statement that makes it."""
    query = "SELECT sql FROM sqlite_master WHERE name = ?"
    (sql,) = db.execute_sql(query, (trigger,)).fetchone()
    db.execute_sql(f"DROP TRIGGER {trigger}")
    return sql


def index_anew(db):
    """Make the search index, and the counts of one and two characters, from the names."""
    db.execute_sql("INSERT INTO client_search (client_search) VALUES ('rebuild')")
    counts: Counter[str] = Counter()
    for (name,) in db.execute_sql("SELECT name_key FROM client"):
        counts.update({name[i : i + size] for i in range(len(name)) for size in (1, 2)})
    db.execute_sql("DELETE FROM client_gram")
    for row in counts.items():
        db.execute_sql("INSERT INTO client_gram VALUES (?, ?)", row)


def changed(db, table, text, key, make):
    """Yield the id and the new key of each row that has another one, in the order of the ids."""
    last = 0
    query = f"SELECT id, {text}, {key} FROM {table} WHERE id > ? ORDER BY id LIMIT {BATCH}"
    while rows := db.execute_sql(query, (last,)).fetchall():
        last = rows[-1][0]
        for id, value, old in rows:
            if old is not None and (new := make(value)) != old:
                yield id, new


def set_key(db, table, key, id, value):
    db.execute_sql(f"UPDATE {table} SET {key} = ? WHERE id = ?", (value, id))
