"""Webhooks: each is a cursor over the log of events, and what came of its last try."""

TABLE = """CREATE TABLE webhook (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL,
    types TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    event_id INTEGER NOT NULL,
    nonce TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    former_epoch INTEGER,
    is_overtaken INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    retry_at TEXT,
    skipped TEXT NOT NULL DEFAULT '[]',
    last_time TEXT,
    last_event_id INTEGER,
    last_status INTEGER,
    last_error TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
)"""


def up(migrator, db):
    db.execute_sql(TABLE)
