"""The write-ahead log: it grows while somebody reads, and is small again when nobody does."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Server
from test_load import Line, at_once

from clients_api.models import Client
from clients_api.models.engines import sqlite
from clients_api.models.engines.current import using

pytestmark = pytest.mark.slow

SCALE = int(os.environ.get("TRUST_SCALE", "1"))
WRITES = 500 * SCALE
TEXT = "x" * (60_000 // SCALE)  # so that few writes make the log as long as many do
ENOUGH = 20  # writes after which a log that nobody reads is cut


def fill(app) -> None:
    """Store more than the buffers between a server and a caller hold."""
    with using(app.database), app.database.atomic():
        for number in range(200):
            Client.register(
                first_name="J", last_name="D", email=f"{number}@b.example", description="y" * 60_000
            )
    app.database.close_all()


@contextlib.contextmanager
def half_read_export(server: Server) -> Iterator[None]:
    """Ask for all clients, and read no more than the first of them.

    The server waits for half a minute until it drops such a caller.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(connection):
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        headers = {"Authorization": f"Bearer {server.key}"}
        connection.request("GET", "/api/clients/export?format=ndjson", headers=headers)
        response = connection.getresponse()
        assert response.readline().startswith(b'{"id":1,"first_name":"J"')
        yield


def test_a_log_that_readers_held_up_is_cut_after_them(app, api, start_server):
    fill(app)
    folder = Path(app.instance_path)
    server = start_server(
        "--workers", "2", folder=folder, RATELIMIT_ENABLED="false", SQLITE_SYNCHRONOUS="normal"
    )
    server.key = api.key
    wal = folder / "clients.sqlite3-wal"
    seconds: list[float] = []

    def write(number: int, count: int) -> None:
        with contextlib.closing(Line(server)) as line:
            for n in range(count):
                began = time.monotonic()
                body = {"first_name": "J", "last_name": "D", "client_description": TEXT}
                body["email"] = f"j{number}.{n}@acme.example"
                while (status := line.call("POST", "/clients", body)[0]) == 503:
                    time.sleep(int(line.headers["Retry-After"]))  # others use the machine, too
                assert status == 201
                seconds.append(time.monotonic() - began)
                assert line.call("GET", "/clients?limit=1")[0] == 200

    with app.database.snapshot(), half_read_export(server):
        at_once(4, lambda number: write(number, WRITES // 4))
        peak = wal.stat().st_size
        assert peak > sqlite.WAL_LIMIT_BYTES
    write(9, ENOUGH)
    after = wal.stat().st_size
    print(
        f"log {peak / 2**20:.0f} MiB after {WRITES} writes, {after / 2**20:.0f} MiB after"
        f" {ENOUGH} more, slowest write {max(seconds):.2f} s"
    )
    assert after <= sqlite.WAL_LIMIT_BYTES
    assert server.stop() == 0
