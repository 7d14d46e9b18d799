"""What the processes of a server have from the one that starts them, and how they end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Server, children_of

# Large, and of no use to a process that answers requests
LATE = {
    "clients_api.commands.dev",
    "clients_api.mail.delivery",
    "ctypes",
    "email.policy",
    "playhouse.migrations",
    "smtplib",
    "standardwebhooks",
}


def status(server: Server, path: str) -> int:
    """Return the status of a call without a key."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", f"/api{path}")
        return connection.getresponse().status


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_serves_loads_nothing_that_it_does_not_use():
    modules = "clients_api.commands.cli, clients_api.commands.serving, clients_api.serving.gunicorn"
    script = f"import sys, {modules}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "clients_api.service" in result.stdout.split(), result.stderr
    assert LATE.isdisjoint(result.stdout.split())
    assert "granian" not in result.stdout.split()


def test_nothing_private_of_a_server_is_touched():
    for path in (ROOT / "clients_api" / "serving").glob("*.py"):
        for line in path.read_text().splitlines():
            # Its setting ends at 8190, and an address of many tags is longer (see test_limits.py).
            if line != "from gunicorn.http import message":
                assert not re.search(r"gunicorn\.http|\._[a-z]", line), line


@pytest.mark.slow
def test_a_worker_looks_at_a_database_that_was_replaced_since_the_server_began(start_server):
    server = start_server()
    assert status(server, "/ready") == 200
    for file in server.folder.glob("clients.sqlite3*"):
        file.rename(server.folder / f"old-{file.name}")
    (worker,) = children_of(server.process.pid)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: Path(f"/proc/{worker}").exists() is False)
    wait_for(lambda: every_child(server.process.pid) not in ([], [worker]))
    wait_for(lambda: is_listening(server))  # granian's workers do so themselves
    # The new one finds no database, and makes it, as a server that begins does.
    assert status(server, "/clients") == 401
    assert status(server, "/ready") == 200


def is_listening(server: Server) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", server.port)) == 0


def every_child(pid: int) -> list[int]:
    """Return the ids of all processes that a process has started, from whichever thread."""
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return sorted(int(child) for text in lists for child in text.split())


@pytest.mark.slow
@pytest.mark.only("gunicorn", "granian ends in peace alone")
def test_a_server_that_is_told_to_quit_does_so_at_once(start_server):
    server = start_server("--workers", "2")
    begin = time.monotonic()
    assert server.stop(signal.SIGQUIT) == 0
    assert time.monotonic() - begin < 15, "in peace it takes up to 30 seconds"


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(6))
def test_ctrl_c_ends_all_processes_without_a_traceback(start_server, tmp_path, turn):
    # In 3 of 60 tries there was a traceback of 40 lines; in some a request was broken off.
    for number in range(10):
        server = start_server("--workers", "2", folder=tmp_path / "one")
        with contextlib.ExitStack() as stack:
            if number % 2:
                caller = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
                stack.enter_context(contextlib.closing(caller))
                caller.request("GET", "/api/ready")
                assert caller.getresponse().read()
            time.sleep(0.03 * (turn * 10 + number) / 10)
            os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(20) == 0, server.log.read_text()
        assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_at_ctrl_c_a_request_under_way_is_answered(start_server):
    # gunicorn ended its workers in the middle of their requests.
    server = start_server()
    head = f"POST /api/clients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.connect()
        connection.sock.sendall(head.encode())
        time.sleep(1)
        os.killpg(server.process.pid, signal.SIGINT)
        time.sleep(1)
        connection.sock.sendall(b"{}")
        assert connection.sock.recv(65536).startswith(b"HTTP/1.1 422 ")
    assert server.process.wait(20) == 0


@pytest.mark.slow
def test_workers_end_when_the_process_that_started_them_is_killed(start_server):
    # granian's served on, beside those of the next server at the same address.
    server = start_server("--workers", "2")
    assert status(server, "/ready") == 200
    wait_for(lambda: len(every_child(server.process.pid)) == 2)
    workers = every_child(server.process.pid)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


@pytest.mark.slow
@pytest.mark.only("gunicorn", "granian has no such signal")
def test_sigusr2_begins_a_new_server_beside_the_old_one(start_server):
    # What was started anew found the address in use, and ended.
    server = start_server()
    assert status(server, "/ready") == 200
    worker = children_of(server.process.pid)
    server.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: len(children_of(server.process.pid)) == 2)
    (new,) = set(children_of(server.process.pid)) - set(worker)
    wait_for(lambda: children_of(new))
    assert status(server, "/ready") == 200
    assert server.stop() == 0
    for _ in range(5):
        assert status(server, "/ready") == 200
    os.kill(new, signal.SIGTERM)
    wait_for(lambda: refuses(server))
    assert "Traceback" not in server.log.read_text()


def refuses(server: Server) -> bool:
    try:
        status(server, "/ready")
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.slow
def test_what_the_server_says_itself_is_json_too_where_the_log_is(start_server):
    server = start_server("--workers", "2", LOG_FORMAT="json")
    assert status(server, "/ready") == 200
    wait_for(lambda: len(every_child(server.process.pid)) == 2)
    os.kill(every_child(server.process.pid)[0], signal.SIGKILL)  # which is worth a line
    wait_for(lambda: "orker" in server.log.read_text())
    wait_for(lambda: len(every_child(server.process.pid)) == 2)
    assert server.stop() == 0
    lines = server.log.read_text().splitlines()
    said = [line for line in lines if "orker" in line]
    assert said
    assert all(json.loads(line)["message"] for line in said), said
