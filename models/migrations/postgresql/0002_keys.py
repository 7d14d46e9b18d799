"""Keys that are blind to accents; see this migration of SQLite.

No database has stopped before it, so that there are no rows to give them to.
"""

STATEMENTS = (
    """ALTER TABLE category ADD COLUMN name_plain TEXT COLLATE "C" NOT NULL DEFAULT ''""",
    "UPDATE category SET name_plain = name_key",
    "DROP INDEX category_name_key",
    "CREATE INDEX category_name_plain ON category (name_plain, id)",
    """ALTER TABLE tag ADD COLUMN title_plain TEXT COLLATE "C" NOT NULL DEFAULT ''""",
    "CREATE INDEX tag_title_plain ON tag (title_plain, id)",
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
