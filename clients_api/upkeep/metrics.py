"""Metrics for Prometheus, where the extra `metrics` is installed: calls, clients and mail.

Every process counts for itself. Under gunicorn the counts lie in files of one temporary folder,
which is prometheus_client's multiprocess mode, so that the worker that is asked answers for all.
That library looks for the folder when it is imported; hence it is imported late.
"""

from __future__ import annotations

import fcntl
import functools
import importlib
import importlib.util
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
import peewee

from clients_api.models import ClientTotal, Mail, client, mail

log = logging.getLogger("clients_api")

IS_INSTALLED = importlib.util.find_spec("prometheus_client") is not None
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's name for it, in the environment
ENDED = "histogram_ended.db"  # in that folder: the counts of workers that are no more
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"  # of the format that `text` writes


class Metrics:
    """How many calls there were, and how long they took, by endpoint, method and status."""

    def __init__(self, prefix: str) -> None:
        self._no_endpoint = f"{prefix}/*"
        self._lock = threading.Lock()
        self._counted: dict[tuple[str | None, str, int], Any] = {}

    @functools.cached_property
    def _calls(self) -> Any:
        from prometheus_client import Histogram

        return Histogram(
            "clients_api_request_seconds",
            "Seconds from a request's head to the head of its answer.",
            ("endpoint", "method", "status"),
            registry=None,
        )

    def observe(self, request: Any, response: flask.Response) -> None:
        """Count a call that was answered."""
        # Paths and methods that are none are whatever a caller makes up, without end.
        rule = request.url_rule and request.url_rule.rule
        kind = rule, request.method if rule else "*", response.status_code
        try:
            counted = self._counted.get(kind) or self._count(*kind)
            counted.observe(time.perf_counter() - request.started)
        except OSError as error:
            # A full disk must not turn a call that was done into one that failed.
            log.warning("A call was not counted: %s", error)

    def _count(self, rule: str | None, method: str, status: int) -> Any:
        endpoint = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule) if rule else self._no_endpoint
        with self._lock:  # two threads must not make two of what is made on first use
            counted = self._calls.labels(endpoint, method, status)
        self._counted[rule, method, status] = counted
        return counted

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        registry.register(_Database())
        if FOLDER in os.environ:
            MultiProcessCollector(registry)
            with _holding(Path(os.environ[FOLDER]), fcntl.LOCK_SH):
                return generate_latest(registry)
        with self._lock:  # as in _count
            registry.register(self._calls)
        return generate_latest(registry)


class _Database:
    """What is in the database at the moment of asking."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        clients, mails = peewee.fn.SUM(ClientTotal.count), peewee.fn.COUNT(Mail.id)
        for name, help, count, status, statuses in (
            ("clients_api_clients", "Clients.", clients, ClientTotal.status, client.STATUSES),
            ("clients_api_mails", "Mail in the outbox.", mails, Mail.status, mail.STATUSES),
        ):
            counts = status.model.select(status, count).group_by(status).tuples()
            family = GaugeMetricFamily(name, help, labels=["status"])
            for label, number in (dict.fromkeys(statuses, 0) | dict(counts)).items():
                family.add_metric([label], number)
            yield family


def share() -> str | None:
    """Let this process and those it forks count together, from their first count on.

    Returns the folder that `unshare` has to remove; None if there is none of ours.
    """
    if not IS_INSTALLED or FOLDER in os.environ:
        return None
    os.environ[FOLDER] = folder = tempfile.mkdtemp(prefix="clients-api-metrics-")
    importlib.import_module("prometheus_client")  # once for all that are forked
    return folder


def bury() -> None:
    """Add what workers that have ended had counted to one file, and remove theirs.

    Each worker has a file of its own, and servers that live long have many workers. To be called
    when one has ended, by the process that started it.
    """
    if FOLDER not in os.environ:
        return
    folder = Path(os.environ[FOLDER])
    ended = [path for path in folder.glob("histogram_*.db") if _is_of_nobody(path)]
    try:
        with _holding(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for path in ended:
                _add(path, folder / ENDED)
                path.unlink()
    except BlockingIOError:
        log.debug("Metrics are being read; what ended workers have left stays until the next ends")
    except OSError as error:
        log.warning("What ended workers have counted was not put together: %s", error)


def _is_of_nobody(path: Path) -> bool:
    number = path.stem.partition("_")[2]
    if not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)  # asks only whether there is such a process
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _add(path: Path, total: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    counts = MmapedDict(str(total))
    try:
        for key, value, moment, _ in MmapedDict.read_all_values_from_file(str(path)):
            counts.write_value(key, counts.read_value(key)[0] + value, moment)
    finally:
        counts.close()


@contextmanager
def _holding(folder: Path, how: int) -> Iterator[None]:
    """Keep the files of the folder from being put together while they are read."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, how)
        yield


def unshare(folder: str | None) -> None:
    """Remove what `share` has made."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
