"""By what two clients may be of the same company, and into which one a client was merged.

See this migration of SQLite. No database has stopped before it, so that there are no rows to make
keys of.
"""

STATEMENTS = (
    'ALTER TABLE client ADD COLUMN name_match TEXT COLLATE "C"',
    'ALTER TABLE client ADD COLUMN vat_match TEXT COLLATE "C"',
    'ALTER TABLE client ADD COLUMN phone_match TEXT COLLATE "C"',
    'ALTER TABLE "user" ADD COLUMN domain_match TEXT COLLATE "C"',
    "CREATE TABLE client_merged (source_id BIGINT PRIMARY KEY, target_id BIGINT NOT NULL)",
    "CREATE INDEX client_merged_target_id ON client_merged (target_id)",
    "CREATE INDEX client_name_match ON client (name_match) WHERE name_match IS NOT NULL",
    "CREATE INDEX client_vat_match ON client (vat_match) WHERE vat_match IS NOT NULL",
    "CREATE INDEX client_phone_match ON client (phone_match) WHERE phone_match IS NOT NULL",
    """CREATE INDEX user_domain_match ON "user" (domain_match, client_id)
        WHERE domain_match IS NOT NULL AND client_id IS NOT NULL""",
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
