"""Callers who keep a connection, or a thread, for longer than they have a use for it."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Server, issue_key
from test_log_growth import fill

from clients_api import create_app

THREADS = 3
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _call(server: Server, connection: str) -> socket.socket:
    """Make a call, read its answer, and return the connection."""
    caller = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = f"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n"
    caller.sendall(head.encode())
    answer = b""
    while b"up." not in answer:  # head and body may come one after the other
        answer += caller.recv(65536)
    assert b" 200 OK" in answer
    return caller


def _seconds_to_answer(server: Server, timeout: float = 60) -> float:
    """Make a call as other users do; return how many seconds it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    with contextlib.closing(connection):
        key = {"Authorization": f"Bearer {server.key}"}
        connection.request("GET", "/api/clients", headers=key)
        assert connection.getresponse().status == 200
    return time.monotonic() - began


def _seconds_until_answered(server: Server) -> float:
    """Call until there is an answer; return how many seconds it took.

    Under gunicorn a thread is given back, and does what was waiting. Under granian a new worker
    begins: who is waiting for the old one has to call again.
    """
    if Server.kind == "gunicorn":
        return _seconds_to_answer(server)
    began = time.monotonic()
    while True:
        with contextlib.suppress(OSError):
            _seconds_to_answer(server, timeout=3)
            return time.monotonic() - began


def _half_head(server: Server) -> bytes:
    return HEALTH[:-2]


def _half_body(server: Server) -> bytes:
    head = (
        f"POST /api/clients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
    )
    return head.encode() + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


def _no_chunk(server: Server) -> bytes:
    return _half_body(server).replace(b"Content-Length: 99", b"Transfer-Encoding: chunked")[:-1]


def _unread(server: Server) -> bytes:
    key = f"Authorization: Bearer {server.key}\r\n\r\n"
    return f"GET /api/clients/export HTTP/1.1\r\nHost: localhost\r\n{key}".encode()


@pytest.mark.slow
def test_no_caller_that_stalls_keeps_a_thread_for_longer_than_35_seconds(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    # As many as there are threads stopped the service for as long as they liked.
    folder = tmp_path / "many"
    app = create_app({"INSTANCE_PATH": folder})
    app.begin()
    key = issue_key(app)
    fill(app)

    def stall(server: Server, data: bytes) -> float:
        with contextlib.ExitStack() as stack:
            for _ in range(THREADS):
                caller = stack.enter_context(socket.socket())
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                caller.connect(("127.0.0.1", server.port))
                caller.sendall(data)
            time.sleep(1)
            return _seconds_until_answered(server)

    cases = [_half_head, _half_body, _no_chunk, _unread]
    servers = []
    for number, kind in enumerate(cases):
        place = {"folder": folder} if kind is _unread else {}
        options = ("--threads", str(THREADS))
        servers.append(start_server(*options, RATELIMIT_ENABLED="false", **place))
        servers[number].key = servers[number].key or key
    with ThreadPoolExecutor(len(cases)) as pool:
        took = pool.map(lambda server, kind: stall(server, kind(server)), servers, cases)
        seconds = [round(second) for second in took]
    print(dict(zip([kind.__name__ for kind in cases], seconds, strict=True)))
    assert max(seconds) <= 35, seconds
    for server in servers:
        assert "Traceback" not in server.log.read_text()


@pytest.mark.only("granian", "a thread of gunicorn waits some seconds for each of them")
def test_half_bodies_without_a_key_keep_nobody_waiting(start_server: Callable[..., Server]) -> None:
    server = start_server()
    half = _half_body(server).replace(server.key.encode(), b"none")
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            caller = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            stack.enter_context(caller).sendall(half)
        for _ in range(4):
            assert _seconds_to_answer(server) < 5, "a thread that waits does so for 30 seconds"
    assert server.stop() == 0


def test_a_caller_that_does_not_hang_up_keeps_nobody_waiting(
    start_server: Callable[..., Server],
) -> None:
    # Gunicorn waited for up to two seconds for the caller to hang up, in the one loop that accepts
    # all connections: the second of these calls took 1.8 s.
    server = start_server("--threads", "4")
    _call(server, "close").close()  # so that its worker is there
    callers = []
    began = time.monotonic()
    for connection in ("close", "close", "keep-alive", "close"):
        callers.append(_call(server, connection))
    seconds = time.monotonic() - began
    for caller in callers:
        caller.close()
    assert seconds < 3, seconds
    assert server.stop() == 0


@pytest.mark.only("gunicorn", "granian hangs up on who has asked nothing when it is told to stop")
def test_a_stopping_server_answers_whom_it_knows_and_refuses_all_others(
    start_server: Callable[..., Server],
) -> None:
    # The kernel went on to connect callers, whom nobody accepted, and reset them in the end.
    server = start_server()
    address = ("127.0.0.1", server.port)
    with _call(server, "keep-alive") as idle, socket.create_connection(address, 10) as slow:
        slow.sendall(b"GET /api/health HTTP/1.1\r\n")
        _call(server, "close").close()  # accepted after them
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        with pytest.raises(ConnectionRefusedError):
            while time.monotonic() < deadline:
                socket.create_connection(address, 10).close()
                time.sleep(0.05)
        idle.sendall(HEALTH)
        slow.sendall(b"Host: localhost\r\n\r\n")
        for caller in (idle, slow):
            answer = caller.makefile("rb").read()
            assert b" 200 OK" in answer
            assert b"connection: close" in answer.lower()
    assert server.process.wait(10) == 0


@pytest.mark.slow
def test_a_request_that_came_while_all_threads_were_at_work_is_answered(
    start_server: Callable[..., Server],
) -> None:
    # The first thread that was free gave up all whose time was over before it looked whether they
    # had asked something meanwhile: they were reset.
    server = start_server("--threads", "1", RATELIMIT_ENABLED="false")
    address = ("127.0.0.1", server.port)
    change = json.dumps({"first_name": "J", "last_name": "D", "email": "j@acme.example"})
    head = f"Host: localhost\r\nAuthorization: Bearer {server.key}\r\n"
    post = f"POST /api/clients HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
    post += f"Content-Length: {len(change)}\r\n\r\n{change}"
    path = server.folder / "clients.sqlite3"
    with (
        _call(server, "keep-alive") as caller,
        socket.create_connection(address, 30) as writer,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        caller.settimeout(30)
        other.execute("BEGIN IMMEDIATE")
        writer.sendall(post.encode())
        time.sleep(0.5)
        caller.sendall(f"GET /api/clients HTTP/1.1\r\n{head}\r\n".encode())
        time.sleep(6.5)  # longer than a connection is kept
        other.execute("ROLLBACK")
        assert b" 201 " in writer.recv(65536)
        assert b" 200 " in caller.recv(65536)
    assert server.stop() == 0
