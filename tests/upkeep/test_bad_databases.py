"""Starting on a file that can't be served from: one line says why, and the file stays as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ROOT, free_port, heeding_modes, issue_key
from gunicorn.app.base import BaseApplication

from clients_api.commands.cli import cli
from clients_api.models.engines import migrating
from clients_api.models.engines.sqlite import files

pytestmark = pytest.mark.file("what a file may be instead")

COMMANDS = ("serve", "migrate", "migrate --check", "keys list", "check")


@pytest.fixture(autouse=True)
def no_server(monkeypatch) -> None:
    """Let a server that starts all the same end at once, or the tests never would."""
    monkeypatch.setattr(BaseApplication, "run", lambda self: pytest.fail("it serves"))


@pytest.fixture
def file(app) -> Path:
    """The database of `app`, with which nobody has begun to work."""
    return Path(app.database.database)


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as conn:
        for statement in statements:
            conn.execute(statement)
        conn.commit()


def files_beside(path: Path) -> dict[str, bytes]:
    """Return what the folder of a database holds, by name."""
    return {entry.name: entry.read_bytes() for entry in path.parent.iterdir()}


def run(app, command: str) -> Result:
    words = command.split()
    if command == "serve":
        words += ["--bind", f"127.0.0.1:{free_port()}"]
    return CliRunner().invoke(cli, words, obj=app)


def expect_refusal(app, command: str, *words: str) -> None:
    """Run a command, which must say why it can't, in one line, and touch nothing."""
    path = Path(app.database.database)
    before = files_beside(path)
    result = run(app, command)
    assert files_beside(path) == before
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("Error: ")
    for word in (str(path), *words):
        assert word in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"not a database\n" * 500,
        bytes(8192),
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xfe" * 8000,
    ],
)
def test_a_file_that_is_no_database_is_refused(app, file, command, content):
    file.write_bytes(content)
    expect_refusal(app, command, "is not a SQLite database")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_a_truncated_database_is_refused(app, file, command, part):
    os.truncate(file, int(file.stat().st_size * part))
    expect_refusal(app, command, "can't be read", "Restore a backup.")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_database_of_another_program_is_refused(app, file, command):
    """Its journal mode used to be changed to WAL before it was looked at."""
    file.unlink()
    execute(file, "CREATE TABLE note (body TEXT)", "INSERT INTO note VALUES ('theirs')")
    expect_refusal(app, command, "belongs to another program")


def test_another_program_with_migrations_of_its_own_is_refused(app, file):
    file.unlink()
    execute(
        file,
        "CREATE TABLE schema_migration (id INTEGER PRIMARY KEY, name TEXT, applied TEXT)",
        "INSERT INTO schema_migration (name, applied) VALUES ('0001_initial', '2026-01-01')",
        "CREATE TABLE client (id INTEGER PRIMARY KEY)",
    )
    expect_refusal(app, "serve", "belongs to another program")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_newer_schema_is_refused(app, file, command):
    execute(
        file,
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')",
    )
    expect_refusal(app, command, "9999_future", "later version", "Update the program.")


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    script = (
        "import sqlite3, sys\n"
        "conn = sqlite3.connect(sys.argv[1])\n"
        "conn.execute('PRAGMA locking_mode = EXCLUSIVE')\n"
        "conn.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        yield
        process.stdin.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_locked_database_is_refused(app, file, command, monkeypatch):
    monkeypatch.setattr(files, "LOOK_SECONDS", 0.1)
    with locked_by_another_process(file):
        expect_refusal(app, command, "is locked by another program")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_folder_is_not_made(make_app, tmp_path, command):
    folder = tmp_path / "missing"
    app = make_app(DATABASE_URL=f"sqlite:///{folder}/clients.sqlite3")
    result = run(app, command)
    assert result.exit_code == 1
    assert result.stderr == f"Error: The folder of the database, {folder}, does not exist.\n"
    assert not folder.exists()


def test_a_folder_in_the_place_of_the_file_is_refused(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}")
    result = run(app, "serve")
    assert result.exit_code == 1
    assert result.stderr == f"Error: The file {tmp_path} is not a SQLite database.\n"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_a_file_without_permission_is_refused(app, file, command, mode):
    before = files_beside(file)
    file.chmod(mode)
    result = heeding_modes(lambda: run(app, command))
    assert result.exit_code == 1
    assert result.stderr == f"Error: The database {file} can't be opened: Permission denied.\n"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    file.chmod(0o600)
    assert files_beside(file) == before


@pytest.mark.parametrize("command", ["serve", "migrate", "keys create a"])
def test_a_new_database_in_a_folder_without_permission_is_refused(app, file, command):
    file.unlink()
    file.parent.chmod(0o500)
    try:
        result = heeding_modes(lambda: run(app, command))
    finally:
        file.parent.chmod(0o700)
    assert result.exit_code == 1
    assert result.stderr == f"Error: The database {file} can't be made: Permission denied.\n"
    assert files_beside(file) == {}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mode", [0o400, 0o500])
def test_a_database_in_a_folder_without_permission_is_refused(app, file, command, mode):
    """SQLite keeps files beside it, without which it can neither write nor read."""
    before = files_beside(file)
    file.parent.chmod(mode)
    try:
        result = heeding_modes(lambda: run(app, command))
    finally:
        file.parent.chmod(0o700)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: The database {file} can't be opened")
    assert result.stderr.count("\n") == 1
    assert files_beside(file) == before


def test_serve_says_it_in_one_line_in_a_process_of_its_own(tmp_path):
    (tmp_path / "clients.sqlite3").write_bytes(b"garbage" * 1000)
    done = subprocess.run(
        [sys.executable, "-m", "clients_api", "serve", "--bind", f"127.0.0.1:{free_port()}"],
        cwd=ROOT,
        env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (1, "")
    path = tmp_path / "clients.sqlite3"
    assert done.stderr == f"Error: The file {path} is not a SQLite database.\n"
    assert path.read_bytes() == b"garbage" * 1000


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a mount of its own")
@pytest.mark.parametrize(("prepare", "what"), [("cp {template} $M", "opened"), ("true", "made")])
def test_a_read_only_file_system_is_refused(template, tmp_path, prepare, what):
    """It was called a lack of permission, which nobody would have found missing."""
    script = (
        f"M={tmp_path} && mount -t tmpfs none $M && {prepare.format(template=template)}"
        " && mount -o remount,ro $M && echo mounted &&"
        f" exec {sys.executable} -m clients_api serve --bind 127.0.0.1:{free_port()}"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=ROOT,
        env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    if not done.stdout:
        assert "unshare" in done.stderr or "mount" in done.stderr
        pytest.skip(f"may not mount: {done.stderr}")
    assert (done.returncode, done.stdout) == (1, "mounted\n")
    path = tmp_path / "clients.sqlite3"
    assert done.stderr == f"Error: The database {path} can't be {what}: Read-only file system.\n"


def test_a_file_of_no_bytes_is_a_new_database(app, file):
    file.write_bytes(b"")
    assert CliRunner().invoke(cli, ["keys", "create", "a"], obj=app).exit_code == 0
    assert migrating.is_current(app.database)


def test_asking_whether_a_new_database_is_migrated_makes_no_file(app, file):
    file.unlink()
    result = CliRunner().invoke(cli, ["migrate", "--check"], obj=app)
    pending = [
        f"pending: {file.stem}" for file in sorted((migrating.FOLDER / "sqlite").glob("0*.py"))
    ]
    assert (result.exit_code, result.stdout.splitlines()) == (1, pending)
    assert not file.exists()


@pytest.mark.parametrize("command", ["migrate", "migrate --check", "keys list"])
def test_looking_at_a_good_database_changes_nothing(app, file, command):
    file.chmod(0o640)
    before = files_beside(file)
    assert run(app, command).exit_code == 0
    app.database.close_all()
    assert files_beside(file) == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_new_files_can_be_read_by_nobody_else(app, file):
    file.unlink()
    mask = os.umask(0)
    try:
        migrating.migrate(app.database)
        issue_key(app)
    finally:
        os.umask(mask)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in file.parent.iterdir()}
    assert modes == {file.name + suffix: 0o600 for suffix in ("", "-wal", "-shm")}


def test_asking_again_does_not_drop_the_locks_of_an_open_connection(app, file):
    """Opening and closing the file used to cancel them, so that others could remove the log."""
    issue_key(app)
    migrating.status(app.database)
    script = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=DELETE')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, timeout=30
    )
    assert "database is locked" in done.stderr
