"""A disk that is full or read-only, and a log that grew: what is stored is read, and it passes."""

from __future__ import annotations

import itertools
import json
import resource
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Caller, Server, children_of, expect_error, heeding_modes, issue_key

from clients_api.models.engines.sqlite import database as sqlite

pytestmark = pytest.mark.file("the disk that it lies on")

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def call(server, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
    """Call a server process; return status and body, which must be JSON."""
    request = urllib.request.Request(
        f"{server.url}/api{path}",
        json.dumps(body).encode() if body else None,
        {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def processes_of(server: Server) -> list[int]:
    """Return the ids of a server's processes."""
    return [server.process.pid, *children_of(server.process.pid)]


def limit_files(server, limits: tuple[int, int]) -> None:
    for process in processes_of(server):
        resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_stops_writes_alone_and_nothing_that_was_stored_is_lost(start_server):
    """It used to be a 500: the rollback of what SQLite had undone hid why the commit failed."""
    server = start_server(RATELIMIT_ENABLED="false", LOG_LEVEL="error")

    def create(number: int) -> tuple[int, dict]:
        body = {"first_name": "A", "last_name": "B", "email": f"a{number}@acme.example"}
        return call(server, "POST", "/clients", body | {"client_description": "x" * 20_000})

    stored = [create(number)[1]["data"]["id"] for number in range(3)]
    wal = server.folder / "clients.sqlite3-wal"
    limit_files(server, (wal.stat().st_size + 100_000, resource.RLIM_INFINITY))
    answers = [create(number) for number in range(3, 12)]
    stored += [body["data"]["id"] for status, body in answers if status == 201]
    refused = [(status, body) for status, body in answers if status != 201]
    assert len(refused) >= 3
    for status, body in refused:
        assert status in (503, 507)
        assert set(body) == {"message"}
    for id in stored:
        assert call(server, "GET", f"/clients/{id}")[0] == 200
    assert call(server, "GET", "/clients")[1]["meta"]["total"] == len(stored)
    limit_files(server, UNLIMITED)
    status, body = create(99)
    assert status == 201
    assert call(server, "GET", "/clients")[1]["meta"]["total"] == len(stored) + 1
    assert server.stop() == 0


def let_write(folder: Path, is_allowed: bool) -> None:
    """Allow or forbid to write to the database in a folder, and to make files beside it."""
    for file in folder.glob("clients.sqlite3*"):
        file.chmod(0o600 if is_allowed else 0o400)
    folder.chmod(0o700 if is_allowed else 0o500)


@contextmanager
def writing_elsewhere(folder: Path) -> Iterator[None]:
    """Hold the lock of those who write to the database in a folder."""
    with closing(sqlite3.connect(folder / "clients.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_read_only_database_is_read_and_is_written_again_when_it_can_be(app, api):
    """Connections that were opened meanwhile used to stay read-only until the process ended."""
    body = {"first_name": "A", "last_name": "B", "email": "a@acme.example"}
    stored = api.post("/clients", body).get_json()["data"]
    body["email"] = "b@acme.example"
    folder = Path(app.instance_path)

    def be_a_thread_of_a_server() -> None:
        let_write(folder, False)
        for _ in range(2):
            expect_error(api.post("/clients", body), 507)
            assert api.get(f"/clients/{stored['id']}").get_json()["data"] == stored
        assert api.get("/ready").status_code == 200
        let_write(folder, True)
        expect_error(api.post("/clients", body), 507)  # which finds out that it can
        assert api.post("/clients", body).status_code == 201
        assert api.get("/clients").get_json()["meta"]["total"] == 2

    heeding_modes(be_a_thread_of_a_server)


def test_a_log_of_another_user_does_not_begin_a_new_worker_with_each_change(app, api):
    """Root may have left it. No new process could write it either, so none is asked for."""
    body = {"first_name": "A", "last_name": "B", "email": "a@acme.example"}
    assert api.post("/clients", body).status_code == 201
    log = Path(app.instance_path) / "clients.sqlite3-wal"

    def be_a_thread_of_a_server() -> None:
        log.chmod(0o400)
        for _ in range(2):
            expect_error(api.post("/clients", body), 507)
        assert not app.database.is_stale

    heeding_modes(be_a_thread_of_a_server)


def test_a_server_writes_again_after_a_time_in_which_it_could_not(start_server):
    """Connections that it opened meanwhile stay read-only, so a new worker takes over."""

    def operate() -> None:
        server = start_server("--workers", "1", RATELIMIT_ENABLED="false")
        numbers = itertools.count()

        def create(_: int = 0) -> tuple[int, Any]:
            body = {"first_name": "A", "last_name": "B", "email": f"a{next(numbers)}@acme.example"}
            return call(server, "POST", "/clients", body)

        assert call(server, "GET", "/clients")[0] == 200  # the log is there, which nobody can make
        with ThreadPoolExecutor(6) as callers, writing_elsewhere(server.folder):
            let_write(server.folder, False)
            answers = callers.map(create, range(12))
            time.sleep(0.2)  # while one waits, others open connections of their own
        # The connection that was there before writes on; all others are refused.
        assert 507 in {status for status, _ in answers} <= {201, 507}
        with ThreadPoolExecutor(6) as callers:
            assert call(server, "GET", "/clients")[0] == 200
            let_write(server.folder, True)
            deadline = time.monotonic() + 10
            while {status for status, _ in callers.map(create, range(12))} != {201}:
                assert time.monotonic() < deadline, server.log.read_text()
                time.sleep(0.2)
            assert {status for status, _ in callers.map(create, range(30))} == {201}
        assert server.stop() == 0

    heeding_modes(operate)


def test_a_database_that_can_not_be_opened_any_more_is_unavailable(app, api):
    """It used to be said of a GET too that the change could not be stored."""
    assert api.get("/clients").status_code == 200
    folder = Path(app.instance_path)

    def be_a_thread_of_a_server() -> None:
        folder.chmod(0)
        try:
            expect_error(api.get("/clients"), 503)
            expect_error(api.get("/ready"), 503)
        finally:
            folder.chmod(0o700)
        assert api.get("/clients").status_code == 200

    heeding_modes(be_a_thread_of_a_server)


def test_the_log_that_a_reader_held_open_shrinks_when_it_is_gone(make_app, monkeypatch):
    limit = 500_000
    monkeypatch.setattr(sqlite, "WAL_LIMIT_BYTES", limit)
    app = make_app(SQLITE_SYNCHRONOUS="normal")
    api = Caller(app, issue_key(app))
    wal = Path(app.database.database + "-wal")

    def write(count: int, start: int) -> None:
        for number in range(start, start + count):
            body = {"first_name": "A", "last_name": "B", "email": f"a{number}@acme.example"}
            body["client_description"] = "x" * 20_000
            assert api.post("/clients", body).status_code == 201

    with app.database.snapshot() as reader:
        write(200, 0)
        grown = wal.stat().st_size
        assert reader.execute_sql("SELECT COUNT(*) FROM client").fetchone() == (0,)
    # More than the 1,000 pages after which SQLite writes the log back, if nobody reads.
    assert grown > 1_200 * 4096
    write(3, 200)
    assert wal.stat().st_size <= limit
