"""What the processes of a server have from the one that forks them."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import Server, children_of

# Large, and of no use to a process that answers requests
LATE = {
    "clients_api.commands.dev",
    "clients_api.mail.delivery",
    "concurrent.futures.thread",
    "ctypes",
    "email.policy",
    "playhouse.migrations",
    "smtplib",
}


def status(server: Server, path: str) -> int:
    """Return the status of a call without a key."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", f"/api{path}")
        return connection.getresponse().status


def test_what_serves_loads_nothing_that_it_does_not_use():
    modules = "clients_api.commands.cli, clients_api.commands.serving, clients_api.serving.server"
    script = f"import sys, {modules}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "clients_api.service" in result.stdout.split(), result.stderr
    assert LATE.isdisjoint(result.stdout.split())


@pytest.mark.slow
def test_a_worker_looks_at_a_database_that_was_replaced_since_the_server_began(start_server):
    server = start_server()
    assert status(server, "/ready") == 200
    for file in server.folder.glob("clients.sqlite3*"):
        file.rename(server.folder / f"old-{file.name}")
    (worker,) = children_of(server.process.pid)
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while children_of(server.process.pid) in ([], [worker]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # The new one finds no database, and makes it, as a server that begins does.
    assert status(server, "/clients") == 401
    assert status(server, "/ready") == 200


@pytest.mark.slow
def test_a_server_that_is_told_to_quit_does_so_at_once(start_server):
    server = start_server("--workers", "2")
    begin = time.monotonic()
    assert server.stop(signal.SIGQUIT) == 0
    assert time.monotonic() - begin < 5
