"""gunicorn: the settings that this service needs, for `serve` and for `gunicorn app:app`."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.http import message

from clients_api.service import Service
from clients_api.upkeep import metrics
from clients_api.web.reading.routing import LINE_BYTES

from . import process, worker

# Of 3, 4 and 8, in CPU time of a get: 353, 357 and 422 us, with a p99 of 5.9, 6.3 and 9.7 ms. More
# are in each other's way; fewer are sooner held by callers who stall, and two are kept for those
# who read. To measure again: python -m benchmarks --systems ours --operations get --threads 8
THREADS = 4
CONNECTIONS = 1000
RESERVED_FILES = 32
DATABASE_FILES = 3  # of each thread: the database, its log, and where that is
STALL_SECONDS = 30  # for which a caller may send nothing
UNREAD_SECONDS = 10  # or take nothing; what is left of an answer is tried to be sent twice more
SHARED_MEMORY = "/dev/shm"  # nosec B108 # gunicorn makes a file with mkstemp there, and unlinks it

# It takes no larger limit_request_line than this, or none at all; then a line that never ends would
# be read into memory.
message.MAX_REQUEST_LINE = LINE_BYTES


def settings(workers: int = 1, threads: int = THREADS) -> dict[str, Any]:
    """Return gunicorn's settings for this service; app.py's users get them by gunicorn.conf.py."""
    return {
        "worker_class": worker.Worker,
        "workers": workers,
        "threads": threads,
        "worker_connections": _connections(threads),
        "preload_app": True,
        "control_socket_disable": True,  # by default all servers of a user share one
        # By default headers of a local caller set the scheme and SCRIPT_NAME. Here nobody's do, so
        # that gunicorn need not look whose they are; which proxies are believed is our setting.
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "forwarded_allow_ips": "*",
        "limit_request_line": LINE_BYTES,
        "limit_request_field_size": LINE_BYTES,
        "sendfile": False,  # it heeds no time-out
        "keepalive": 5,
        "timeout": 60,
        "graceful_timeout": 30,
        "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
        "accesslog": None,  # our own log has a line a request
        "ssl_context": _ssl_context,
        "on_starting": _on_starting,
        "on_reload": _on_reload,
        "when_ready": _when_ready,
        "on_exit": _on_exit,
        "post_worker_init": _post_worker_init,
        "child_exit": _child_exit,
        "worker_exit": _worker_exit,
    }


def _connections(threads: int) -> int:
    """Return for how many callers there are files: gunicorn's worker ends when there are none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = RESERVED_FILES + threads * DATABASE_FILES
    return max(threads + 1, min(CONNECTIONS, soft - others))


class _TLSSocket(ssl.SSLSocket):
    """A caller's socket, encrypted: OpenSSL would ask on where the kernel's time-outs are over."""

    def setblocking(self, flag: bool) -> None:
        self.settimeout(STALL_SECONDS if flag else 0)

    def do_handshake(self, block: bool = False) -> None:
        self.setblocking(True)
        super().do_handshake(block)


def _ssl_context(config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = default()
    context.sslsocket_class = _TLSSocket
    return context


def _on_starting(server: Any) -> None:
    # As it was called: gunicorn would leave out `-m`, and what is started by SIGUSR2 fail.
    server.START_CTX["args"] = [sys.executable, *sys.orig_argv[1:]]
    server.metrics_folder = metrics.share()
    _on_reload(server)
    if isinstance(app := server.app.callable, Service):
        process.warm_up(app)


def _on_reload(server: Any) -> None:
    if isinstance(server.app.callable, Service):
        process.log_as_ours("gunicorn.error")
    logging.getLogger("gunicorn.error").addFilter(_shorten)


def _shorten(record: logging.LogRecord) -> bool:
    """Say in a line, without a trace, that a caller has stalled."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError):
        record.msg, record.args, record.exc_info = "A caller stalled, and is gone.", (), None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


def _when_ready(server: Any) -> None:
    # What is accepted has these from the listener, on Linux.
    limits = {socket.SO_RCVTIMEO: STALL_SECONDS, socket.SO_SNDTIMEO: UNREAD_SECONDS}
    for listener in server.LISTENERS:
        for limit, seconds in limits.items():
            listener.sock.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", seconds, 0))

    # At Ctrl-C gunicorn breaks off requests; here it ends as it does when told to, and breaks them
    # off when it is pressed again.
    def interrupt(number: int, frame: Any) -> None:
        server.signal(signal.SIGTERM, frame)
        signal.signal(number, server.signal)

    signal.signal(signal.SIGINT, interrupt)


def _on_exit(server: Any) -> None:
    metrics.unshare(server.metrics_folder)


def _post_worker_init(worker: Any) -> None:
    # Ctrl-C is meant for all processes of a terminal: the first one tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if isinstance(app := worker.wsgi, Service):
        worker.end = process.begin(app, worker.cfg.threads)


def _child_exit(server: Any, worker: Any) -> None:
    metrics.bury()


def _worker_exit(server: Any, worker: Any) -> None:
    if hasattr(worker, "end"):  # or it ended before it began
        worker.end()


class _Gunicorn(BaseApplication):
    def __init__(self, app: Service, options: dict[str, Any]) -> None:
        self.service = app
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            if value is not None:
                self.cfg.set(name, value)

    def load(self) -> Service:
        return self.service


def run(app: Service, *, bind: str, workers: int, threads: int | None = None) -> None:
    """Serve `app` until SIGTERM. Raises SystemExit."""
    options = settings(workers, threads or THREADS) | {
        "bind": bind,
        "loglevel": "warning" if app.config["LOG_LEVEL"] == "info" else app.config["LOG_LEVEL"],
        "proc_name": "clients-api",
    }
    _Gunicorn(app, options).run()
