"""What the filter `q` looks into, by three characters in a row; see this migration of SQLite.

No database has stopped before it, so that there are no rows to make words of.
"""


def up(migrator, db):
    for source in ("client", "user"):
        db.execute_sql(f'ALTER TABLE "{source}" ADD COLUMN words TEXT COLLATE "C"')
        db.execute_sql(
            f'CREATE INDEX {source}_words ON "{source}" USING gin (words gin_trgm_ops) '
            "WITH (fastupdate = off)"
        )
