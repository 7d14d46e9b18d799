"""Gunicorn's threaded worker, without the waiting that lets a few callers hold up all others."""

from __future__ import annotations

import contextlib
import logging
import resource
import selectors
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from . import malformed
from .arrival import HEAD_BYTES, Arrival, Unreader
from .config import SETTINGS
from .delivery import Deliverer
from .gathering import Socket
from .leading import Leaders
from .service import Service

log = logging.getLogger("clients_api")

ARRIVAL_SECONDS = 30  # for all of a request to come
ANSWER_SECONDS = 30  # for a piece of an answer to be taken
LINGER_SECONDS = 2  # for a caller to hang up, after we have, or to ask what it was about to
HANDSHAKE_SECONDS = 0.1  # for a caller to be connected, when we are told to stop
POLL_SECONDS = 0.01
NOTIFY_SECONDS = 1
IDLE_SECONDS = 1
RECEIVE_BYTES = 65_536
FILES_A_THREAD = 3  # the database, its log, and one in passing
FILES_BESIDE = 50
CONNECTIONS_MIN = 50


class Worker(ThreadWorker):
    """Gunicorn's threaded worker, whose own error answers are JSON, and which delivers mail.

    One loop waits for all callers at once, be it for the rest of a request or for them to hang up,
    so that slow ones hold up nobody. The thread that runs it handles the requests that are here,
    and where one takes long, another thread runs the loop (see leading.py).
    """

    deliverer: Deliverer | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Where no more files can be opened gunicorn's worker ends, with all requests under way.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = files - FILES_BESIDE - FILES_A_THREAD * self.cfg.threads
        self.worker_connections = min(self.worker_connections, max(free, CONNECTIONS_MIN))
        self.max_keepalived = self.worker_connections - self.cfg.threads
        # Those of whom a request is awaited, those who were answered and may ask again, and those
        # who should hang up: each sorted by the time at which they are given up.
        self.pending_conns: OrderedDict[Any, None] = OrderedDict()
        self.keepalived_conns: OrderedDict[Any, None] = OrderedDict()
        self._leaving: OrderedDict[Any, None] = OrderedDict()
        self._queues = self.pending_conns, self.keepalived_conns, self._leaving
        self._read_ahead: deque[Any] = deque()  # whose next request came with the one before
        self._served: Any = None  # the connection that the leader is at
        self._stops_listening: float | None = None  # set when the worker is told to stop

    def run(self) -> None:
        """Serve until the worker is told to stop, and all who are connected have their answer."""
        config = self.wsgi.config if isinstance(self.wsgi, Service) else {}
        self._body_limit = config.get("MAX_BODY_BYTES", SETTINGS["MAX_BODY_BYTES"].default)
        # As much as the threads could hold; beyond it, memory would be the callers' to fill.
        self._held_limit = self.cfg.threads * (self._body_limit + HEAD_BYTES)
        self._is_tls = self.cfg.is_ssl
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        self.set_accept_enabled(True)
        self._leaders = Leaders(self._turn, self._set_aside, self.cfg.threads)
        self._leaders.begin()
        self._watch_over()
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def _watch_over(self) -> None:
        """Tell gunicorn that the worker lives, for as long as it has something to do."""
        noted = deadline = float("-inf")
        while not self._leaders.is_over:
            now = time.monotonic()
            if now - noted > NOTIFY_SECONDS:
                self.notify()
                noted = now
                if self.alive and not self.is_parent_alive():
                    self.alive = False
            if self.alive:
                deadline = now + self.cfg.graceful_timeout
            elif now > deadline:
                self._leaders.stop()
            self._leaders.watch(NOTIFY_SECONDS)

    # The loop, which the leader runs

    def _turn(self) -> None:
        """Do what is due, wait for callers, and see to each of whom there is something new."""
        self._tidy()
        for key, _ in self.poller.select(self._pause()):
            key.data(key.fileobj)
            if not self._leaders.leads():
                return  # another thread sees to the rest
        for _ in range(len(self._read_ahead)):
            self._advance(self._read_ahead.popleft())
            if not self._leaders.leads():
                return

    def _tidy(self) -> None:
        if self.alive and self._is_stale():
            log.warning("The database can be written again: a new worker begins.")
            self.alive = False
        if self.alive:
            self.set_accept_enabled(self.nr_conns < self.worker_connections)
        else:
            self._wind_up()
        now = time.monotonic()
        for queue in self._queues:
            while queue and (first := next(iter(queue))).timeout <= now:
                self._drop(first)

    def _pause(self) -> float:
        """Return for how many seconds there may be nothing to do."""
        if self._read_ahead:
            return 0.0
        due = [next(iter(queue)).timeout for queue in self._queues if queue]
        if not self.alive and self.sockets:
            due.append(time.monotonic() + POLL_SECONDS)
        return min(max(min(due) - time.monotonic(), 0.0), IDLE_SECONDS) if due else IDLE_SECONDS

    def _is_stale(self) -> bool:
        return isinstance(self.wsgi, Service) and self.wsgi.database.is_stale

    # Until a request is here

    def accept(self, listener: Any) -> bool:
        """Accept a connection, or tell that nobody waits for it.

        Where there are as many as may be, the slowest caller is dropped.
        """
        if self.nr_conns >= self.worker_connections - 1 and self.pending_conns:
            self._drop(next(iter(self.pending_conns)))
        try:
            client, address = listener.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:  # it was the first in the line, and is gone
            return True
        self.nr_conns += 1
        if not self._is_tls:
            client = Socket(client)
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.fd = client.fileno()
        conn.is_polled = False
        if not self._is_tls:
            conn.init()
            conn.parser.unreader = Unreader(conn.sock)
        self._expect(conn, self.pending_conns, ARRIVAL_SECONDS if self.alive else LINGER_SECONDS)
        return True

    def _expect(self, conn: Any, queue: OrderedDict[Any, None], seconds: float) -> None:
        """Wait for the next request of a connection, for so many seconds."""
        conn.arrival = Arrival(self._body_limit)
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        queue[conn] = None
        if not conn.is_polled:
            self._poll(conn, self._advance)
        if not self._is_tls and (data := conn.parser.unreader.take_buffered()):
            conn.arrival.data += data
            self._read_ahead.append(conn)

    def _poll(self, conn: Any, callback: Callable[[Any], None]) -> None:
        """Call back whenever there is something to read from a connection."""
        (self.poller.modify if conn.is_polled else self.poller.register)(
            conn.fd, selectors.EVENT_READ, lambda _: callback(conn)
        )
        conn.is_polled = True

    def _advance(self, conn: Any) -> None:
        """Take what has arrived, and handle the request if that is all of it."""
        if conn not in self.pending_conns and conn not in self.keepalived_conns:
            return  # it was dropped, or has got its answer, in the same turn of the loop
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
                del self.keepalived_conns[conn]
                conn.timeout = time.monotonic() + ARRIVAL_SECONDS
                self.pending_conns[conn] = None

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
        self._served = conn
        may_stay = self._leaders.work(self.handle, conn)
        if self._leaders.leads():
            self._finish(conn, may_stay)
        else:
            self.method_queue.defer(self._finish, conn, may_stay)

    def _set_aside(self) -> None:
        """Leave alone the connection that is served, whatever more comes from it."""
        self.poller.unregister(self._served.fd)
        self._served.is_polled = False

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
        return bool(keepalive and conn.parser.finish_body())

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

    def _finish(self, conn: Any, may_stay: bool) -> None:
        if may_stay:
            self._expect(conn, self.keepalived_conns, self.cfg.keepalive)
        else:
            self._leave(conn)

    def _leave(self, conn: Any) -> None:
        """Hang up, and let the caller read the answer and do the same (RFC 9112, section 9.6)."""
        self._forget(conn)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the caller was faster
            self._close(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._leaving[conn] = None
        self._poll(conn, self._drain)

    def _drain(self, conn: Any) -> None:
        if conn not in self._leaving:
            return
        try:
            is_gone = not conn.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:  # it did not part, it broke off
            is_gone = True
        if is_gone:
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self._forget(conn)
        self._close(conn)

    def _forget(self, conn: Any) -> None:
        for queue in self._queues:
            queue.pop(conn, None)

    def _close(self, conn: Any) -> None:
        if conn.is_polled:
            conn.is_polled = False
            self.poller.unregister(conn.fd)
        self.nr_conns -= 1
        conn.close()

    # The end

    def _wind_up(self) -> None:
        """Answer those who are connected, let no others connect, and end when all are gone."""
        if self._stops_listening is None:
            self._stops_listening = time.monotonic() + HANDSHAKE_SECONDS
            self.set_accept_enabled(False)
            self._hurry()
        self._stop_listening()
        if not self.sockets and not self.nr_conns:
            self._leaders.stop()

    def _hurry(self) -> None:
        """Wait no longer than a moment for those who have asked nothing yet."""
        silent = [conn for conn in self.pending_conns if not conn.arrival.data]
        for conn in silent:
            self._forget(conn)
        latest = time.monotonic() + LINGER_SECONDS
        for conn in (*self.keepalived_conns, *silent):
            conn.timeout = min(conn.timeout, latest)
            self.keepalived_conns[conn] = None

    def _stop_listening(self) -> None:
        """Accept those who are connected already, and close what they connect to.

        Whoever is about to be connected gets a moment (see closing.py). Nobody is waited for until
        the last answer: where the kernel goes on to connect callers, it resets them in the end.
        While there are as many connections as may be, others wait on.
        """
        while self.sockets and self.nr_conns < self.worker_connections - 1:
            if not self.accept(self.sockets[-1]):
                if time.monotonic() < self._stops_listening:
                    break
                self.sockets.pop().close()
