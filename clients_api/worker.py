"""The worker that gunicorn runs: from the bytes of a request to its answer."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException

from . import malformed
from .arrival import HEAD_BYTES, Arrival, Unreader
from .config import SETTINGS
from .deliverer import Deliverer
from .loop import ARRIVAL_SECONDS, Loop, Queue
from .service import Service

log = logging.getLogger("clients_api")

ANSWER_SECONDS = 30  # for a piece of an answer to be taken
RECEIVE_BYTES = 65_536


class Worker(Loop):
    """Handles a request when all of it is here; its own error answers are JSON; delivers mail."""

    deliverer: Deliverer | None = None

    def run(self) -> None:
        """Serve until the worker is told to stop, and all who are connected have their answer."""
        config = self.wsgi.config if isinstance(self.wsgi, Service) else {}
        self._body_limit = config.get("MAX_BODY_BYTES", SETTINGS["MAX_BODY_BYTES"].default)
        # As much as the threads could hold; beyond it, memory would be the callers' to fill.
        self._held_limit = self.cfg.threads * (self._body_limit + HEAD_BYTES)
        super().run()

    def _tidy(self) -> None:
        if self.alive and isinstance(self.wsgi, Service) and self.wsgi.database.is_stale:
            log.warning("The database can be written again: a new worker begins.")
            self.alive = False
        super()._tidy()

    # Until a request is here

    def _expect(self, conn: Any, queue: Queue, seconds: float) -> None:
        """Wait for the next request of a connection, for so many seconds."""
        conn.arrival = Arrival(self._body_limit)
        if not self._is_tls:
            if not conn.initialized:
                conn.init()
                conn.parser.unreader = Unreader(conn.sock)
            elif data := conn.parser.unreader.take_buffered():
                conn.arrival.data += data
                self._read_ahead.append(conn)
        self._wait(conn, queue, seconds)

    def _advance(self, conn: Any) -> None:
        """Take what has arrived, and handle the request if that is all of it."""
        try:
            is_complete = self._is_tls or self._receive(conn)  # TLS is read by who handles it
        except OSError as error:
            log.debug("A caller is gone before its request was here: %s", error)
            self._drop(conn)
        except ParseException as error:
            self.handle_error(None, conn.sock, conn.client, error)
            self._leave(conn)
        else:
            if is_complete:
                self._serve(conn)
            elif conn.arrival.data and conn in self.keepalived_conns:
                self._forget(conn)
                self._wait(conn, self.pending_conns, ARRIVAL_SECONDS)

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

    # From a request to its answer

    def _serve(self, conn: Any) -> None:
        self._forget(conn)
        if not self._is_tls:
            conn.parser.unreader.unread(bytes(conn.arrival.data))
            conn.arrival.data.clear()  # or a body would be in memory twice
        self._served = conn
        may_stay = self._leaders.work(self.handle, conn)
        if self._leaders.leads():
            self._finish(conn, may_stay)
        else:
            self.method_queue.defer(self._finish, conn, may_stay)

    def _finish(self, conn: Any, may_stay: bool) -> None:
        if may_stay:
            self._expect(conn, self.keepalived_conns, self.cfg.keepalive)
        else:
            self._leave(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Handle a request; tell whether the connection may be kept."""
        if conn.arrival.is_cut:
            req.force_close()  # the rest of its body is not read
        conn.sock.settimeout(ANSWER_SECONDS)
        try:
            with contextlib.nullcontext() if self._is_tls else conn.sock.gathering():
                return super().handle_request(req, conn)
        except TimeoutError as error:
            raise StopIteration from error  # gunicorn's word for the end of a connection

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        if self._is_tls:
            return super()._keepalive_after(conn, keepalive)
        # What the application left of a body is here, or the connection is not kept: there is
        # nothing to wait for.
        is_kept = bool(keepalive and conn.parser.finish_body())
        if is_kept:
            conn.parser.mesg = None  # or the next request would look for that body once more
        return is_kept

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
