"""granian, a server that is written in Rust: installed with the extra of that name."""

from __future__ import annotations

import functools
import io
import logging
import math
import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from werkzeug.wsgi import ClosingIterator

from clients_api.openapi import JSON
from clients_api.service import Service, create_app
from clients_api.upkeep import metrics
from clients_api.web.auth import CALLER
from clients_api.web.errors import Refused
from clients_api.web.log import set_up_logging

from . import process

log = logging.getLogger("clients_api")

# Of 1, 2 and 4, in CPU time of a get, a list of 25 and a change: 180, 427 and 659 us; 205, 442 and
# 763; 224, 471 and 814. With one, whoever waits to write would keep all others from reading.
THREADS = 2
LOGGER = "_granian"  # its name for it
HEAD_BYTES = 65_536
PIECE_BYTES = 16_384
STALL_SECONDS = 30  # for more of a head, or of a body
GRACEFUL_SECONDS = 30
TURN_SECONDS = 1  # for a thread that strangers may hold; behind nginx they do for some ms

_service: Service | None = None  # where workers are forked, and not begun anew


def run(app: Service, *, bind: str, workers: int, threads: int | None = None) -> None:
    """Serve `app` until SIGTERM."""
    global _service
    threads = threads or THREADS
    _service = app
    folder = metrics.share()
    process.warm_up(app)
    server = _Server(
        "clients_api",
        **_address(bind),
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=STALL_SECONDS * 1000, max_buffer_size=HEAD_BYTES
        ),
        websockets=False,
        log_level=LogLevels(_log_level(app)),
        respawn_failed_workers=True,
        respawn_interval=1,  # for a new worker to be there before an old one ends
    )
    process.log_as_ours(LOGGER)
    try:
        server.serve(target_loader=functools.partial(load, threads), wrap_loader=False)
    finally:
        metrics.unshare(folder)


class _Server(Granian):  # type: ignore[valid-type, misc] # one class on each system
    """granian, which ends workers that do not end by themselves.

    Its own `workers_kill_timeout` takes some for alive that are gone, and fails to end them.
    """

    def signal_handler_interrupt(self, *arguments: Any, **options: Any) -> None:
        _kill_later(GRACEFUL_SECONDS)
        super().signal_handler_interrupt(*arguments, **options)

    def signal_handler_reload(self, *arguments: Any, **options: Any) -> None:
        # One after the other is replaced, and may take its time.
        _kill_later((GRACEFUL_SECONDS + self.respawn_interval) * self.workers)
        super().signal_handler_reload(*arguments, **options)


def _kill_later(seconds: float) -> None:
    """Kill those of the workers of now that are still there then."""
    workers = multiprocessing.active_children()

    def kill() -> None:
        for worker in workers:
            if worker.is_alive():
                worker.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()


def _address(bind: str) -> dict[str, Any]:
    if bind.startswith("unix:"):
        return {"uds": Path(bind.removeprefix("unix:"))}
    host, _, port = bind.rpartition(":")
    return {"address": host.strip("[]"), "port": int(port)}


def _log_level(app: Service) -> str:
    return "warning" if app.config["LOG_LEVEL"] == "info" else app.config["LOG_LEVEL"]


def load(threads: int = THREADS) -> Callable[..., Any]:
    """Return the WSGI application, in a new worker of so many threads."""
    app = _service
    if app is None:
        app = create_app()
        set_up_logging(app.config["LOG_LEVEL"], app.config["LOG_FORMAT"])
    process.log_as_ours(LOGGER)
    # Ctrl-C is meant for all processes of a terminal: the first one tells the others. Threads have
    # the mask of whoever starts them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    multiprocessing.util.Finalize(None, process.begin(app, threads), exitpriority=10)
    overdue: dict[int, float] = {}
    threading.Thread(target=_watch, args=(os.getppid(), overdue), daemon=True).start()
    return _Application(app, overdue, threads)


def _watch(parent: int, overdue: dict[int, float]) -> None:
    """Have a new worker begin when a caller stalls, and end this one when its parent was killed.

    granian waits for a body for ever, and nothing but the end of its process ends that; without its
    parent it would serve on. In: until when each thread that waits for more of a body does so.
    """
    is_renewed = False
    while os.getppid() == parent:
        time.sleep(1)
        if not is_renewed and min(list(overdue.values()), default=math.inf) < time.monotonic():
            log.warning("Callers stall in the middle of a body: a new worker begins.")
            os.kill(parent, signal.SIGHUP)
            is_renewed = True
    os.kill(os.getpid(), signal.SIGTERM)


class _Application:
    """The service; of its bodies it is noted until when callers are waited for.

    What it leaves of a body is read and dropped, for granian resets a connection on which more
    comes than was read: who is still sending, as nginx is, fails before it has seen the answer.
    """

    def __init__(self, app: Service, overdue: dict[int, float], threads: int) -> None:
        self.app = app
        self.overdue = overdue
        self.spare = threading.BoundedSemaphore(threads - 1)  # threads that strangers may hold

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            body = _Body(environ, self.overdue)
            environ["wsgi.input"] = io.BufferedReader(body, PIECE_BYTES)
            if body.has_two_meanings:
                start_response = functools.partial(_start_and_close, start_response)
            answer = self.app(environ, start_response)
            if body.is_coming:
                return ClosingIterator(answer, lambda: self.part(environ, body))
            return answer
        return self.app(environ, start_response)

    def part(self, environ: dict[str, Any], body: _Body) -> None:
        """Drop what is left of a body.

        A caller that stalls there holds a thread: strangers are waited for only behind a proxy,
        which has all of a body when it calls, and never by all threads.
        """
        if environ.get(CALLER) is not None:
            body.drop()
        elif self.app.config["TRUSTED_PROXIES"] and self.spare.acquire(timeout=TURN_SECONDS):
            try:
                body.drop()
            finally:
                self.spare.release()


def _start_and_close(start_response: Any, status: str, headers: list[tuple[str, str]]) -> Any:
    return start_response(status, [*headers, ("Connection", "close")])


class _Body(io.RawIOBase):
    """A request's body."""

    def __init__(self, environ: dict[str, Any], overdue: dict[int, float]) -> None:
        self.source = environ["wsgi.input"]
        self.overdue = overdue
        coding = environ.get("HTTP_TRANSFER_ENCODING")
        self.is_chunked = coding is not None
        # `chunked, chunked` is one for granian and none for others, who find another end.
        self.has_two_meanings = coding is not None and coding.strip().lower() != "chunked"
        self.is_json = environ.get("CONTENT_TYPE", "").lower().startswith(JSON)
        self.is_begun = False
        self.left = 0 if self.is_chunked else int(environ["CONTENT_LENGTH"])
        self.is_asked_for = "HTTP_EXPECT" not in environ  # else it comes when it is read

    @property
    def is_coming(self) -> bool:
        """Whether a caller sends on, though the application has read all that it wants.

        Chunks need have no end, and proxies that take a body before they call say its length.
        """
        return self.left > 0 and (self.is_asked_for or self.is_begun)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.has_two_meanings:
            raise EOFError
        # Of chunks granian does not tell their end from a caller that breaks off; JSON does.
        if self.is_chunked and not self.is_json:
            raise Refused(400, "Say the length of a body that is not JSON in Content-Length.")
        data = self.wait_for(min(len(buffer), PIECE_BYTES))
        if self.is_chunked and not data and not self.is_begun:
            raise EOFError
        self.is_begun = True
        buffer[: len(data)] = data
        return len(data)

    def wait_for(self, size: int) -> bytes:
        thread = threading.get_ident()
        self.overdue[thread] = time.monotonic() + STALL_SECONDS
        try:
            data: bytes = self.source.read(size)
        finally:
            del self.overdue[thread]
        self.left = self.left - len(data) if data else 0
        return data

    def drop(self) -> None:
        """Read what is left, unless it comes too slowly."""
        until = time.monotonic() + STALL_SECONDS
        while self.left > 0 and time.monotonic() < until:
            self.wait_for(PIECE_BYTES)
