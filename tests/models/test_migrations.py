"""Migrations: they make what the models say, once, whoever runs them and whatever stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, Caller, issue_key
from peewee import Model
from playhouse.schema_diff import diff_models
from test_backup import with_newer_migration

from clients_api import models
from clients_api.commands.cli import cli
from clients_api.models.engines import migrating, sqlite
from clients_api.models.engines.current import using

pytestmark = pytest.mark.file("looks into its schema; test_engines.py compares it with the other")

MODELS = [
    model for model in vars(models).values() if isinstance(model, type) and issubclass(model, Model)
]
ALL = sorted(file.stem for file in (migrating.FOLDER / "sqlite").glob("0*.py"))


def columns_of(app, model: type[Model]) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return, by the name of each column, whether it may be null: in the file and in the model."""
    in_file = {c.name: c.null for c in app.database.get_columns(model._meta.table_name)}
    in_model = {field.column_name: field.null for field in model._meta.sorted_fields}
    return in_file, in_model


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_migrations_make_the_columns_that_the_models_have(app, model):
    in_file, in_model = columns_of(app, model)
    assert in_file == in_model


def test_migrations_make_all_tables_and_indexes_of_the_models(app):
    with using(app.database):
        diff = diff_models(app.database, MODELS)
    assert (diff.create_tables, diff.add_columns, diff.drop_columns) == ([], [], [])
    # The only ones that the models do not have are partial, which Peewee can't say.
    extra = {index.name for index in diff.drop_indexes}
    assert extra == {
        *("category_default", "user_owner", "mail_due"),
        *("event_client_id", "event_object_id"),
        *("client_name_match", "client_vat_match", "client_phone_match", "user_domain_match"),
    }
    assert diff.add_indexes == []


def test_asking_tells_by_the_exit_status_whether_something_is_pending(app, monkeypatch, tmp_path):
    def ask() -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["migrate", "--check"], obj=app)
        return result.exit_code, result.output

    assert ask() == (0, "")
    with_newer_migration(monkeypatch, tmp_path)
    assert ask() == ask() == (1, "pending: 9000_more\n")
    result = CliRunner().invoke(cli, ["migrate"], obj=app)
    assert (result.exit_code, result.output) == (0, "applied: 9000_more\n")
    assert ask() == (0, "")
    result = CliRunner().invoke(cli, ["migrate"], obj=app)
    assert (result.exit_code, result.output) == (0, "Nothing to do.\n")


def test_only_serve_and_migrate_change_an_older_database(app, monkeypatch, tmp_path):
    with_newer_migration(monkeypatch, tmp_path)
    result = CliRunner().invoke(cli, ["keys", "list"], obj=app)
    assert result.exit_code == 1
    assert "is older than this program. Run clients-api migrate" in result.stderr
    assert migrating.status(app.database) == (["9000_more"], False)


def test_a_migration_keeps_the_rows(app, make_client, monkeypatch, tmp_path):
    before = make_client(tags=["a"], client_description="Kept")
    with_newer_migration(monkeypatch, tmp_path)
    assert migrating.migrate(app.database) == ["9000_more"]
    after = Caller(app, issue_key(app)).get(f"/clients/{before['id']}").get_json()["data"]
    assert after == before


def test_threads_that_migrate_at_once_all_succeed(tmp_path):
    path = tmp_path / "clients.sqlite3"
    start = threading.Barrier(4)
    applied: list[list[str]] = []

    def migrate() -> None:
        db = sqlite.Database(path)
        start.wait()
        applied.append(migrating.migrate(db))
        db.close_all()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for names in applied for name in names) == ALL


def spawn(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "clients_api", "migrate"],
        cwd=ROOT,
        env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_processes_that_migrate_at_once_all_succeed(tmp_path):
    processes = [spawn(tmp_path) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    lines = sorted(line for text in said for line in text.splitlines())
    told = [f"Made the database {tmp_path}/clients.sqlite3.", *(f"applied: {n}" for n in ALL)]
    assert [line for line in lines if line != "Nothing to do."] == told


def test_a_migration_that_was_killed_half_way_starts_again(app, make_client, monkeypatch, tmp_path):
    client = make_client()
    with_newer_migration(monkeypatch, tmp_path)
    more = migrating.FOLDER / "sqlite" / "9000_more.py"
    whole = more.read_text()
    more.write_text(whole + "    print('half', flush=True)\n    import time; time.sleep(60)\n")
    script = (
        "import pathlib, sys\n"
        "import clients_api\n"
        "from clients_api.models.engines import migrating, sqlite\n"
        "migrating.FOLDER = pathlib.Path(sys.argv[1])\n"
        "migrating.migrate(sqlite.Database(sys.argv[2]))\n"
    )
    app.database.close_all()
    command = [sys.executable, "-c", script, str(migrating.FOLDER), app.database.database]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    more.write_text(whole)
    assert migrating.status(app.database) == (["9000_more"], False)
    assert migrating.migrate(app.database) == ["9000_more"]
    api = Caller(app, issue_key(app))
    assert api.get(f"/clients/{client['id']}").get_json()["data"] == client
