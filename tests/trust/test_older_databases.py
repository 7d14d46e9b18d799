"""Databases of every version there was: brought to the newest, whatever stops that on its way."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import ROOT, Caller

from clients_api import create_app
from clients_api.commands.cli import cli
from clients_api.models.client import DETAILS as CLIENT_DETAILS
from clients_api.models.engines import migrating, sqlite
from clients_api.models.engines.current import using
from clients_api.models.queries.folding import address_key, fold, plain
from clients_api.models.queries.matchkeys import (
    domain_match,
    name_match,
    phone_match,
    vat_match,
)
from clients_api.models.queries.words import details, person_details
from clients_api.upkeep.checking import findings

pytestmark = pytest.mark.file("files of earlier versions")

SCALE = int(os.environ.get("TRUST_SCALE", "1"))
MIGRATIONS = migrating.FOLDER / "sqlite"
VERSIONS = sorted(file.stem for file in MIGRATIONS.glob("0*.py"))
# For each version a file with rows in every table, as the service of that version stored them.
ROWS = Path(__file__).parent / "databases"
KEY = "ck_of_every_version"
INDEX = ("client_search", "client_trigram", "client_gram", "client_words", "user_words", "words_")

# What makes each key, of which texts.
KEYS: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(
    dict,
    category={"name_key": (fold, "name"), "name_plain": (plain, "name")},
    client={
        "name_key": (plain, "company_name"),
        "words": (details, *CLIENT_DETAILS),
        "name_match": (name_match, "name_key"),
        "vat_match": (vat_match, "vat"),
        "phone_match": (phone_match, "phone"),
    },
    tag={
        "title_key": (fold, "title"),
        "title_plain": (plain, "title"),
        "words": (lambda title: details(None, title), "title"),
    },
    user={
        "first_name_key": (plain, "first_name"),
        "last_name_key": (plain, "last_name"),
        "email_key": (address_key, "email"),
        "domain_match": (lambda email: domain_match(address_key(email)), "email"),
        "words": (person_details, "first_name", "last_name", "email", "phone"),
    },
)

Contents = dict[str, list[dict[str, Any]]]


@pytest.fixture
def database_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make the database of a version, with rows in every table."""

    def make(version: str) -> Path:
        older = tmp_path / "older"
        (older / "sqlite").mkdir(parents=True)
        for name in VERSIONS[: VERSIONS.index(version) + 1]:
            shutil.copy(MIGRATIONS / f"{name}.py", older / "sqlite")
        path = tmp_path / "instance" / "clients.sqlite3"
        path.parent.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(migrating, "FOLDER", older)
            db = sqlite.Database(path)
            migrating.migrate(db)
            db.connection().executescript((ROWS / f"{version}.sql").read_text())
            db.close_all()
        return path

    return make


def contents(path: Path) -> Contents:
    """Return the rows of every table of ours, by its name; the search index is no such table.

    Nor is what is counted for it.
    """
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        tables = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", *INDEX, "schema_migration"))
        ]
        return {name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")] for name in tables}


def given(row: dict[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """Return those columns of a row that are no keys, which newer versions make in other ways."""
    return {
        name: row[name]
        for name in columns
        if not name.endswith(("_key", "_plain", "_match", "words"))
    }


def keys_of(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that a row has to have; those of a deleted user's address are gone."""
    keys = {
        key: make(*(row[text] for text in texts)) for key, (make, *texts) in KEYS[table].items()
    }
    if row.get("status") == "deleted":
        keys |= {"email_key": None, "words": None, "domain_match": None}
    return keys


def schema(path: Path) -> set[tuple[str, str]]:
    """Return kind and name of each table, index and trigger."""
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT type, name FROM sqlite_master"))


def expect_whole(path: Path, before: Contents, template: Path) -> None:
    """Check that a database of the newest version has all that it had, and serves it."""
    after = contents(path)
    for table, rows in before.items():
        kept = [given(row, rows[0]) for row in after[table]]
        assert kept == [given(row, row) for row in rows]
        for row in after[table]:
            assert {key: row[key] for key in row if key in KEYS[table]} == keys_of(table, row)
    # Peewee's helpers make some tables anew, and forget their triggers.
    assert schema(path) >= schema(template)
    app = create_app({"INSTANCE_PATH": path.parent, "RATELIMIT_ENABLED": False})
    with using(app.database):
        assert [fault for finding in findings(app.database) for fault in finding.faults] == []
    found = Caller(app, KEY).get("/clients?search=ÉCOLE").get_json()["data"]
    assert [client["tags"] for client in found] == [["priority"]]
    found = Caller(app, KEY).get("/clients?q=lukasz+priority+東京").get_json()["data"]
    assert [client["id"] for client in found] == [2]
    app.database.close_all()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_each_version_becomes_one_of_the_newest(database_of, template, version):
    path = database_of(version)
    before = contents(path)
    assert [table for table, rows in before.items() if not rows] == []
    db = sqlite.Database(path)
    assert migrating.migrate(db) == VERSIONS[VERSIONS.index(version) + 1 :]
    db.close_all()
    expect_whole(path, before, template)


def add_migration(monkeypatch, tmp_path: Path, *lines: str) -> Path:
    """Let the program be one migration ahead, which does these lines; return their folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder / "sqlite", ignore=shutil.ignore_patterns("__pycache__"))
    body = "".join(f"    {line}\n" for line in lines)
    (folder / "sqlite" / "9000_more.py").write_text(
        f"import time\n\n\ndef up(migrator, db):\n{body}"
    )
    monkeypatch.setattr(migrating, "FOLDER", folder)
    return folder


@pytest.mark.parametrize("table", ["category", "custom_field"])
def test_a_table_that_is_made_anew_keeps_its_rows_and_all_that_refer_to_it(
    database_of, template, monkeypatch, tmp_path, table
):
    """There are tools that delete what refers to such a table."""
    path = database_of(VERSIONS[-1])
    before = contents(path)
    anew = f"migrator.migrate(migrator.drop_not_null('{table}', 'created'))"
    add_migration(monkeypatch, tmp_path, anew)
    db = sqlite.Database(path)
    assert migrating.migrate(db) == ["9000_more"]
    db.close_all()
    expect_whole(path, before, template)


@pytest.mark.parametrize(
    "failure", ["db.execute_sql('INSERT INTO tag SELECT * FROM tag')", "db.execute_sql('nonsense')"]
)
def test_a_migration_that_fails_changes_nothing(
    database_of, template, monkeypatch, tmp_path, failure
):
    """It used to be said that the database could not be read, and a backup should be restored."""
    path = database_of(VERSIONS[-1])
    before, old = contents(path), schema(path)
    half = "db.execute_sql('CREATE TABLE half (x)'), db.execute_sql('DELETE FROM client')"
    add_migration(monkeypatch, tmp_path, half, failure)
    app = create_app({"INSTANCE_PATH": path.parent})
    result = CliRunner().invoke(cli, ["migrate"], obj=app)
    app.database.close_all()
    assert (result.exit_code, result.stdout) == (1, "")
    start = f"Error: The migration 9000_more of the database {path} failed, and nothing was changed"
    assert result.stderr.startswith(start)
    assert result.stderr.count("\n") == 1
    assert (contents(path), schema(path)) == (before, old)
    monkeypatch.setattr(migrating, "FOLDER", MIGRATIONS.parent)
    expect_whole(path, before, template)


def spawn(folder: Path, path: Path) -> subprocess.Popen[str]:
    """Start a process that migrates, with the migrations of a folder."""
    script = (
        "import pathlib, sys\n"
        "import clients_api\n"
        "from clients_api.models.engines import migrating, sqlite\n"
        "migrating.FOLDER = pathlib.Path(sys.argv[1])\n"
        "print('started', flush=True)\n"
        "migrating.migrate(sqlite.Database(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", script, str(folder), str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_while_migrating(folder: Path, path: Path, seconds: float = 0.3) -> None:
    """Kill a process that migrates at a random moment, so many seconds after it began at most."""
    with spawn(folder, path) as process:
        assert process.stdout.readline() == "started\n"
        time.sleep(random.uniform(0, seconds))
        process.kill()


@pytest.mark.slow
def test_a_migration_that_is_killed_at_any_moment_starts_again(
    database_of, template, monkeypatch, tmp_path
):
    path = database_of(VERSIONS[-1])
    before, old = contents(path), schema(path)
    folder = add_migration(
        monkeypatch,
        tmp_path,
        "for number in range(100):",
        "    time.sleep(0.01)",
        "    db.execute_sql(f'CREATE TABLE more_{number} AS SELECT * FROM client')",
        "    db.execute_sql(f'CREATE INDEX more_{number}_id ON more_{number} (id)')",
        "db.execute_sql('CREATE TABLE last (x)')",
    )
    for _ in range(2 * SCALE):
        kill_while_migrating(folder, path, 0.9)  # it takes a second at least
        assert (contents(path), schema(path)) == (before, old)
    print(f"{2 * SCALE} kills half-way, nothing changed")
    db = sqlite.Database(path)
    migrating.migrate(db)
    assert db.table_exists("last")
    db.close_all()
    expect_whole(path, before, template)


@pytest.mark.slow
def test_a_new_database_that_is_killed_as_it_is_made_is_made_again(tmp_path, template):
    for number in range(2 * SCALE):
        path = tmp_path / str(number) / "clients.sqlite3"
        path.parent.mkdir()
        kill_while_migrating(MIGRATIONS, path)
        app = create_app({"INSTANCE_PATH": path.parent})
        assert CliRunner().invoke(cli, ["migrate"], obj=app).exit_code == 0
        assert CliRunner().invoke(cli, ["check"], obj=app).exit_code == 0
        app.database.close_all()
        assert schema(path) == schema(template)


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_keys_that_are_made_anew_survive_a_kill_at_any_moment(database_of, template, version):
    path = database_of(version)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            """WITH RECURSIVE n (n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
            INSERT INTO client (id, company_name, name_key, status, category_id, created, updated)
            SELECT n, 'Größe ' || n, ? || n, 'active', 2, 'x', 'x' FROM n""",
            ["größe " if version == VERSIONS[0] else "grosse "],
        )
        if version >= "0005_texts":  # from which on these are what they are now
            db.execute("UPDATE client SET words = name_key WHERE id >= 10")
    before = contents(path)
    for _ in range(4 * SCALE):
        kill_while_migrating(MIGRATIONS, path, 1.5)
        pending, _ = migrating.status(db := sqlite.Database(path))
        db.close_all()
        # Each is there as a whole, or not at all.
        assert pending == VERSIONS[len(VERSIONS) - len(pending) :]
        assert pending != VERSIONS[1:] or contents(path) == before
    db = sqlite.Database(path)
    migrating.migrate(db)
    db.close_all()
    expect_whole(path, before, template)
