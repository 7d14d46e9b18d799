"""The command: exit codes, one-line errors, and what serve, migrate, keys and openapi do."""

from __future__ import annotations

import datetime
import http.client
import json
import re
import shutil
import signal
import socket
import threading
import time

import click
import pytest
from click.testing import CliRunner
from conftest import Caller, issue_key
from postbox import queue

from clients_api.commands.cli import cli
from clients_api.models import Mail
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.service import create_app
from clients_api.version import __version__


@pytest.fixture
def folder(tmp_path, template, monkeypatch):
    """An instance folder with a migrated database, which the commands find."""
    shutil.copy(template, tmp_path / "clients.sqlite3")
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(monkeypatch):
    """Run the command in this process; its database is closed after."""

    def run(*words):
        apps = []
        with monkeypatch.context() as patch:

            def make(**options):
                apps.append(create_app(**options))
                return apps[-1]

            patch.setattr("clients_api.service.create_app", make)
            patch.setattr("clients_api.commands.cli.set_up_logging", lambda *args: None)
            result = CliRunner().invoke(cli, words, prog_name="clients-api")
        for app in apps:
            app.database.close_all()
        return result

    return run


def expect_failure(result, code=1):
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def commands(group=cli, path=()):
    yield path
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(run, path, option):
    result = run(*path, option)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: clients-api {' '.join(path)}".rstrip())
    assert len(result.stdout.splitlines()) > 3


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_says_wrong_usage_in_one_line_and_exits_2(run, path):
    line = expect_failure(run(*path, "--nonsense"), 2)
    assert "--nonsense" in line
    assert line.rstrip().endswith(f"{' '.join(('clients-api', *path))} --help.")


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["keys", "nonsense"],
        ["keys", "create"],
        ["keys", "create", "a", "b"],
        ["keys", "create", "a", "--scope", "all"],
        ["keys", "create", "a", "--expires", "soon"],
        ["keys", "create", "x" * 1000],
        ["keys", "create", ""],
        ["keys", "revoke"],
        ["migrate", "now"],
        ["serve", "--workers", "0"],
        ["serve", "--threads", "many"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_wrong_usage_exits_2_with_one_line(run, folder, words):
    expect_failure(run(*words), 2)


def test_the_version(run):
    assert run("--version").stdout == f"clients-api, version {__version__}\n"


# keys


def key_of(result):
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def call_with(folder, key, path="/clients"):
    app = create_app({"INSTANCE_PATH": folder})
    status = Caller(app, key).get(path).status_code
    app.database.close_all()
    return status


def test_keys_create_prints_the_key_alone(run, folder):
    result = run("keys", "create", "mine")
    assert re.fullmatch(r"ck_[A-Za-z0-9_-]{43}\n", result.stdout)
    assert result.stderr == ""
    assert call_with(folder, key_of(result), "/keys") == 200


@pytest.mark.parametrize(
    ("scope", "clients", "keys"), [("read", 200, 403), ("write", 200, 403), ("admin", 200, 200)]
)
def test_keys_create_sets_the_scope(run, folder, scope, clients, keys):
    key = key_of(run("keys", "create", "mine", "--scope", scope))
    assert call_with(folder, key) == clients
    assert call_with(folder, key, "/keys") == keys


def test_keys_create_sets_when_it_expires(run, folder):
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    key = key_of(run("keys", "create", "a", "--expires", tomorrow.date().isoformat()))
    assert call_with(folder, key) == 200
    line = next(line for line in run("keys", "list").stdout.splitlines() if key[:11] in line)
    assert tomorrow.date().isoformat() in line


def test_keys_list_shows_prefixes_and_no_key(run, folder):
    made = [key_of(run("keys", "create", name)) for name in ("first", "second")]
    lines = run("keys", "list").stdout.splitlines()
    assert len(lines) == 3
    for key, name, line in zip(made, ("first", "second"), lines[1:], strict=True):
        assert line.startswith(key[:11])
        assert line.endswith(name)
        assert key not in line
        assert "admin" in line
        assert "never" in line


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nck_forged     admin  never", "a\\nck_forged     admin  never"),
        ("a\r\x1b[2Kb", "a\\r\\x1b[2Kb"),
        ("\x9b31mred", "\\x9b31mred"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("Zoë 株式会社\u3000!", "Zoë 株式会社\u3000!"),
    ],
)
def test_a_name_forges_no_row_and_does_not_reach_the_terminal(run, folder, name, shown):
    app = create_app({"INSTANCE_PATH": folder})
    issue_key(app, name=name)
    app.database.close_all()
    lines = run("keys", "list").stdout.split("\n")
    assert len(lines) == 3 and lines[2] == ""
    assert lines[1].endswith(f" {shown}")


def test_errors_and_lists_show_no_control_characters(run, folder, tmp_path):
    file = tmp_path / "clients.csv"
    file.write_text("first_name,last_name,email,\x1b]0;owned\x07\nJane,Doe,a@b.example,x\n")
    assert "\x1b" not in run("import", str(file)).output
    assert "\x1b" not in run("keys", "revoke", "\x1b[31m\nError").output
    assert expect_failure(run("keys", "\x1b[31m\nname"), 2)
    app = create_app({"INSTANCE_PATH": folder})
    queue(app, "jane@acme.example")
    with using(app.database):
        Mail.note_deferred(1, "250 \x1b[2J\nforged")
    app.database.close_all()
    lines = run("outbox").stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(r"250 \x1b[2J\nforged")


def test_keys_revoke_ends_a_key(run, folder):
    key = key_of(run("keys", "create", "mine"))
    assert run("keys", "revoke", key[:11]).exit_code == 0
    assert call_with(folder, key) == 401
    assert key[:11] not in run("keys", "list").stdout
    line = expect_failure(run("keys", "revoke", key[:11]))
    assert key[:11] in line


def test_keys_revoke_of_an_unknown_prefix_fails(run, folder):
    expect_failure(run("keys", "revoke", "ck_nothing"))


# migrate, openapi


def test_migrate_brings_a_new_database_up_and_can_be_repeated(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(tmp_path))
    check = run("migrate", "--check")
    assert check.exit_code == 1
    assert "pending: 0001" in check.stdout
    assert run("migrate", "--check").exit_code == 1, "--check only says"
    first = run("migrate")
    assert first.exit_code == 0
    assert "applied: 0001" in first.stdout
    assert run("migrate", "--check").exit_code == 0
    again = run("migrate")
    assert again.exit_code == 0
    assert again.stdout == "Nothing to do.\n"


READING = [
    ["keys", "list"],
    ["keys", "revoke", "ck_12345678"],
    ["openapi"],
    ["export", "-"],
    ["check"],
    ["outbox"],
    ["outbox", "list"],
    ["outbox", "deliver"],
    ["backup", "copy.sqlite3"],
    ["migrate", "--check"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_reads_makes_no_database_in_the_wrong_folder(run, tmp_path, monkeypatch, words):
    """An empty one was made in silence, and nothing was found in it, which was a success."""
    folder = tmp_path / "instance"
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(folder))
    monkeypatch.chdir(tmp_path)
    line = expect_failure(run(*words))
    assert line == f"Error: The folder of the database, {folder}, does not exist.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", READING[:-1], ids=" ".join)
@pytest.mark.parametrize("is_empty", [True, False])
def test_what_reads_makes_no_database_of_none(run, tmp_path, monkeypatch, words, is_empty):
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "clients.sqlite3"
    if is_empty:
        path.touch()
    assert f"There is no database {path}, or it is empty." in expect_failure(run(*words))
    assert [(file, file.stat().st_size) for file in tmp_path.iterdir()] == [(path, 0)] * is_empty


@pytest.mark.parametrize(
    "words", [["migrate"], ["keys", "create", "a"], ["import", "-"]], ids=" ".join
)
def test_what_may_make_a_database_says_where(run, tmp_path, monkeypatch, words):
    folder = tmp_path / "instance"
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(folder))
    made = run(*words)
    assert f"Made the database {folder}/clients.sqlite3.\n" in made.stderr
    assert "Made" not in made.stdout
    assert run("migrate", "--check").exit_code == 0
    assert "Made the database" not in run(*words).stderr


def test_an_older_database_is_left_to_serve_and_migrate(run, folder, tmp_path, monkeypatch):
    migrations = tmp_path / "migrations"
    shutil.copytree(migrating.FOLDER, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "9999_next.py").write_text(
        "def up(migrator, db):\n    pass\n\n\ndef down(migrator, db):\n    pass\n"
    )
    monkeypatch.setattr(migrating, "FOLDER", migrations)
    for words in (["keys", "list"], ["keys", "create", "a"], ["openapi"]):
        assert "clients-api migrate" in expect_failure(run(*words))
    assert "pending: 9999_next" in run("migrate", "--check").stdout
    assert "applied: 9999_next" in run("migrate").stdout
    assert run("keys", "list").exit_code == 0


def test_openapi_prints_the_document(run, folder):
    spec = json.loads(run("openapi").stdout)
    assert spec["openapi"].startswith("3.1")
    app = create_app({"INSTANCE_PATH": folder})
    # Asked over HTTP it also says where it was asked.
    served = Caller(app, None).get("/openapi.json").get_json()
    assert served.pop("servers") == [{"url": "http://localhost"}]
    assert spec.pop("servers") == [{"url": "/"}]
    assert served == spec
    app.database.close_all()


@pytest.mark.parametrize("words", [["keys", "list"], ["openapi"], ["migrate"], ["serve"]])
def test_a_database_that_is_none_is_one_line_and_stays(run, folder, words):
    path = folder / "clients.sqlite3"
    path.write_bytes(b"garbage" * 1000)
    expect_failure(run(*words))
    assert path.read_bytes() == b"garbage" * 1000


# serve, as a real process


def get(server, path, key=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


@pytest.mark.slow
def test_serve_prints_addresses_and_one_key_the_first_time_only(start_server, tmp_path):
    folder = tmp_path / "instance"
    server = start_server(folder=folder)
    text = server.log.read_text()
    assert f"http://127.0.0.1:{server.port}/api" in text
    assert f"http://127.0.0.1:{server.port}/api/docs" in text
    assert len(re.findall(r"ck_[A-Za-z0-9_-]{43}", text)) == 1
    assert get(server, "/api/keys", server.key)[0] == 200
    assert get(server, "/api/docs")[0] == 200
    assert server.stop() == 0
    assert (folder / "clients.sqlite3").stat().st_mode & 0o777 == 0o600
    again = start_server(folder=folder)
    assert "ck_" not in again.log.read_text()
    assert get(again, "/api/keys", server.key)[0] == 200
    assert again.stop(signal.SIGINT) == 0


def test_serve_follows_the_prefix(start_server):
    server = start_server(URL_PREFIX="/crm/v1")
    assert f"http://127.0.0.1:{server.port}/crm/v1/docs" in server.log.read_text()
    assert get(server, "/crm/v1/clients", server.key)[0] == 200
    assert server.stop() == 0


@pytest.mark.slow
def test_sigterm_lets_requests_under_way_finish(start_server):
    server = start_server(RATELIMIT_ENABLED="false")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        body = b'{"first_name": "A", "last_name": "B", "email": "a@acme.example"}'
        head = (
            f"POST /api/clients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.5)  # until the request is under way
        ended = []
        thread = threading.Thread(target=lambda: ended.append(server.stop()))
        thread.start()
        time.sleep(0.5)
        connection.sendall(body[10:])
        answer = connection.recv(65536)
        thread.join()
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert ended == [0]


@pytest.mark.parametrize(
    "bind",
    ["nonsense:port", "127.0.0.1:99999", "127.0.0.1:" + "9" * 5000, ":", ":8000", "", "8000"],
)
def test_an_address_that_is_none_is_wrong_usage(run, folder, bind):
    assert "HOST:PORT" in expect_failure(run("serve", "--bind", bind), 2)


def test_an_address_in_use_is_an_error_before_anything_is_done(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CLIENTS_API_INSTANCE_PATH", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = expect_failure(run("serve", "--bind", f"127.0.0.1:{taken.getsockname()[1]}"))
    assert "already in use" in line
    assert not list(tmp_path.iterdir()), "no key was made that nobody saw"
