"""What is left on the disk: no key and no password anywhere, and nothing that others may read."""

from __future__ import annotations

import base64
import json
import os
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Server, free_port
from test_disk_full import processes_of

from clients_api import create_app
from clients_api.commands.cli import cli
from clients_api.service import Service

pytestmark = pytest.mark.file("every byte of it is read")

PASSWORD = "planted-smtp-password"
BEARER, HEADER, QUERY = (f"planted-{name}-" + "x" * 30 for name in ("bearer", "header", "query"))
BASIC = base64.b64encode(b"somebody:planted-password").decode()
PERSON = {"first_name": "J", "last_name": "D", "send_email": "yes"}


def call(server: Server, method: str, path: str, body=None, **headers: str) -> str:
    """Return all of an answer, whatever its status: headers and body."""
    headers = {"Authorization": f"Bearer {server.key}"} | headers
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    headers |= {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(f"{server.url}/api{path}", data, headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return f"{answer.headers}{answer.read().decode()}"


def made_key(answer: str) -> str:
    return json.loads(answer[answer.index("{") :])["data"]["key"]


def ask_for_everything(server: Server) -> Iterator[str]:
    """Yield answers good and bad, to calls that show their secrets in all places there are."""
    yield call(server, "GET", "/clients", Authorization=f"Bearer {BEARER}")
    yield call(server, "POST", "/clients", PERSON, Authorization=f"Bearer {BEARER}")
    yield call(server, "GET", "/clients", Authorization=f"Basic {BASIC}")
    yield call(server, "GET", "/clients", X_API_Key=HEADER)
    yield call(server, "GET", f"/keys/1?api_key={QUERY}")
    yield call(server, "POST", "/keys", {"name": "x", "scope": "wrong"})
    yield call(server, "POST", "/keys", {"name": "again"}, Idempotency_Key="one")
    yield call(server, "POST", "/clients", PERSON | {"email": "j@acme.example"})
    for path in ("/keys", "/keys/1", "/clients", "/clients/export", "/openapi.json", "/metrics"):
        yield call(server, "GET", path)
    yield call(server, "DELETE", "/keys/2")


def command(app: Service, *words: str) -> str:
    """Run a command; return all that it says."""
    result = CliRunner().invoke(cli, words, obj=app)
    assert result.exit_code == 0, result.output
    return result.output


def titles_of(server: Server) -> Iterator[str]:
    for process in processes_of(server):
        yield Path(f"/proc/{process}/cmdline").read_text()
        yield Path(f"/proc/{process}/comm").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_in_a_file_a_log_an_answer_or_a_title(start_server, tmp_path, form):
    folder = tmp_path / "instance"
    mail = f"smtp://bob:{PASSWORD}@127.0.0.1:{free_port()}"
    server = start_server(folder=folder, LOG_LEVEL="debug", LOG_FORMAT=form, MAIL_URL=mail)
    over_http = made_key(call(server, "POST", "/keys", {"name": "again"}, Idempotency_Key="one"))
    app = create_app({"INSTANCE_PATH": folder, "MAIL_URL": mail})
    by_command = command(app, "keys", "create", "by command").strip()
    secrets = [server.key, over_http, by_command, PASSWORD, BEARER, HEADER, QUERY, BASIC]
    texts = [*ask_for_everything(server), *titles_of(server)]
    deadline = time.monotonic() + 10
    while "is not sent" not in server.log.read_text():  # the mail, for want of a server
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)
    copies = tmp_path / "copies"
    copies.mkdir()
    for words in (
        f"backup {copies}/copy",
        f"export {copies}/a.csv",
        f"export {copies}/b.ndjson",
        "check",
        "keys list",
        "outbox list",
        "outbox deliver",
    ):
        texts.append(command(app, *words.split()))
    files = {file for file in (*folder.iterdir(), *copies.iterdir()) if file != server.log}
    assert {file.name for file in files} >= {
        "clients.sqlite3", "clients.sqlite3-wal", "clients.sqlite3-shm", "copy", "a.csv", "b.ndjson"
    }  # fmt: skip
    texts += [file.read_bytes().decode("latin-1") for file in files]
    app.database.close_all()
    log = server.log.read_text()
    shown = f"Your admin key, shown this once: {server.key}\n"
    assert log.count(shown) == 1
    texts.append(log.replace(shown, ""))
    assert [(secret, text) for secret in secrets for text in texts if secret in text] == []
    assert server.stop() == 0


@contextmanager
def nothing_masked() -> Iterator[None]:
    """Let new files have all the rights that whoever makes them gives."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of a folder and of all that is in it."""
    entries = [folder, *folder.rglob("*")]
    return {str(entry.relative_to(folder)): stat.S_IMODE(entry.stat().st_mode) for entry in entries}


def test_all_that_is_made_is_for_its_owner_alone(tmp_path):
    """What export wrote could be read by all users of the machine."""
    folder = tmp_path / "instance"
    rows = tmp_path / "rows.csv"
    rows.write_text("first_name,last_name,email,send_email\nJ,D,j@acme.example,yes\n")
    with nothing_masked():
        app = create_app({"INSTANCE_PATH": folder})
        for words in (
            f"import {rows}",
            "outbox deliver",
            f"export {folder}/new.csv",
            f"backup {folder}/copy",
        ):
            assert CliRunner().invoke(cli, words.split(), obj=app).exit_code == 0
        found = modes(folder)
        app.database.close_all()
    folders = {name for name, mode in found.items() if (folder / name).is_dir()}
    assert folders == {".", "mail"}
    assert found == {name: 0o700 if name in folders else 0o600 for name in found}
    assert {"clients.sqlite3-wal", "clients.sqlite3-shm", "new.csv", "copy"} < set(found)
    assert len([name for name in found if name.endswith(".eml")]) == 1


def test_an_export_over_a_file_leaves_it_the_rights_it_had(app, tmp_path):
    file = tmp_path / "shared.csv"
    file.touch()
    file.chmod(0o640)
    assert CliRunner().invoke(cli, ["export", str(file)], obj=app).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.read_text().startswith("id,first_name,")
