"""Gunicorn's threaded worker, without the waiting that lets a few callers hold up all others."""

from __future__ import annotations

import contextlib
import logging
import resource
import selectors
import socket
import time
from collections import deque
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from . import malformed
from .arrival import HEAD_BYTES, Arrival, Unreader
from .config import SETTINGS
from .delivery import Deliverer
from .service import Service

log = logging.getLogger("clients_api")

ARRIVAL_SECONDS = 30  # for all of a request to come
ANSWER_SECONDS = 30  # for a piece of an answer to be taken
LINGER_SECONDS = 2  # for a caller to hang up, after we have
RECEIVE_BYTES = 65_536
FILES_A_THREAD = 3  # the database, its log, and one in passing
FILES_BESIDE = 50
CONNECTIONS_MIN = 50


class Worker(ThreadWorker):
    """Gunicorn's threaded worker, whose own error answers are JSON, and which delivers mail.

    A thread gets a request when all of it is here. To wait for callers, be it for the rest of a
    request or for them to hang up, is left to the one loop that waits for all of them at once, so
    that slow ones hold up nobody.
    """

    deliverer: Deliverer | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Where no more files can be opened gunicorn's worker ends, with all requests under way.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = files - FILES_BESIDE - FILES_A_THREAD * self.cfg.threads
        self.worker_connections = min(self.worker_connections, max(free, CONNECTIONS_MIN))
        self.max_keepalived = self.worker_connections - self.cfg.threads

    def run(self) -> None:
        config = self.wsgi.config if isinstance(self.wsgi, Service) else {}
        self._body_limit = config.get("MAX_BODY_BYTES", SETTINGS["MAX_BODY_BYTES"].default)
        # As much as the threads could hold; beyond it, memory would be the callers' to fill.
        self._held_limit = self.cfg.threads * (self._body_limit + HEAD_BYTES)
        self._leaving: deque[Any] = deque()
        super().run()

    # Until a request is here

    def accept(self, listener: Any) -> bool:
        """Accept a connection, or tell that nobody waits for it.

        Where there are as many as may be, the slowest caller is dropped.
        """
        if self.nr_conns >= self.worker_connections - 1 and self.pending_conns:
            self._drop(self.pending_conns[0])
        try:
            client, address = listener.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:  # it was the first in the line, and is gone
            return True
        self.nr_conns += 1
        self.enqueue_req(TConn(self.cfg, client, address, listener.getsockname()))
        return True

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; a stopping worker will never again."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._stop_listening()

    def _stop_listening(self) -> None:
        """Accept those who are connected already, and close what they connect to.

        The kernel connects callers for as long as a process has the socket open, and resets those
        whom nobody accepted when the last one closes it. So it is closed as soon as nobody waits,
        not after the last answer; while there are as many connections as may be, others wait on.
        """
        while self.sockets and self.nr_conns < self.worker_connections - 1:
            if not self.accept(self.sockets[-1]):
                self.sockets.pop().close()

    def enqueue_req(self, conn: Any) -> None:
        """Have the request of a connection handled as soon as all of it is here."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)  # what arrives is encrypted
            return
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = Unreader(conn.sock)
        conn.arrival = Arrival(self._body_limit)
        conn.arrival.data += conn.parser.unreader.take_buffered()
        conn.timeout = time.monotonic() + ARRIVAL_SECONDS
        conn.is_pending = False
        conn.sock.setblocking(False)
        self._take_in(conn)

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        """Take what has arrived, and hand the request to a thread if that is all of it."""
        if self.cfg.is_ssl:
            super().on_pending_socket_readable(conn, client)
        elif conn.is_pending:  # it may have been dropped in the same turn of the loop
            self._take_in(conn)

    def _take_in(self, conn: Any) -> None:
        try:
            is_complete = self._receive(conn)
        except OSError as error:
            log.debug("A caller is gone before its request was here: %s", error)
            self._drop(conn)
        except ParseException as error:
            self._take_off(conn)
            self.handle_error(None, conn.sock, conn.client, error)
            self._leave(conn)
        else:
            if is_complete:
                self._take_off(conn)
                conn.parser.unreader.unread(bytes(conn.arrival.data))
                conn.arrival.data.clear()
                super().enqueue_req(conn)
            elif not conn.is_pending:
                self._wait_for(conn)

    def _receive(self, conn: Any) -> bool:
        arrival = conn.arrival
        if arrival.data and arrival.is_complete():
            return True  # it came together with the one before it
        try:
            data = conn.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return False
        arrival.data += data
        if not data:
            raise ConnectionAbortedError("hung up")
        if len(arrival.data) > RECEIVE_BYTES and self._count_held() > self._held_limit:
            raise ConnectionAbortedError("too much is on its way")
        is_complete = arrival.is_complete()
        if arrival.expects_continue and not is_complete:
            arrival.expects_continue = False
            conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return is_complete

    def _count_held(self) -> int:
        return sum(len(conn.arrival.data) for conn in self.pending_conns)

    def murder_pending(self) -> None:
        """Close the connections of callers that were waited for long enough.

        Gunicorn calls this in each turn of its loop; what else is due then is done here too.
        """
        if not self._accepting and not self.alive:
            self._stop_listening()
        if self.alive and self._is_stale():
            log.warning("The database can be written again: a new worker begins.")
            self.alive = False
        now = time.monotonic()
        for conn in list(self.pending_conns):
            if not self.alive and not self.cfg.is_ssl and not conn.arrival.data:
                # A stopping server is not kept by those who have asked nothing yet.
                conn.timeout = min(conn.timeout, now + STOP_KEEPALIVE_LINGER)
            if conn.timeout <= now:
                self._drop(conn)
        while self._leaving and self._leaving[0].timeout <= now:
            self._part(self._leaving[0])

    def _is_stale(self) -> bool:
        return isinstance(self.wsgi, Service) and self.wsgi.database.is_stale

    def _drop(self, conn: Any) -> None:
        self._take_off(conn)
        self._close(conn)

    def _wait_for(self, conn: Any) -> None:
        conn.is_pending = True
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
        )

    def _take_off(self, conn: Any) -> None:
        if self.cfg.is_ssl or conn.is_pending:
            conn.is_pending = False
            self.poller.unregister(conn.sock)
            self.pending_conns.remove(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    # From a request to its answer

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Handle a request in a thread; tell whether the connection may be kept."""
        if not self.cfg.is_ssl and conn.arrival.is_cut:
            req.force_close()  # the rest of its body is not read
        conn.sock.settimeout(ANSWER_SECONDS)
        try:
            return super().handle_request(req, conn)
        except TimeoutError as error:
            raise StopIteration from error  # gunicorn's word for the end of a connection

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that never became one for the application."""
        status, answer = malformed.answer(exc)
        if status == 500:
            log.error("Error before the application", exc_info=exc)
        else:
            log.info("Refused a request from %s: %s", addr[0] if addr else "?", exc)
        try:
            util.write_nonblock(client, answer)
        except OSError:
            log.debug("The caller was gone before it could be told")

    # After the answer

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep or close the connection of a request that was answered."""
        is_answered = not fs.cancelled() and fs.exception() is None
        if is_answered and not fs.result():
            self._leave(conn)
            return
        if is_answered and not self.cfg.is_ssl:
            self._look_for_next(conn)
        super().finish_request(conn, fs)

    def _look_for_next(self, conn: Any) -> None:
        if conn.parser.unreader.buf.getvalue():
            return  # it came together with the one before it
        # A busy caller has sent its next request by now, which saves the poller a turn.
        conn.sock.setblocking(False)
        with contextlib.suppress(OSError):  # if the caller is gone, the poller says so too
            conn.parser.unreader.unread(conn.sock.recv(RECEIVE_BYTES))

    def _leave(self, conn: Any) -> None:
        """Hang up, and let the caller read the answer and do the same (RFC 9112, section 9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the caller was faster
            self._close(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._leaving.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self._on_leaving_readable, conn)
        )

    def _on_leaving_readable(self, conn: Any, client: Any) -> None:
        try:
            is_gone = not client.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:  # it did not part, it broke off
            is_gone = True
        if is_gone:
            self._part(conn)

    def _part(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self._leaving.remove(conn)
        self._close(conn)
