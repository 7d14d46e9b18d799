"""Callers who keep a connection that the server is done with."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable

import pytest
from conftest import Server


def _call(server: Server, connection: str) -> socket.socket:
    """Make a call, read its answer, and return the connection."""
    caller = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = f"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n"
    caller.sendall(head.encode())
    assert b" 200 OK" in caller.recv(65536)
    return caller


def test_a_caller_that_does_not_hang_up_keeps_nobody_waiting(
    start_server: Callable[..., Server],
) -> None:
    # Gunicorn waited for up to two seconds for the caller to hang up, in the one loop that accepts
    # all connections: the second of these calls took 1.8 s.
    server = start_server()
    callers = []
    began = time.monotonic()
    for connection in ("close", "close", "keep-alive", "close"):
        callers.append(_call(server, connection))
    seconds = time.monotonic() - began
    for caller in callers:
        caller.close()
    assert seconds < 1, seconds
    assert server.stop() == 0


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
        deadline = time.monotonic() + 5
        with pytest.raises(ConnectionRefusedError):
            while time.monotonic() < deadline:
                socket.create_connection(address, 10).close()
                time.sleep(0.05)
        idle.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
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
