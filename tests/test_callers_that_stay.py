"""Callers who keep a connection that the server is done with."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

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
