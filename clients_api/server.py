"""Gunicorn, with the settings and the error answers that this service needs."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import (
    InvalidHeader,
    InvalidHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
)
from gunicorn.workers.gthread import ThreadWorker

from . import metrics
from .delivery import Deliverer
from .service import Service

log = logging.getLogger("clients_api")


class Worker(ThreadWorker):
    """Gunicorn's threaded worker, whose own error answers are JSON, and which delivers mail."""

    deliverer: Deliverer | None = None

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep or close the connection of a request that was answered.

        To close one, gunicorn waits for up to two seconds for the caller to hang up. It does so in
        the loop that accepts everybody else, who would have to wait too; here, a thread waits.
        """
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1
            self.tpool.submit(conn.close, graceful=True)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that never became one for the application."""
        status, reason, message = _judge(exc)
        if status == 500:
            log.error("Error before the application", exc_info=exc)
        else:
            log.info("Refused a request from %s: %s", addr[0] if addr else "?", exc)
        body = orjson.dumps({"message": message})
        head = (
            f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            log.debug("The caller was gone before it could be told")


def _judge(error: BaseException) -> tuple[int, str, str]:
    match error:
        case LimitRequestLine():
            return 414, "URI Too Long", "The address is too long."
        case LimitRequestHeaders():
            return 431, "Request Header Fields Too Large", "The headers are too large."
        case InvalidHeader() | InvalidHeaderName():
            return 400, "Bad Request", "The request has a header that is not valid HTTP."
    if type(error).__module__.startswith("gunicorn.http"):
        return 400, "Bad Request", "The request is not valid HTTP."
    return 500, "Internal Server Error", "Something went wrong on our side."


def settings(workers: int = 1, threads: int = 16) -> dict[str, Any]:
    """Return gunicorn's settings for this service; app.py's users get them by gunicorn.conf.py."""
    return {
        "worker_class": "clients_api.server.Worker",
        "workers": workers,
        "threads": threads,
        "preload_app": True,
        "control_socket_disable": True,  # by default all servers of a user share one
        "keepalive": 5,
        "timeout": 60,
        "graceful_timeout": 30,
        "worker_tmp_dir": "/dev/shm" if _has_shm() else None,
        "accesslog": None,  # our own log has a line a request
        "on_starting": _on_starting,
        "on_exit": _on_exit,
        "post_fork": _post_fork,
        "post_worker_init": _post_worker_init,
        "worker_exit": _worker_exit,
    }


def _has_shm() -> bool:
    from os import W_OK, access

    return access("/dev/shm", W_OK)


def _service_of(worker: Any) -> Service:
    return worker.app.callable


def _on_starting(server: Any) -> None:
    server.metrics_folder = metrics.share()


def _on_exit(server: Any) -> None:
    metrics.unshare(server.metrics_folder)


def _post_fork(server: Any, worker: Any) -> None:
    # A connection that was opened before the fork would be shared, which SQLite forbids.
    application = _service_of(worker)
    if isinstance(application, Service):
        application.database.dispose()


def _post_worker_init(worker: Any) -> None:
    application = _service_of(worker)
    if isinstance(application, Service):
        worker.deliverer = Deliverer(application)
        worker.deliverer.start()


def _worker_exit(server: Any, worker: Any) -> None:
    application = _service_of(worker)
    if isinstance(application, Service):
        if worker.deliverer is not None:
            worker.deliverer.stop()
        application.database.close_all()


class _Gunicorn(BaseApplication):
    def __init__(self, app: Service, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if value is not None:
                self.cfg.set(name, value)

    def load(self) -> Service:
        return self._app


def run(app: Service, *, bind: str, workers: int, threads: int) -> None:
    """Serve `app` until SIGTERM. Raises SystemExit."""
    options = settings(workers, threads) | {
        "bind": bind,
        "loglevel": "warning" if app.config["LOG_LEVEL"] == "info" else app.config["LOG_LEVEL"],
        "proc_name": "clients-api",
    }
    _Gunicorn(app, options).run()
