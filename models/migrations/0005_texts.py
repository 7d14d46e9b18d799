"""One text for each client in which words are found: its own, that of its users and of its tags.

`client_words_text` has it as the index `client_words` has it, and `client_words_gram` counts one
and two characters. To put a change into these costs a fraction by the hundred: triggers note in
`client_words_new` whose text is another one now, with NULL for the text until that is written there
(models/engines/indexing.py). What these have in the index is in `client_words_old`.

Of many clients that are made at once, names too are indexed at the end, and what counts them: of
those with a higher id than stands in `client_search_later`.
"""

import itertools
from collections import Counter

from clients_api.models.queries.words import details, person_details

BATCH = 1000
SOURCES = {
    "client": (details, "phone, company_name, description, website, vat, billing_city"),
    "user": (person_details, "first_name, last_name, email, phone"),
    "tag": (details, "NULL, title"),
}
FORMER = ("client", "user")
CHANGES = ("insert", "delete", "update")
DROPPED = (
    *(f"TRIGGER {source}_words_{change}" for source in FORMER for change in CHANGES),
    *(f"TABLE {source}_words{table}" for source in FORMER for table in ("_trigram", "")),
    *(f"VIEW {source}_words_text" for source in FORMER),
    "TABLE words_indexed",
)

TEXTS = (
    # As in client_search, two line ends make every character the first of three.
    """CREATE VIEW client_words_known AS SELECT id, COALESCE(words, '') || COALESCE((
            SELECT group_concat(char(10) || words, '') FROM (
                SELECT words FROM user
                WHERE client_id = client.id AND words IS NOT NULL ORDER BY id
            )
        ), '') || COALESCE((
            SELECT group_concat(char(10) || words, '') FROM (
                SELECT tag.words FROM client_tag CROSS JOIN tag ON tag.id = client_tag.tag_id
                WHERE client_tag.client_id = client.id ORDER BY client_tag.position
            )
        ), '') || char(10, 10) AS text
    FROM client""",
    "CREATE TABLE client_words_text (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE TABLE client_words_new (id INTEGER NOT NULL PRIMARY KEY, text TEXT)",
    """CREATE VIEW client_words_old AS SELECT client_words_new.id AS id, client_words_text.text
    FROM client_words_new CROSS JOIN client_words_text
        ON client_words_text.id = client_words_new.id""",
    """CREATE VIEW client_words_new_text AS SELECT id, COALESCE(
        text, (SELECT text FROM client_words_known WHERE id = client_words_new.id), ''
    ) AS text FROM client_words_new""",
    """CREATE VIRTUAL TABLE client_words USING fts5 (
        text, content = 'client_words_text', content_rowid = 'id', columnsize = 0,
        tokenize = 'trigram case_sensitive 1'
    )""",
    "CREATE VIRTUAL TABLE client_words_trigram USING fts5vocab ('client_words', 'instance')",
    """CREATE TABLE client_words_gram (
        gram TEXT NOT NULL PRIMARY KEY,
        count INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE client_search_later (id INTEGER NOT NULL PRIMARY KEY)",
)
INDEX = (
    "INSERT INTO client_words_text SELECT id, text FROM client_words_known",
    "INSERT INTO client_words (client_words) VALUES ('rebuild')",
    # More parts are merged at once, and so seldomer: a third less work, and found as soon.
    "INSERT INTO client_words (client_words, rank) VALUES ('automerge', 8)",
)

NOTE = """CREATE TRIGGER {table}_words_{change} AFTER {event} ON {table} BEGIN
    INSERT INTO client_words_new (id) SELECT {ids}
    ON CONFLICT (id) DO UPDATE SET text = NULL WHERE text IS NOT NULL;
END"""
TRIGGERS = (  # whose text is another one, after which event
    ("client", "insert", "INSERT", "new.id WHERE true"),
    ("client", "delete", "DELETE", "old.id WHERE true"),
    ("client", "update", "UPDATE OF words", "new.id WHERE old.words IS NOT new.words"),
    ("user", "insert", "INSERT", "new.client_id WHERE new.client_id IS NOT NULL"),
    ("user", "delete", "DELETE", "old.client_id WHERE old.client_id IS NOT NULL"),
    (
        "user",
        "update",
        "UPDATE OF words, client_id",
        """id FROM (SELECT old.client_id AS id UNION SELECT new.client_id) WHERE id IS NOT NULL
        AND (old.words IS NOT new.words OR old.client_id IS NOT new.client_id)""",
    ),
    ("client_tag", "insert", "INSERT", "new.client_id WHERE true"),
    ("client_tag", "delete", "DELETE", "old.client_id WHERE true"),
    ("client_tag", "update", "UPDATE OF tag_id", "new.client_id WHERE true"),
    ("tag", "delete", "DELETE", "client_id FROM client_tag WHERE tag_id = old.id"),
    (
        "tag",
        "update",
        "UPDATE OF words",
        "client_id FROM client_tag WHERE tag_id = new.id AND old.words IS NOT new.words",
    ),
)
LATER = ("client_search", "client_gram", "client_total")  # whose triggers leave them alone then


def up(migrator, db):
    for what in DROPPED:
        db.execute_sql(f"DROP {what}")
    db.execute_sql("ALTER TABLE tag ADD COLUMN words TEXT")
    for source, (make, columns) in SOURCES.items():
        fill(db, source, make, columns)
    for statement in (*TEXTS, *INDEX):
        db.execute_sql(statement)
    count_grams(db)
    for table, change, event, ids in TRIGGERS:
        db.execute_sql(NOTE.format(table=table, change=change, event=event, ids=ids))
    for kept in LATER:
        for change in ("delete", "update"):
            make_anew(db, f"{kept}_{change}")


def fill(db, source, make, columns):
    """Make the words of all rows; a deleted user is found by none."""
    last = 0
    scope = "AND status <> 'deleted'" if source == "user" else ""
    query = f"""SELECT id, words, {columns} FROM {source} WHERE id > ? {scope}
        ORDER BY id LIMIT {BATCH}"""
    while rows := db.execute_sql(query, (last,)).fetchall():
        last = rows[-1][0]
        for id, before, *values in rows:
            if (words := make(*values)) != before:
                db.execute_sql(f"UPDATE {source} SET words = ? WHERE id = ?", (words, id))


def count_grams(db):
    """Count the clients by each character, and each two in a row, of their texts."""
    counts: Counter[str] = Counter()
    for (text,) in db.execute_sql("SELECT text FROM client_words_text"):
        counts.update({*text, *map("".join, itertools.pairwise(text))})
    for row in counts.items():
        db.execute_sql("INSERT INTO client_words_gram VALUES (?, ?)", row)


def make_anew(db, trigger):
    """Make a trigger that leaves clients alone that are indexed later."""
    query = "SELECT sql FROM sqlite_master WHERE name = ?"
    (sql,) = db.execute_sql(query, (trigger,)).fetchone()
    head, begin, body = sql.partition("BEGIN")
    head, _, condition = head.partition("WHEN")
    conditions = [f"({condition.strip()})"] if condition else []
    conditions.append("NOT EXISTS (SELECT 1 FROM client_search_later WHERE id < old.id)")
    db.execute_sql(f"DROP TRIGGER {trigger}")
    db.execute_sql(f"{head} WHEN {' AND '.join(conditions)} {begin}{body}")
