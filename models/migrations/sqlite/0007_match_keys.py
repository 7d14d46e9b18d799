"""By what two clients may be of the same company, and into which one a client was merged.

The keys (models/queries/matchkeys.py) stand in indexes of their own, in which what is alike is
side by side. `client_merged` has no reference to its target: should that be deleted and come back,
the way to it is there again.
"""

from clients_api.models.queries.matchkeys import client_match_keys, domain_match

BATCH = 1000
COLUMNS = """
ALTER TABLE client ADD COLUMN name_match TEXT;
ALTER TABLE client ADD COLUMN vat_match TEXT;
ALTER TABLE client ADD COLUMN phone_match TEXT;
ALTER TABLE user ADD COLUMN domain_match TEXT;
CREATE TABLE client_merged (
    source_id INTEGER NOT NULL PRIMARY KEY,
    target_id INTEGER NOT NULL
);
CREATE INDEX client_merged_target_id ON client_merged (target_id)
"""
INDEXES = """
CREATE INDEX client_name_match ON client (name_match) WHERE name_match IS NOT NULL;
CREATE INDEX client_vat_match ON client (vat_match) WHERE vat_match IS NOT NULL;
CREATE INDEX client_phone_match ON client (phone_match) WHERE phone_match IS NOT NULL;
CREATE INDEX user_domain_match ON user (domain_match, client_id)
    WHERE domain_match IS NOT NULL AND client_id IS NOT NULL
"""


def up(migrator, db):
    for statement in COLUMNS.split(";\n"):
        db.execute_sql(statement)
    for name_key, vat, phone, id in rows(db, "client", "name_key, vat, phone"):
        keys = client_match_keys({"name_key": name_key, "vat": vat, "phone": phone})
        assignments = ", ".join(f"{column} = ?" for column in keys)
        db.execute_sql(f"UPDATE client SET {assignments} WHERE id = ?", (*keys.values(), id))
    for email_key, id in rows(db, "user", "email_key", "AND email_key IS NOT NULL"):
        db.execute_sql(
            "UPDATE user SET domain_match = ? WHERE id = ?", (domain_match(email_key), id)
        )
    for statement in INDEXES.split(";\n"):
        db.execute_sql(statement)


def rows(db, table, columns, scope=""):
    """Yield columns of all rows, and the id, a batch at a time: they are changed meanwhile."""
    last = 0
    query = f"SELECT {columns}, id FROM {table} WHERE id > ? {scope} ORDER BY id LIMIT {BATCH}"
    while batch := db.execute_sql(query, (last,)).fetchall():
        yield from batch
        last = batch[-1][-1]
