"""One measurement: a load by wrk, and the CPU time that the server's processes took for it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .operations import COMPANIES, Request

SCRIPT = Path(__file__).parent / "wrk" / "requests.lua"
CONNECTIONS = 8
WARM_UP_SECONDS = 1
LEAST = 50  # requests that a measurement needs; those under way at its end blur it
LONGER = 4  # times, where there were fewer
REST_SECONDS = 60  # after a load, at most
LOOK_SECONDS = 0.5
IDLE = 0.05  # of one core
_loads = itertools.count(1)


class Failed(Exception):
    """A measurement can't be made, or is worth nothing; the message says why."""


class Measurement(NamedTuple):
    """What one load showed. CPU time is in microseconds a request, latencies in milliseconds.

    The CPU time has all that the requests caused, until the server was at rest; also those that
    were under way as the load ended, which are not counted.
    """

    requests: int
    per_second: float
    p50: float
    p99: float
    cpu: float


def require_wrk() -> None:
    """Raise Failed where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise Failed("wrk is not installed: apt install wrk (https://github.com/wg/wrk).")


def measure(
    url: str,
    pid: int,
    request: Request,
    headers: Mapping[str, str],
    *,
    id_format: str,
    clients: int,
    seconds: int | None,
    seed: int,
) -> Measurement:
    """Load a server with one kind of request. Raises Failed if an answer is an error.

    In: the server's address and first process; `headers` of each request; how an id is written
    (`%d`), and how many clients there are; for how long, which is made longer where too few
    requests are answered, unless it is None, to warm the server up; the `seed` of the values.
    """
    values = [request.method, request.path, request.text, id_format]
    values += [str(clients), str(seed), ",".join(COMPANIES)]
    values += [text for header in headers.items() for text in header]
    found = _load(url, pid, values, seconds or WARM_UP_SECONDS)
    if seconds and found.requests < LEAST:
        found = _load(url, pid, values, seconds * LONGER)
    return found


def _load(url: str, pid: int, values: list[str], seconds: int) -> Measurement:
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "60s"]
    before = cpu_seconds(pid)
    result = subprocess.run(
        [*command, "-s", SCRIPT, url, "--", str(next(_loads)), *values],
        capture_output=True,
        text=True,
    )
    cpu = at_rest(pid) - before
    if result.returncode:
        raise Failed(f"wrk: {result.stderr or result.stdout}")
    found = json.loads(result.stdout.rstrip().rpartition("\n")[2])
    if found["failed"]:
        raise Failed(f"{found['failed']} requests failed.")
    count = max(found["requests"], 1)
    rate = count / found["seconds"]
    return Measurement(count, rate, found["p50"], found["p99"], cpu / count * 1e6)


def at_rest(pid: int) -> float:
    """Wait until the processes do nothing any more, and return the CPU time they took so far.

    So what a request leaves behind is counted with it, and not with what is measured next. Raises
    Failed if they find no rest.
    """
    taken = cpu_seconds(pid)
    for _ in range(int(REST_SECONDS / LOOK_SECONDS)):
        time.sleep(LOOK_SECONDS)
        before, taken = taken, cpu_seconds(pid)
        if taken - before <= LOOK_SECONDS * IDLE:
            return taken
    raise Failed(f"The server was still busy {REST_SECONDS} s after its last answer.")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, of a process and all its descendants so far.

    The time of descendants that have ended counts too, as soon as they were waited for.
    """
    ticks = sum(sum(times) for process, times in _tree(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> Iterator[tuple[int, list[int]]]:
    processes = dict(_processes())
    found = [root]
    for process in found:
        found += [pid for pid, (parent, _) in processes.items() if parent == process]
        yield process, processes[process][1]


def _processes() -> Iterator[tuple[int, tuple[int, list[int]]]]:
    """Yield of each process its parent, and its utime, stime, cutime and cstime: proc(5)."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        fields = stat.rpartition(")")[2].split()
        yield int(entry.name), (int(fields[1]), [int(value) for value in fields[11:15]])
