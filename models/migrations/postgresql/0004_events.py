"""The log of all changes, and what is kept for a time to take deletions back.

The ids have no gaps, as those of SQLite have none: whoever writes is alone, and the newest event is
never pruned, so that the highest id and one is always new.
"""

STATEMENTS = (
    """CREATE FUNCTION event_next_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
    BEGIN
        RETURN (SELECT COALESCE(MAX(id), 0) + 1 FROM event);
    END $$""",
    """CREATE TABLE event (
        id BIGINT PRIMARY KEY DEFAULT event_next_id(),
        time TEXT NOT NULL,
        object TEXT NOT NULL,
        action TEXT NOT NULL,
        object_id BIGINT NOT NULL,
        client_id BIGINT,
        actor_type TEXT NOT NULL,
        actor_id BIGINT,
        actor_name TEXT,
        request_id TEXT,
        clients BIGINT,
        undoes BIGINT,
        changes TEXT,
        nonce TEXT NOT NULL
    )""",
    "CREATE INDEX event_client_id ON event (client_id, id) WHERE client_id IS NOT NULL",
    "CREATE INDEX event_object_id ON event (object_id, object, id) WHERE object <> 'client'",
    """CREATE TABLE event_undo (
        event_id BIGINT PRIMARY KEY REFERENCES event (id) ON DELETE CASCADE,
        expires TEXT NOT NULL,
        data BYTEA
    )""",
    "CREATE INDEX event_undo_expires ON event_undo (expires)",
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement.replace(" TEXT", ' TEXT COLLATE "C"'))
