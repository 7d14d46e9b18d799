"""Both engines: one schema, one interface, and nothing of the one where the other serves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter

import pytest
from conftest import ROOT

from clients_api import create_app
from clients_api.models.engines import migrating
from clients_api.models.engines.opening import open_database

# What SQLite searches through; PostgreSQL has indexes for it.
OF_SEARCH = re.compile(
    r"client_gram|client_search|client_trigram|(client|user)_words|words_indexed"
)
OF_RUNNER = "schema_migration"
FAMILIES = {
    "INTEGER": "integer",
    "bigint": "integer",
    "integer": "integer",
    "TEXT": "text",
    "text": "text",
    "BLOB": "bytes",
    "bytea": "bytes",
}
CHECKS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'table'",
    "postgresql": """SELECT relname, string_agg('CHECK', '') FROM pg_constraint
        JOIN pg_class ON pg_class.oid = conrelid WHERE contype = 'c' GROUP BY relname""",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory, cluster):
    """A migrated database of each engine."""
    folder = tmp_path_factory.mktemp("both")
    name = cluster.create()
    settings = {"SQLITE_SYNCHRONOUS": "normal"}
    urls = ("sqlite:///clients.sqlite3", cluster.url(name))
    made = [open_database(url, folder, settings) for url in urls]
    for db in made:
        migrating.migrate(db)
    yield made
    for db in made:
        db.close_all()
    cluster.drop(name)


def tables(db) -> set[str]:
    return {name for name in db.tables() if not OF_SEARCH.match(name)} - {OF_RUNNER}


def test_both_have_the_same_migrations():
    names = [
        sorted(path.stem for path in (migrating.FOLDER / engine).glob("0*.py"))
        for engine in ("sqlite", "postgresql")
    ]
    assert names[0] == names[1] != []


def test_both_have_the_same_tables_and_columns(both):
    one, other = both
    assert tables(one) == tables(other)
    for table in tables(one):
        columns = [
            {
                column.name: (FAMILIES[column.data_type], column.null, column.primary_key)
                for column in db.get_columns(table)
            }
            for db in both
        ]
        if table == "custom_value":
            # One engine stores a value with its type, the other as JSON.
            assert [c.pop("value")[0] for c in columns] == ["bytes", "text"]
        assert columns[0] == columns[1], table


def test_both_keep_the_same_things_unique_and_whole(both):
    for table in tables(both[0]):
        unique = [
            {tuple(i.columns) for i in db.get_indexes(table) if i.unique}
            - {tuple(db.get_primary_keys(table))}
            for db in both
        ]
        assert unique[0] == unique[1], table
        references = [
            {
                (k.column, k.dest_table, k.dest_column, k.on_delete)
                for k in db.get_foreign_keys(table)
            }
            for db in both
        ]
        assert references[0] == references[1], table


def test_both_check_as_much(both):
    counts = [
        Counter(
            {
                name: sql.count("CHECK")
                for name, sql in db.execute_sql(CHECKS[db.name]).fetchall()
                if "CHECK" in sql
            }
        )
        for db in both
    ]
    assert counts[0] == counts[1]
    assert counts[0]["user"] > 5


def test_both_have_an_index_for_the_same(both):
    """PostgreSQL's end with the id where SQLite's have it anyway, and one has a digest."""
    for table in tables(both[0]):
        served = []
        for db in both:
            keys = {tuple(db.get_primary_keys(table))}
            found = {tuple(index.columns) for index in db.get_indexes(table)} - keys
            found = {tuple(re.sub(r"md5\((\w+)\)", r"\1", c or "") for c in i) for i in found}
            served.append({i[:-1] if i[-1] == "id" and len(i) > 1 else i for i in found})
        assert served[0] == served[1] - {("words",)}, table


def test_a_name_of_an_engine_stands_with_the_engines_alone():
    spoken = re.compile(
        r"sqlite|postgres|psycopg|pragma|fts5|rowid|json_each|json_group|pg_|instr\(|"
        r"isinstance\([^)]*(?:Database|Engine)\)",
        re.IGNORECASE,
    )
    # A setting of the one, the default file, what to install, and how URLs begin.
    allowed = re.compile(
        r"(?i:SQLITE_SYNCHRONOUS)|sqlite:///|clients\.sqlite3|`postgresql`|The SQLite file, or the "
        r"PostgreSQL database|sqlite\|postgres\(\?:ql\)\?"
    )
    for top in ("clients_api", "models", "schemas", "blueprints"):
        for path in (ROOT / top).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            # What a file that somebody sends may be, instead of a table, is another matter.
            if re.match(r"models/(engines|migrations)/|clients_api/files/decoding", name):
                continue
            tree = ast.parse(path.read_text())
            docs = {
                id(node.body[0].value)
                for node in ast.walk(tree)
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
                and isinstance(node.body[0], ast.Expr)
            }
            for node in ast.walk(tree):
                words = [getattr(node, "id", ""), getattr(node, "attr", "")]
                words += [getattr(node, "module", "") or "", getattr(node, "name", "") or ""]
                if isinstance(node, ast.Constant) and id(node) not in docs:
                    words.append(str(node.value))
                if isinstance(node, ast.Call):
                    words.append(ast.unparse(node)[:60])
                for word in words:
                    assert not spoken.search(allowed.sub("", word)), (name, word)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_of_the_engines_only_that_is_loaded_which_serves(both, tmp_path, engine):
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[engine]
    url = "sqlite:///clients.sqlite3" if engine == "sqlite" else both[1]._url
    script = (
        "import sys; from clients_api import create_app\n"
        "app = create_app({'INSTANCE_PATH': sys.argv[1], 'DATABASE_URL': sys.argv[2]})\n"
        "assert app.test_client().get('/api/ready').status_code == 200\n"
        "app.database.close_all(); print(*sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), url]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert f"clients_api.models.engines.{engine}" in done.stdout.split(), done.stderr
    assert f"clients_api.models.engines.{other}" not in done.stdout.split()


def test_without_the_driver_a_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr("clients_api.models.engines.opening.DRIVER", "no_such_driver")
    url = "postgresql://me:swordfish@host/db"
    with pytest.raises(SystemExit, match=r"pip install 'clients-api\[postgresql\]'") as told:
        create_app({"INSTANCE_PATH": tmp_path, "DATABASE_URL": url})
    assert "swordfish" not in str(told.value)
