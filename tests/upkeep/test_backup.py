"""`clients-api backup` and `clients-api restore`: copies that can be trusted, put back safely."""

from __future__ import annotations

import itertools
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ROOT, Caller, issue_key

from clients_api.commands.cli import cli
from clients_api.models.engines import migrating
from clients_api.models.engines.sqlite import files
from clients_api.upkeep import backup

pytestmark = pytest.mark.file("copies of a file; others have tools of their own")


def run(app, *command: str | Path) -> Result:
    app.database.close_all()
    result = CliRunner().invoke(cli, [str(word) for word in command], obj=app)
    app.database.close_all()
    return result


def expect_refusal(app, command: str, file: Path, *words: str) -> None:
    """Run a command, which must say why it can't, in one line, and leave nothing behind."""
    folders = {Path(app.database.database).parent, file.parent}
    app.database.close_all()
    before = {entry: entry.read_bytes() for folder in folders for entry in folder.glob("*.*")}
    result = run(app, command, file)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
    after = {entry: entry.read_bytes() for folder in folders for entry in folder.glob("*.*")}
    assert after == before


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as conn:
        return [name for (name,) in conn.execute("SELECT company_name FROM client ORDER BY id")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder / "copy.sqlite3"


def kept_beside(app) -> list[Path]:
    path = Path(app.database.database)
    return sorted(path.parent.glob(f"{path.name}.before-restore-*"))


def test_a_backup_leaves_a_file_alone_that_was_made_meanwhile(app, copy):
    # The copy took its name with a rename, which replaces what is there.
    def make(done: int, total: int) -> None:
        copy.write_text("mine")

    with pytest.raises(FileExistsError, match=f"'{copy}'$"):
        backup.backup(Path(app.database.database), copy, make)
    assert copy.read_text() == "mine"
    assert list(copy.parent.iterdir()) == [copy]


def test_a_backup_has_what_the_database_has_and_says_so(app, make_client, copy):
    make_client(client_company_name="Acme")
    result = run(app, "backup", copy)
    size = f"{copy.stat().st_size:,}"
    assert result.output == f"Backed up 1 client to {copy} ({size} bytes).\n"
    assert names(copy) == ["Acme"]
    assert [entry.name for entry in copy.parent.iterdir()] == [copy.name]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_backup_has_what_is_only_in_the_log(app, make_client, copy):
    make_client(client_company_name="Acme")
    path = Path(app.database.database)
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    assert backup.backup(path, copy, lambda done, total: None) == 1
    assert names(copy) == ["Acme"]


@pytest.mark.parametrize("make", [lambda p: p.write_bytes(b"mine"), lambda p: p.symlink_to("x")])
def test_a_backup_overwrites_nothing(app, copy, make):
    make(copy)
    before = os.readlink(copy) if copy.is_symlink() else copy.read_bytes()
    result = run(app, "backup", copy)
    assert (result.exit_code, result.stderr) == (1, f"Error: {copy}: File exists\n")
    assert (os.readlink(copy) if copy.is_symlink() else copy.read_bytes()) == before


def test_a_backup_into_a_missing_folder_is_refused(app, tmp_path):
    result = run(app, "backup", tmp_path / "missing" / "copy")
    assert result.exit_code == 1
    assert "missing, does not exist." in result.stderr


def test_a_backup_of_no_database_is_refused_and_makes_none(app, copy):
    path = Path(app.database.database)
    path.unlink()
    expect_refusal(app, "backup", copy, "There is no database")
    assert not path.exists()


def test_a_backup_of_a_damaged_database_is_not_called_one(app, make_client, copy):
    make_client()
    app.database.execute_sql("PRAGMA foreign_keys = 0")
    app.database.execute_sql("UPDATE client SET category_id = 77")
    expect_refusal(app, "backup", copy, "is damaged: 1 of client refer to no category")


def test_an_older_database_can_be_backed_up(app, copy, monkeypatch, tmp_path):
    path = Path(app.database.database)
    with_newer_migration(monkeypatch, tmp_path)
    assert run(app, "backup", copy).exit_code == 0
    assert run(app, "keys", "list").exit_code == 1
    assert names(copy) == names(path) == []


def test_a_backup_that_fails_leaves_nothing(app, make_client, copy):
    make_client()

    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.backup(Path(app.database.database), copy, fail)
    assert list(copy.parent.iterdir()) == []


def test_a_backup_on_a_full_disk_says_so_and_leaves_nothing(app, copy):
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "sys.argv = ['clients-api', 'backup', sys.argv[1]]\n"
        "runpy.run_module('clients_api', run_name='__main__')\n"
    )
    folder = Path(app.database.database).parent
    done = subprocess.run(
        [sys.executable, "-c", limited, str(copy)],
        cwd=ROOT,
        env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "can't be written" in done.stderr and done.stderr.count("\n") == 1
    assert list(copy.parent.iterdir()) == []


def test_a_backup_while_others_write_is_one_moment(app, monkeypatch, copy):
    """Each step of the copy lets a client be made; none of them may be in it, or delay it."""
    monkeypatch.setattr(files, "COPY_PAGES", 5)
    api = Caller(app, issue_key(app))
    made = []

    def make(done: int, total: int) -> None:
        body = {"first_name": "A", "last_name": "B", "email": f"a{len(made)}@acme.example"}
        thread = threading.Thread(
            target=lambda: made.append(api.post("/clients", body).status_code)
        )
        thread.start()
        thread.join()

    assert backup.backup(Path(app.database.database), copy, make) == 0
    assert len(made) > 5 and set(made) == {201}
    assert names(copy) == []


@pytest.mark.slow
def test_backups_of_a_server_under_load_are_sound(start_server, tmp_path):
    import json
    import urllib.request

    server = start_server(RATELIMIT_ENABLED="false")
    done = threading.Event()
    stored: list[int] = []

    def write() -> None:
        while not done.is_set():
            number = len(stored)
            body = {"first_name": "A", "last_name": "B", "email": f"a{number}@acme.example"}
            request = urllib.request.Request(
                f"{server.url}/api/clients",
                json.dumps(body).encode(),
                {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=10) as response:
                stored.append(response.status)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round in itertools.count():
            if (before := len(stored)) > 40:
                break
            copy = tmp_path / f"copy{round}"
            count = backup.backup(server.folder / "clients.sqlite3", copy, lambda *_: None)
            # One that is being answered is stored, but not yet known to the writer.
            assert before <= count <= len(stored) + 1
            assert len(names(copy)) == count
    finally:
        done.set()
        writer.join()
    assert round > 1 and set(stored) == {201}


def test_restoring_puts_the_copy_back_and_keeps_what_was_there(app, make_client, copy):
    make_client(client_company_name="Before")
    run(app, "backup", copy)
    make_client(client_company_name="After")
    result = run(app, "restore", copy)
    (kept,) = kept_beside(app)
    assert result.output == (f"Restored 1 client from {copy}.\nThe replaced database is {kept}.\n")
    path = Path(app.database.database)
    assert names(path) == ["Before"]
    assert names(kept) == ["Before", "After"]
    assert {p.name for p in path.parent.iterdir()} == {path.name, kept.name}
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_kept_database_has_what_was_only_in_its_log(app, template, make_app, make_client):
    make_client(client_company_name="Logged")
    path = Path(app.database.database)
    folder = Path(make_app().database.database).parent
    for suffix in ("", "-wal"):  # as kill -9 leaves them
        file = path.with_name(path.name + suffix)
        (folder / file.name).write_bytes(file.read_bytes())
    restored = backup.restore(folder / path.name, template, lambda *_: None)
    assert names(restored.kept) == ["Logged"]
    assert names(folder / path.name) == []


def test_restoring_where_there_is_no_database(app, make_client, copy):
    make_client(client_company_name="Acme")
    run(app, "backup", copy)
    path = Path(app.database.database)
    path.unlink()
    result = run(app, "restore", copy)
    assert result.stdout == f"Restored 1 client from {copy}.\n"
    assert result.stderr == f"Made the database {path}.\n"
    assert names(path) == ["Acme"]
    assert kept_beside(app) == []


def test_restoring_over_a_damaged_database_keeps_that_too(app, make_client, copy):
    run(app, "backup", copy)
    path = Path(app.database.database)
    path.write_bytes(b"garbage" * 1000)
    path.with_name(path.name + "-wal").write_bytes(b"its log")
    assert run(app, "restore", copy).exit_code == 0
    kept, *_, log = kept_beside(app)
    assert kept.read_bytes() == b"garbage" * 1000
    assert (log.name, log.read_bytes()) == (f"{kept.name}-wal", b"its log")
    assert names(path) == []


def test_a_file_that_changed_its_log_is_restored_with_it(app, make_client, make_app):
    make_client(client_company_name="Logged")
    other = make_app()
    assert run(other, "restore", app.database.database).exit_code == 0
    assert names(Path(other.database.database)) == ["Logged"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"garbage" * 1000, "is not a SQLite database"),
        (b"SQLite format 3\0" + b"\xfe" * 8000, "is not a SQLite database"),
    ],
)
def test_restoring_what_is_no_database_is_refused(app, copy, content, sentence):
    copy.write_bytes(content)
    expect_refusal(app, "restore", copy, str(copy), sentence)


@pytest.mark.parametrize("part", [0.3, 0.9999])
def test_restoring_a_truncated_copy_is_refused(app, copy, part):
    run(app, "backup", copy)
    os.truncate(copy, int(copy.stat().st_size * part))
    expect_refusal(app, "restore", copy, str(copy), "can't be read")


def test_restoring_a_copy_with_a_damaged_page_is_refused(app, make_client, copy):
    make_client()
    run(app, "backup", copy)
    with closing(sqlite3.connect(copy)) as conn:
        (page,) = conn.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'client_name'"
        ).fetchone()
    content = bytearray(copy.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xaa" * 4096
    copy.write_bytes(content)
    expect_refusal(app, "restore", copy, str(copy), "is damaged")


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2030')", "later version"),
        ("DROP TABLE client_search", "belongs to another program"),
        (
            "INSERT INTO client_tag (client_id, tag_id, position) VALUES (5, 6, 1)",
            "is damaged: 1 of client_tag refer to no",
        ),
    ],
)
def test_restoring_what_does_not_fit_is_refused(app, copy, statement, sentence):
    run(app, "backup", copy)
    with closing(sqlite3.connect(copy)) as conn, conn:
        conn.execute(statement)
    expect_refusal(app, "restore", copy, str(copy), sentence)


def test_restoring_the_database_onto_itself_is_refused(app):
    expect_refusal(app, "restore", Path(app.database.database), "is the database itself")


def test_restoring_a_missing_file_is_wrong_usage(app, copy):
    assert run(app, "restore", copy).exit_code == 2


def with_newer_migration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the program be one migration ahead of all databases that were made before."""
    folder = tmp_path / "migrations"
    (folder / "sqlite").mkdir(parents=True)
    for file in (migrating.FOLDER / "sqlite").glob("0*.py"):
        (folder / "sqlite" / file.name).write_text(file.read_text())
    (folder / "sqlite" / "9000_more.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE more (x)')\n"
    )
    monkeypatch.setattr(migrating, "FOLDER", folder)


def test_an_older_copy_is_migrated_as_it_is_restored(app, copy, monkeypatch, tmp_path):
    run(app, "backup", copy)
    with_newer_migration(monkeypatch, tmp_path)
    before = copy.read_bytes()
    assert run(app, "restore", copy).exit_code == 0
    assert migrating.is_current(app.database)
    assert copy.read_bytes() == before


def test_restoring_under_a_running_server_is_refused(start_server, template):
    server = start_server()
    caller = f"{server.url}/api/ready"
    import urllib.request

    with urllib.request.urlopen(caller, timeout=10) as response:
        assert response.status == 200
    path = server.folder / "clients.sqlite3"
    done = subprocess.run(
        [sys.executable, "-m", "clients_api", "restore", str(template)],
        cwd=ROOT,
        env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(server.folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    sentence = f"Error: The database {path} is in use. Stop the server first.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
    assert not list(server.folder.glob("*restore*"))
    with urllib.request.urlopen(caller, timeout=10) as response:
        assert response.status == 200
