"""A disk that is full, and a log that grew: what is stored stays readable, and it passes."""

from __future__ import annotations

import json
import resource
import urllib.error
import urllib.request
from pathlib import Path

from conftest import Caller, issue_key

from clients_api.models import sqlite

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


def workers_of(server) -> list[int]:
    """Return the ids of a server's processes."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [parent, *map(int, children.split())]


def limit_files(server, limits: tuple[int, int]) -> None:
    for process in workers_of(server):
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


def test_the_log_that_a_reader_held_open_shrinks_when_it_is_gone(make_app, monkeypatch):
    limit = 300_000
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
