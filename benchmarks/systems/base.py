"""What the systems have in common: a server that is started on a copy of the data, and stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.dataset import Dataset
from benchmarks.operations import Request, requests
from clients_api.serving import granian, gunicorn

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


class Terms(NamedTuple):
    """What is the same for all systems."""

    workers: int
    synchronous: str
    threads: int | None = None  # a worker's, of servers that have them; by default as many as ours


class Server(NamedTuple):
    """A running server: its address, its first process, and what it says."""

    url: str
    pid: int
    log: Path


class System(ABC):
    """One of the systems that are compared. Speaks our API unless it says otherwise."""

    id_format = "%d"
    headers: Mapping[str, str] = {"Content-Type": "application/json"}

    @abstractmethod
    def command(self, folder: Path, bind: str, terms: Terms) -> list[str]:
        """Return the command that serves the data in `folder` at `bind`."""

    def environment(self, folder: Path, terms: Terms) -> dict[str, str]:
        """Return what the server's environment has besides ours."""
        return {
            "BENCHMARK_DATABASE": str(folder / "clients.sqlite3"),
            "BENCHMARK_SYNCHRONOUS": terms.synchronous,
        }

    def set_up(self, data: Dataset, folder: Path) -> None:
        """Put the data into `folder`."""
        data.copy_to(folder / "clients.sqlite3")

    def cursor(self, server: Server, data: Dataset) -> str:
        """Return the cursor of the page behind `data.position`."""
        created, id = data.position
        return f"{created},{id}"

    def requests(self, server: Server, data: Dataset) -> dict[str, Request]:
        """Return the request of each operation that the system has."""
        return requests(data, self.cursor(server, data))

    def call(self, server: Server, request: Request) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Send a request; return the answer's JSON and headers. Raises HTTPError."""
        data = request.text.encode() or None
        asked = urllib.request.Request(
            server.url + request.path, data, dict(self.headers), method=request.method
        )
        with urllib.request.urlopen(asked, timeout=60) as response:
            return json.loads(response.read()), response.headers

    @contextmanager
    def running(self, data: Dataset, folder: Path, terms: Terms) -> Iterator[Server]:
        """Serve while the block runs. Raises RuntimeError if the server does not start."""
        self.set_up(data, folder)
        with serving(self, folder, terms) as server:
            yield server


@contextmanager
def serving(system: System, folder: Path, terms: Terms) -> Iterator[Server]:
    """Run the system's command on a free port while the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bind = f"127.0.0.1:{port}"
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            system.command(folder, bind, terms),
            cwd=folder,  # at the root lies a gunicorn.conf.py, which is of our own server only
            env=os.environ | {"PYTHONPATH": str(ROOT)} | system.environment(folder, terms),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        if not _answers(process, f"http://{bind}/"):
            raise RuntimeError(f"The server did not start: {log.read_text()}")
        yield Server(f"http://{bind}", process.pid, log)
    finally:
        process.terminate()
        process.wait(60)


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


class UnderGunicorn(System):
    """A WSGI application of this package, under gunicorn with the settings of our own server."""

    def __init__(self, module: str) -> None:
        self._app = f"benchmarks.systems.{module}:app"

    def command(self, folder: Path, bind: str, terms: Terms) -> list[str]:
        threads = f"--threads={terms.threads or gunicorn.THREADS}"
        settings = ["--worker-class=gthread", threads, "--preload", "--keep-alive=5"]
        settings += ["--no-control-socket", "--worker-tmp-dir=/dev/shm", "--log-level=warning"]
        settings += [f"--bind={bind}", f"--workers={terms.workers}"]
        return [sys.executable, "-m", "gunicorn", *settings, self._app]


class UnderGranian(System):
    """A WSGI application of this package, under granian with the settings of our own server."""

    def __init__(self, module: str) -> None:
        self._app = f"benchmarks.systems.{module}:app"

    def command(self, folder: Path, bind: str, terms: Terms) -> list[str]:
        host, _, port = bind.partition(":")
        settings = ["--interface=wsgi", "--http=1", "--no-ws", "--log-level=warning"]
        settings += [f"--blocking-threads={terms.threads or granian.THREADS}"]
        settings += [f"--host={host}", f"--port={port}", f"--workers={terms.workers}"]
        return [sys.executable, "-m", "granian", *settings, self._app]


class UnderUvicorn(System):
    """An ASGI application of this package, under uvicorn."""

    def __init__(self, module: str) -> None:
        self._app = f"benchmarks.systems.{module}:app"

    def command(self, folder: Path, bind: str, terms: Terms) -> list[str]:
        host, _, port = bind.partition(":")
        settings = ["--host", host, "--port", port, "--workers", str(terms.workers)]
        settings += ["--no-access-log", "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", *settings, self._app]
