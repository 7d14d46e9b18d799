"""Words of tags, which the filter `q` looks into as well; see this migration of SQLite.

No database has stopped before it, so that there are no rows to make words of. Those of a client are
in three tables, each with an index.
"""

STATEMENTS = (
    'ALTER TABLE tag ADD COLUMN words TEXT COLLATE "C"',
    "CREATE INDEX tag_words ON tag USING gin (words gin_trgm_ops) WITH (fastupdate = off)",
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
