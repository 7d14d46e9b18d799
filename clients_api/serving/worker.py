"""gunicorn's worker with threads; callers who stall give theirs back, and all errors are JSON."""

from __future__ import annotations

import contextlib
import errno
import functools
import selectors
import socket
import ssl
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from .malformed import Answer
from .patience import Patience

PARTING_SECONDS = 2
PIECE_BYTES = 65_536


class Timed:
    """A socket that has as much patience with its caller as there is, and no more."""

    patience = Patience()
    is_answered = False

    def recv(self, *arguments: Any) -> bytes:
        return self.within_time(super().recv, *arguments)

    def sendall(self, data: Any, *flags: int) -> None:
        data = memoryview(data)
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self.within_time(super().sendall, piece, *flags, sends=len(piece))

    def do_handshake(self, block: bool = False) -> None:
        self.within_time(super().do_handshake)

    def within_time(self, call: Any, *arguments: Any, sends: int = 0) -> Any:
        began, limit, result = time.monotonic(), self.gettimeout(), None
        seconds = self.patience.seconds()
        self.settimeout(seconds if limit is None else min(seconds, limit))
        try:
            result = call(*arguments)
        except TimeoutError as error:
            if limit is not None:
                raise
            # What gunicorn takes for a caller that is gone, and passes over without a word.
            raise ConnectionResetError(errno.ECONNRESET, "The caller was too slow.") from error
        finally:
            self.patience.spend(time.monotonic() - began, sends or len(result or b""))
            with contextlib.suppress(OSError):
                self.settimeout(limit)
        return result


class Socket(Timed, socket.socket):
    """A caller's socket."""


class TLSSocket(Timed, ssl.SSLSocket):
    """A caller's socket, encrypted."""


class Worker(ThreadWorker):
    """Begins with a caller when it says something, and is done with it when it has been told."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections, or stop to; at the end, take who is connected and refuse all others.

        gunicorn goes on to listen, and in the end resets those whom nobody has accepted.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            if listener.sock is None:
                continue  # was closed before
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Give a thread to a connection that has something to read; let a new one wait."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        # gunicorn would have a thread wait for five seconds: browsers connect and say nothing.
        plain = conn.sock
        conn.sock = Socket(plain.family, plain.type, plain.proto, plain.detach())
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        ready = functools.partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, ready)

    def handle(self, conn: Any) -> Any:
        """Handle a request; say whether the connection may be kept."""
        conn.sock.patience, conn.sock.is_answered = Patience(), False
        is_kept = super().handle(conn)
        if not is_kept:
            part(conn.sock)
        return is_kept

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Let the application answer; say whether the connection may be kept."""
        is_kept = super().handle_request(req, conn)
        conn.sock.is_answered = True
        return is_kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what never became a request in the shape of all our errors."""
        answer = Answer()
        super().handle_error(req, answer, addr, exc)
        if getattr(client, "is_answered", False):
            return  # what the application has left of a body is no body
        with contextlib.suppress(OSError):
            client.sendall(answer.as_json())


def part(caller: Any) -> None:
    """Wait until a caller hangs up, so that what it still sends can't reset what it was told.

    gunicorn waits in the one thread that accepts all connections; after this it has no need to.
    """
    until = time.monotonic() + PARTING_SECONDS
    with contextlib.suppress(OSError):
        caller.shutdown(socket.SHUT_WR)
        caller.setblocking(True)
        while time.monotonic() < until:
            caller.patience = Patience(until - time.monotonic())
            if not caller.recv(65536):
                break
    caller.patience = Patience(0)
