"""gunicorn's worker with threads: what never became a request is answered in JSON, and once."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
import weakref
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from .malformed import Answer

PARTING_SECONDS = 2
LEFT_SECONDS = 5  # for what is left of a body that is not wanted
DRAIN_BYTES = 65_536


class Worker(ThreadWorker):
    """Adds to gunicorn's what a caller sees of its errors, and how one parts from it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answered: weakref.WeakSet[Any] = weakref.WeakSet()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or stop to: then take who is connected, and refuse all others.

        gunicorn goes on to listen, and in the end resets those whom nobody has accepted.
        """
        super().set_accept_enabled(enabled)
        while not (enabled or self.alive) and self.sockets:
            listener, accepted = self.sockets.pop(), -1
            while accepted < self.nr_conns:
                accepted = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle(self, conn: Any) -> Any:
        """Handle a request; say whether the connection may be kept."""
        self.answered.discard(conn.sock)
        is_kept = super().handle(conn)
        if not is_kept:
            part(conn.sock)
        return is_kept

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Let the application answer; say whether the connection may be kept.

        What that left of the body is dropped. gunicorn gives up soon, and closes a connection that
        it has said to keep: nginx makes a 503 of what it asks there next.
        """
        is_kept: bool = super().handle_request(req, conn)
        self.answered.add(conn.sock)
        until = time.monotonic() + LEFT_SECONDS
        return is_kept and conn.parser.finish_body(deadline=until, max_bytes=sys.maxsize)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what never became a request in the shape of all our errors."""
        answer = Answer()
        super().handle_error(req, answer, addr, exc)
        if client not in self.answered:  # else it is what the application has left of a body
            with contextlib.suppress(OSError):
                client.sendall(answer.as_json())


def part(caller: Any) -> None:
    """Wait until a caller hangs up, so that what it still sends can't reset what it was told.

    gunicorn does so in the one thread that accepts all connections; after this it need not wait.
    """
    until = time.monotonic() + PARTING_SECONDS
    with contextlib.suppress(OSError):
        caller.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            caller.settimeout(left)
            if not caller.recv(DRAIN_BYTES):
                break
        caller.shutdown(socket.SHUT_RD)
