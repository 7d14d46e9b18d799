"""Gunicorn, with the settings that this service needs."""

from __future__ import annotations

import gc
import os
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.http import message

from clients_api.mail.deliverer import Deliverer
from clients_api.models import Mail
from clients_api.models.engines import sqlite
from clients_api.models.engines.current import using
from clients_api.models.queries.prepared import compose_all
from clients_api.service import Service
from clients_api.upkeep import metrics
from clients_api.web.reading.routing import LINE_BYTES

SHARED_MEMORY = "/dev/shm"  # nosec B108 # gunicorn makes a file with mkstemp there, and unlinks it

# It takes no larger limit_request_line than this, or none at all; then a line that never ends would
# be read into memory.
message.MAX_REQUEST_LINE = LINE_BYTES


def settings(workers: int = 1, threads: int = 4) -> dict[str, Any]:
    """Return gunicorn's settings for this service; app.py's users get them by gunicorn.conf.py."""
    return {
        "worker_class": "gthread",
        "workers": workers,
        "threads": threads,
        "preload_app": True,
        "control_socket_disable": True,  # by default all servers of a user share one
        # By default headers of a local caller set the scheme and SCRIPT_NAME. Here nobody's do, so
        # that gunicorn need not look whose they are; which proxies are believed is our setting.
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "forwarded_allow_ips": "*",
        "limit_request_line": LINE_BYTES,
        "limit_request_field_size": LINE_BYTES,
        "keepalive": 5,
        "timeout": 60,
        "graceful_timeout": 30,
        "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
        "accesslog": None,  # our own log has a line a request
        "on_starting": _on_starting,
        "on_exit": _on_exit,
        "post_fork": _post_fork,
        "post_worker_init": _post_worker_init,
        "worker_exit": _worker_exit,
    }


def _service_of(process: Any) -> Service:
    return process.app.callable


def _on_starting(server: Any) -> None:
    server.metrics_folder = metrics.share()
    application = _service_of(server)
    if isinstance(application, Service):
        _warm_up(application)
    # What is loaded now stays for good. A garbage collector that never touches it leaves its memory
    # shared between the workers.
    gc.collect()
    gc.freeze()


def _warm_up(app: Service) -> None:
    """Do once what each worker would do by itself, in memory of its own."""
    with using(app.database):
        compose_all()
        try:
            app.prepare()
            Mail.due_ids()
        except (sqlite.DatabaseUnusable, *sqlite.ERRORS):
            pass  # the workers look again, and say it to whoever asks
        app.database.close_all()


def _on_exit(server: Any) -> None:
    metrics.unshare(server.metrics_folder)


def _post_fork(server: Any, worker: Any) -> None:
    application = _service_of(worker)
    if isinstance(application, Service):
        application.after_fork()


def _post_worker_init(worker: Any) -> None:
    application = _service_of(worker)
    if isinstance(application, Service):
        application.database.reserve_for_readers(worker.cfg.threads)
        worker.deliverer = Deliverer(application.database, application.config, application.prepare)
        worker.deliverer.start()


def _worker_exit(server: Any, worker: Any) -> None:
    application = _service_of(worker)
    if isinstance(application, Service):
        application.database.reserve_for_readers(worker.cfg.threads)
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
