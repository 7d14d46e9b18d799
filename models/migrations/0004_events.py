"""The log of all changes, and what is kept for a time to take deletions back.

Ids need no AUTOINCREMENT, which would write one page more for each change: the newest event is
never pruned, so that the highest id and one is always new.
"""

STATEMENTS = """
CREATE TABLE event (
    id INTEGER NOT NULL PRIMARY KEY,
    time TEXT NOT NULL,
    object TEXT NOT NULL,
    action TEXT NOT NULL,
    object_id INTEGER NOT NULL,
    client_id INTEGER,
    actor_type TEXT NOT NULL,
    actor_id INTEGER,
    actor_name TEXT,
    request_id TEXT,
    clients INTEGER,
    undoes INTEGER,
    changes TEXT,
    nonce TEXT NOT NULL
);
CREATE INDEX event_client_id ON event (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX event_object_id ON event (object_id, object) WHERE object <> 'client';
CREATE TABLE event_undo (
    event_id INTEGER NOT NULL PRIMARY KEY REFERENCES event (id) ON DELETE CASCADE,
    expires TEXT NOT NULL,
    data BLOB
);
CREATE INDEX event_undo_expires ON event_undo (expires);
"""


def up(migrator, db):
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)
