"""The first schema: clients, their users, categories, tags, keys, and what goes with them.

Times are text of fixed width in UTC. A column that ends in `_key` holds the folded form of
another (see models/queries/folding.py), by which it is compared, sorted or kept unique. In tables
WITHOUT ROWID the columns of the key come first, as they do in the file: the integrity check of
SQLite 3.40 mistakes them otherwise.
"""

TABLES = """
CREATE TABLE category (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type = 'client'),
    visibility TEXT NOT NULL,
    description TEXT,
    icon TEXT,
    system_default TEXT NOT NULL CHECK (system_default IN ('yes', 'no')),
    slug TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE UNIQUE INDEX category_name ON category (type, name_key);
CREATE INDEX category_name_key ON category (name_key);
CREATE INDEX category_created ON category (created);
CREATE UNIQUE INDEX category_default ON category (type) WHERE system_default = 'yes';

CREATE TABLE client (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    company_name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    phone TEXT,
    website TEXT,
    vat TEXT,
    category_id INTEGER NOT NULL REFERENCES category (id) ON DELETE RESTRICT,
    billing_street TEXT,
    billing_city TEXT,
    billing_state TEXT,
    billing_zip TEXT,
    billing_country TEXT,
    billing_invoice_due_days INTEGER CHECK (billing_invoice_due_days BETWEEN 0 AND 32767),
    shipping_street TEXT,
    shipping_city TEXT,
    shipping_state TEXT,
    shipping_zip TEXT,
    shipping_country TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE INDEX client_name ON client (name_key);
CREATE INDEX client_status ON client (status);
CREATE INDEX client_created ON client (created);
CREATE INDEX client_updated ON client (updated);
CREATE INDEX client_status_name ON client (status, name_key);
CREATE INDEX client_status_created ON client (status, created);
CREATE INDEX client_status_updated ON client (status, updated);
CREATE INDEX client_category_name ON client (category_id, name_key);
CREATE INDEX client_category_status ON client (category_id, status);
CREATE INDEX client_category_created ON client (category_id, created);
CREATE INDEX client_category_updated ON client (category_id, updated);

CREATE TABLE client_total (
    status TEXT NOT NULL,
    category_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (status, category_id)
) WITHOUT ROWID;

CREATE TABLE user (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL CHECK (type IN ('client', 'contact', 'team')),
    client_id INTEGER REFERENCES client (id) ON DELETE CASCADE,
    first_name TEXT NOT NULL,
    first_name_key TEXT NOT NULL,
    last_name TEXT NOT NULL,
    last_name_key TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT,
    phone TEXT,
    job_position TEXT,
    account_owner TEXT NOT NULL CHECK (account_owner IN ('yes', 'no')),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    role_id INTEGER NOT NULL CHECK (role_id IN (1, 2, 3)),
    facebook TEXT,
    twitter TEXT,
    linkedin TEXT,
    github TEXT,
    dribbble TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    CHECK ((status = 'deleted') = (email_key IS NULL)),
    CHECK (account_owner = 'no' OR (client_id IS NOT NULL AND status <> 'deleted')),
    CHECK ((type = 'client') = (client_id IS NOT NULL))
);
CREATE UNIQUE INDEX user_email ON user (email_key);
CREATE UNIQUE INDEX user_owner ON user (client_id) WHERE account_owner = 'yes';
CREATE INDEX user_client ON user (client_id);
CREATE INDEX user_first_name ON user (first_name_key);
CREATE INDEX user_last_name ON user (last_name_key);
CREATE INDEX user_created ON user (created);
CREATE INDEX user_updated ON user (updated);

CREATE TABLE tag (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    title_key TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE UNIQUE INDEX tag_title ON tag (title_key);
CREATE INDEX tag_created ON tag (created);

CREATE TABLE client_tag (
    client_id INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    tag_id INTEGER NOT NULL REFERENCES tag (id) ON DELETE CASCADE,
    PRIMARY KEY (client_id, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX client_tag_tag ON client_tag (tag_id, client_id);

CREATE TABLE category_user (
    category_id INTEGER NOT NULL REFERENCES category (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    PRIMARY KEY (category_id, user_id)
) WITHOUT ROWID;
CREATE INDEX category_user_user ON category_user (user_id);

CREATE TABLE custom_field (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    type TEXT NOT NULL CHECK (
        type IN ('text', 'paragraph', 'number', 'decimal', 'date', 'checkbox', 'dropdown')
    ),
    required TEXT NOT NULL CHECK (required IN ('yes', 'no')),
    options TEXT NOT NULL,
    position INTEGER NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE UNIQUE INDEX custom_field_name ON custom_field (name);
CREATE INDEX custom_field_position ON custom_field (position);

CREATE TABLE custom_value (
    client_id INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    field_id INTEGER NOT NULL REFERENCES custom_field (id) ON DELETE CASCADE,
    value BLOB NOT NULL,
    PRIMARY KEY (client_id, field_id)
) WITHOUT ROWID;
CREATE INDEX custom_value_field ON custom_value (field_id, value, client_id);

CREATE TABLE api_key (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    expires TEXT,
    last_used TEXT,
    revoked TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE UNIQUE INDEX api_key_prefix ON api_key (prefix);

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency (created);

CREATE TABLE mail (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    template TEXT NOT NULL,
    recipient TEXT NOT NULL,
    context TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'failed')),
    attempts INTEGER NOT NULL,
    due TEXT NOT NULL,
    error TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE INDEX mail_due ON mail (due) WHERE status = 'pending';
"""

# The names of clients by every three characters of their folded form. The table holds no text of
# its own (external content); the triggers keep it the same as client_text.
#
# The two line ends that follow each name make every character of it the first of three, so that
# names with one or two characters in them are a range of the index's terms (client_trigram). No
# needle reaches into them: it is trimmed.
_NAME = "{row}.name_key || char(10, 10)"
_INDEX = f"INSERT INTO client_search (rowid, name_key) VALUES (new.id, {_NAME.format(row='new')});"
_UNINDEX = f"""INSERT INTO client_search (client_search, rowid, name_key)
        VALUES ('delete', old.id, {_NAME.format(row="old")});"""
SEARCH = (
    f"""CREATE VIEW client_text AS
    SELECT id, {_NAME.format(row="client")} AS name_key FROM client""",
    """CREATE VIRTUAL TABLE client_search USING fts5 (
        name_key, content = 'client_text', content_rowid = 'id',
        tokenize = 'trigram case_sensitive 1'
    )""",
    "CREATE VIRTUAL TABLE client_trigram USING fts5vocab ('client_search', 'instance')",
    f"CREATE TRIGGER client_search_insert AFTER INSERT ON client BEGIN {_INDEX} END",
    f"CREATE TRIGGER client_search_delete AFTER DELETE ON client BEGIN {_UNINDEX} END",
    f"""CREATE TRIGGER client_search_update AFTER UPDATE OF name_key ON client
    WHEN old.name_key <> new.name_key BEGIN
        {_UNINDEX}
        {_INDEX}
    END""",
)

# The number of clients by each character, and each two in a row, of their folded names: common
# ones are in the names of most clients. The array has an element for each character of the name.


def _count_grams(row, change):
    name = f"{row}.name_key"
    return f"""INSERT INTO client_gram SELECT gram, {change} FROM (
            SELECT DISTINCT substr({name}, place.key + 1, size.value) AS gram
            FROM json_each('[0' || replace(hex(zeroblob(length({name}) - 1)), '00', ',0') || ']')
                AS place, json_each('[1, 2]') AS size
        ) WHERE true
        ON CONFLICT (gram) DO UPDATE SET count = count + excluded.count;"""


GRAMS = (
    """CREATE TABLE client_gram (
        gram TEXT NOT NULL PRIMARY KEY,
        count INTEGER NOT NULL
    ) WITHOUT ROWID""",
    f"""CREATE TRIGGER client_gram_insert AFTER INSERT ON client BEGIN
        {_count_grams("new", 1)}
    END""",
    f"""CREATE TRIGGER client_gram_delete AFTER DELETE ON client BEGIN
        {_count_grams("old", -1)}
    END""",
    f"""CREATE TRIGGER client_gram_update AFTER UPDATE OF name_key ON client
    WHEN old.name_key <> new.name_key BEGIN
        {_count_grams("old", -1)}
        {_count_grams("new", 1)}
    END""",
)

# The number of clients by status and category: counted when they change, not when they are listed.
_COUNT_IN = """INSERT INTO client_total VALUES (new.status, new.category_id, 1)
        ON CONFLICT (status, category_id) DO UPDATE SET count = count + 1;"""
_COUNT_OUT = """UPDATE client_total SET count = count - 1
        WHERE status = old.status AND category_id = old.category_id;"""
TOTALS = (
    f"CREATE TRIGGER client_total_insert AFTER INSERT ON client BEGIN {_COUNT_IN} END",
    f"CREATE TRIGGER client_total_delete AFTER DELETE ON client BEGIN {_COUNT_OUT} END",
    f"""CREATE TRIGGER client_total_update AFTER UPDATE OF status, category_id ON client
    WHEN old.status <> new.status OR old.category_id <> new.category_id BEGIN
        {_COUNT_OUT}
        {_COUNT_IN}
    END""",
)


DROPPED = """
    client_trigram client_search client_gram mail idempotency api_key custom_value custom_field
    category_user client_tag tag user client_total client category
"""


def up(migrator, db):
    for statement in (*TABLES.split(";\n"), *SEARCH, *GRAMS, *TOTALS):
        if statement.strip():
            db.execute_sql(statement)
    # Id 2 is the default category of the API that this one stands in for.
    db.execute_sql(
        """INSERT INTO category
            (id, name, name_key, type, visibility, system_default, slug, created, updated)
        SELECT 2, 'Default', 'default', 'client', 'everyone', 'yes', 'default', moment, moment
        FROM (SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') AS moment)"""
    )


def down(migrator, db):
    for table in DROPPED.split():
        db.execute_sql(f"DROP TABLE {table}")
    db.execute_sql("DROP VIEW client_text")
