"""What the filter `q` looks into: what is known of clients and their users, by three characters.

`words` is the folded text of it (models/queries/words.py); names of clients and tags have an index
and a key already. What is new is indexed by the hundred, since that costs a fraction of doing so
one by one: rows with an id up to that in `words_indexed` are in the index, the others are so few
that they are looked at. As in `client_search`, two line ends behind each text make every character
of it the first of three.
"""

from clients_api.models.queries.words import details, person_details

BATCH = 1000
AT_ONCE = 100  # rows
SOURCES = {
    "client": (details, "phone, description, website, vat, billing_city"),
    "user": (person_details, "first_name, last_name, email, phone"),
}
TABLE = """CREATE TABLE words_indexed (
    source TEXT NOT NULL PRIMARY KEY,
    id INTEGER NOT NULL
) WITHOUT ROWID"""
STATEMENTS = """
CREATE VIEW {source}_words_text AS
    SELECT id, words || char(10, 10) AS words FROM {source}
    WHERE words IS NOT NULL AND id <= {indexed};
CREATE VIRTUAL TABLE {source}_words USING fts5 (
    words, content = '{source}_words_text', content_rowid = 'id', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE {source}_words_trigram USING fts5vocab ('{source}_words', 'instance');
"""
INDEX = """INSERT INTO {source}_words (rowid, words)
        SELECT new.id, new.words || char(10, 10) WHERE new.words IS NOT NULL;"""
UNINDEX = """INSERT INTO {source}_words ({source}_words, rowid, words)
        SELECT 'delete', old.id, old.words || char(10, 10) WHERE old.words IS NOT NULL;"""
TRIGGERS = (
    # One trigger for both: of two, the second would see what the first has made of the number.
    """{source}_words_insert AFTER INSERT ON {source}
    WHEN new.id <= {indexed} OR new.id >= {indexed} + {at_once} BEGIN
        INSERT INTO {source}_words (rowid, words)
        SELECT id, words || char(10, 10) FROM {source}
        WHERE words IS NOT NULL AND id > MIN({indexed}, new.id - 1) AND id <= new.id;
        UPDATE words_indexed SET id = MAX(id, new.id) WHERE source = '{source}';""",
    "{source}_words_delete AFTER DELETE ON {source} WHEN old.id <= {indexed} BEGIN " + UNINDEX,
    """{source}_words_update AFTER UPDATE OF words ON {source}
    WHEN old.words IS NOT new.words AND old.id <= {indexed} BEGIN """
    + UNINDEX
    + INDEX,
)


def up(migrator, db):
    db.execute_sql(TABLE)
    for source, (make, columns) in SOURCES.items():
        indexed = f"(SELECT id FROM words_indexed WHERE source = '{source}')"
        names = {"source": source, "indexed": indexed, "at_once": AT_ONCE}
        db.execute_sql(f"ALTER TABLE {source} ADD COLUMN words TEXT")
        fill(db, source, make, columns)
        db.execute_sql(
            f"INSERT INTO words_indexed SELECT '{source}', COALESCE(MAX(id), 0) FROM {source}"
        )
        for statement in STATEMENTS.format(**names).split(";\n"):
            if statement.strip():
                db.execute_sql(statement)
        db.execute_sql(f"INSERT INTO {source}_words ({source}_words) VALUES ('rebuild')")
        for trigger in TRIGGERS:
            db.execute_sql(f"CREATE TRIGGER {trigger.format(**names)} END")


def fill(db, source, make, columns):
    """Make the words of all rows that have some; a deleted user is found by none."""
    last = 0
    scope = "AND status <> 'deleted'" if source == "user" else ""
    query = f"SELECT id, {columns} FROM {source} WHERE id > ? {scope} ORDER BY id LIMIT {BATCH}"
    while rows := db.execute_sql(query, (last,)).fetchall():
        last = rows[-1][0]
        for id, *values in rows:
            if words := make(*values):
                db.execute_sql(f"UPDATE {source} SET words = ? WHERE id = ?", (words, id))
