"""One loop that waits for all callers of a worker, from when they connect until they hang up."""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections import OrderedDict, deque
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from .gathering import Socket
from .leading import Leaders

Queue = OrderedDict[Any, None]

ARRIVAL_SECONDS = 30  # for all of a request to come
LINGER_SECONDS = 2  # for a caller to hang up, after we have, or to ask what it was about to
HANDSHAKE_SECONDS = 0.1  # for a caller to be connected, when we are told to stop
POLL_SECONDS = 0.01
NOTIFY_SECONDS = 1
IDLE_SECONDS = 1
DRAIN_BYTES = 65_536
FILES_A_THREAD = 3  # the database, its log, and one in passing
FILES_BESIDE = 50
CONNECTIONS_MIN = 50


class Loop(ThreadWorker):
    """Gunicorn's threaded worker, in which slow callers hold up nobody.

    One loop waits for all callers at once, be it for the rest of a request or for them to hang up.
    The thread that runs it handles the requests that are here, and where one takes long, another
    thread runs the loop (see leading.py).

    What a request is its subclass knows: its `_expect` begins to wait for the next one of a
    connection, its `_advance` is called when something has come.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Where no more files can be opened gunicorn's worker ends, with all requests under way.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = files - FILES_BESIDE - FILES_A_THREAD * self.cfg.threads
        self.worker_connections = min(self.worker_connections, max(free, CONNECTIONS_MIN))
        self.max_keepalived = self.worker_connections - self.cfg.threads
        # Of whom a request is awaited, who may ask something more, and who should hang up: each
        # sorted by the time at which they are given up.
        self.pending_conns: Queue = OrderedDict()
        self.keepalived_conns: Queue = OrderedDict()
        self._leaving: Queue = OrderedDict()
        self._queues = self.pending_conns, self.keepalived_conns, self._leaving
        self._read_ahead: deque[Any] = deque()  # whose next request came with the one before
        self._served: Any = None  # the connection that the leader is at
        self._stops_listening: float | None = None  # set when the worker is told to stop
        self._is_tls = self.cfg.is_ssl

    def get_thread_pool(self) -> Leaders:
        """Make the threads that handle requests, in the place of gunicorn's own."""
        self._leaders = Leaders(self._turn, self._set_aside, self.cfg.threads)
        return self._leaders

    def run(self) -> None:
        """Serve until the worker is told to stop, and all who are connected have their answer."""
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        self.set_accept_enabled(True)
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
                self._leaders.shutdown()
            self._leaders.watch(NOTIFY_SECONDS)

    # What the leader does

    def _turn(self) -> None:
        """Do what is due, wait for callers, and see to each of whom there is something new."""
        self._tidy()
        events = self.poller.select(self._pause())
        looked = time.monotonic()
        for key, _ in events:
            key.data(key.fileobj)
            if not self._leaders.leads():
                return  # another thread sees to the rest
        for _ in range(len(self._read_ahead)):
            self._see_to(self._read_ahead.popleft())
            if not self._leaders.leads():
                return
        self._give_up(looked)

    def _tidy(self) -> None:
        if self.alive:
            self.set_accept_enabled(self.nr_conns < self.worker_connections)
        else:
            self._wind_up()

    def _give_up(self, looked: float) -> None:
        """Drop those who had said nothing in time, when it was last looked whether they had.

        Not when it is noticed: where all threads were at work, nobody has looked for a while.
        """
        for queue in self._queues:
            while queue and (first := next(iter(queue))).timeout <= looked:
                self._drop(first)

    def _pause(self) -> float:
        """Return for how many seconds there may be nothing to do."""
        if self._read_ahead:
            return 0.0
        due = [next(iter(queue)).timeout for queue in self._queues if queue]
        if not self.alive and self.sockets:
            due.append(time.monotonic() + POLL_SECONDS)
        return min(max(min(due) - time.monotonic(), 0.0), IDLE_SECONDS) if due else IDLE_SECONDS

    def _see_to(self, conn: Any) -> None:
        if conn in self._leaving:
            self._drain(conn)
        elif conn in self.pending_conns or conn in self.keepalived_conns:
            self._advance(conn)
        # Or it was dropped in the same turn.

    # Connections

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
        if self.alive:
            self._expect(conn, self.pending_conns, ARRIVAL_SECONDS)
        else:
            self._expect(conn, self.keepalived_conns, LINGER_SECONDS)
        return True

    def _wait(self, conn: Any, queue: Queue, seconds: float) -> None:
        """Wait for something to come from a connection; give it up after so many seconds."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        queue[conn] = None
        if not conn.is_polled:
            self.poller.register(conn.fd, selectors.EVENT_READ, lambda _: self._see_to(conn))
            conn.is_polled = True

    def _set_aside(self) -> None:
        """Leave alone the connection that is served, whatever more comes from it."""
        self.poller.unregister(self._served.fd)
        self._served.is_polled = False

    def _leave(self, conn: Any) -> None:
        """Hang up, and let the caller read the answer and do the same (RFC 9112, section 9.6)."""
        self._forget(conn)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the caller was faster
            self._close(conn)
        else:
            self._wait(conn, self._leaving, LINGER_SECONDS)

    def _drain(self, conn: Any) -> None:
        try:
            is_gone = not conn.sock.recv(DRAIN_BYTES)
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
            self._leaders.shutdown()

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
