"""Callers who keep a connection that the server is done with."""

from __future__ import annotations

import signal
import socket
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
