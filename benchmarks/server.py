"""A server of one's own for a measurement: on a free port, with a database in a folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[tuple[str, str]]:
    """Serve while the block runs; yield the API's address and its admin key.

    In: the instance folder, with no database yet; settings by their names.
    Raises RuntimeError if the server does not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    values = {"INSTANCE_PATH": str(folder), "RATELIMIT_ENABLED": "false", **settings}
    environment = {name: value for name, value in os.environ.items() if "CLIENTS_API" not in name}
    environment |= {f"CLIENTS_API_{name}": value for name, value in values.items()}
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "clients_api", "serve", "--bind", bind],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://{bind}/api", _key(process, bind, log)
    finally:
        process.terminate()
        process.wait(30)


def _key(process: subprocess.Popen[bytes], bind: str, log: Path) -> str:
    host, _, port = bind.partition(":")
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return re.findall(r"admin key[^:]*: (\S+)", log.read_text())[0]
    raise RuntimeError(f"The server did not start: {log.read_text()}")
