"""Calls of a running server over kept connections, counted."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import click

# A server closes connections that wait for longer than some two seconds.
IDLE_SECONDS = 1.0


class Failed(Exception):
    """A call was not answered as it should have been."""


class Step(NamedTuple):
    """One line of the figures."""

    name: str
    seconds: float
    requests: int
    failed: int


class Caller:
    """Calls a server with a key. In: the address of the API; the key; how many threads call."""

    def __init__(self, url: str, key: str, threads: int) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._path = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._threads = threads
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[http.client.HTTPConnection] = []
        self.requests = 0
        self.failures: list[str] = []
        self.steps: list[Step] = []

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """Return the answer's JSON. Raises Failed unless the status is 200 or 201."""
        target = self._path + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        connection.request(method, target, data, self._headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        self._local.used = time.monotonic()
        with self._lock:
            self.requests += 1
        if response.status not in (200, 201):
            raise Failed(f"{method} {target}: {response.status} {answer}")
        return answer

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.call("GET", path, **query)

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            self._local.connection = connection = http.client.HTTPConnection(*self._address, 60)
            with self._lock:
                self._connections.append(connection)
        elif time.monotonic() - self._local.used > IDLE_SECONDS:
            connection.close()  # and opened anew by the next request
        return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def fail(self, why: str) -> None:
        """Count something that should have been otherwise, and say it."""
        with self._lock:
            self.failures.append(why)
        click.echo(f"Failed: {why}", err=True)

    def expect(self, what: str, found: Any, wanted: Any) -> None:
        """Count a failure unless `found` is what is wanted."""
        if found != wanted:
            self.fail(f"{what}: {found}, not {wanted}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done meanwhile."""
        start, requests, failed = time.perf_counter(), self.requests, len(self.failures)
        try:
            yield
        except Failed as error:
            self.fail(str(error))
        seconds = time.perf_counter() - start
        step = Step(name, seconds, self.requests - requests, len(self.failures) - failed)
        self.steps.append(step)

    def each(self, function: Callable[..., Any], items: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Call a function with each of the items' values, in threads; return what came back.

        The order is that of the items; an item whose call failed is None.
        """
        items = list(items)
        results: list[Any] = [None] * len(items)
        hidden = not sys.stderr.isatty()
        with (
            ThreadPoolExecutor(self._threads) as pool,
            click.progressbar(length=len(items), file=sys.stderr, hidden=hidden) as bar,
        ):
            futures = {pool.submit(function, *item): n for n, item in enumerate(items)}
            for future in as_completed(futures):
                try:
                    results[futures[future]] = future.result()
                except Failed as error:
                    self.fail(str(error))
                bar.update(1)
        return results
