"""What was measured, as Markdown and as JSON."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from .contenders import FRAMEWORKS, LIMIT, LIMIT_GRANIAN, OURS, OURS_GRANIAN, POCKETBASE
from .measuring import Measurement

Rounds = list[Measurement]
Figures = dict[str, dict[str, Rounds]]  # by operation and system
HEADS = ("operation", "system", "CPU µs a request", "requests/s", "p50 ms", "p99 ms")
SERVERS = (("gunicorn", OURS, LIMIT), ("granian", OURS_GRANIAN, LIMIT_GRANIAN))
RATIO_HEADS = (
    "CPU time",
    "on",
    "of the limit there",
    "times the fastest framework",
    "times PocketBase",
)


def medians(rounds: Rounds) -> Measurement:
    """Return the median of each value over the rounds."""
    return Measurement(*map(median, zip(*rounds, strict=True)))


def ratio(ours: Rounds, others: Rounds) -> float:
    """Return how many times our CPU time a request of another takes: the rounds' median."""
    pairs = zip(ours, others, strict=True)
    return median(other.cpu / own.cpu for own, other in pairs)


def markdown(figures: Figures) -> str:
    """Return the tables of the medians and of the ratios."""
    rows = [
        (operation, system, *_numbers(medians(rounds)))
        for operation, systems in figures.items()
        for system, rounds in systems.items()
    ]
    tables = [_table(HEADS, rows)]
    if any(ours in systems for systems in figures.values() for _, ours, _ in SERVERS):
        compared = [
            (operation, server, *map(_short, ratios(systems, ours, limit)))
            for operation, systems in figures.items()
            for server, ours, limit in SERVERS
            if ours in systems
        ]
        tables.append(_table(RATIO_HEADS, compared))
    return "\n\n".join(tables)


def ratios(systems: dict[str, Rounds], ours: str, limit: str) -> tuple[float | None, ...]:
    """Return how fast we are, by the heads of the table: None where there is none to compare."""
    of = {name: ratio(systems[ours], rounds) for name, rounds in systems.items()}
    frameworks = [of[name] for name in FRAMEWORKS if name in of]
    return of.get(limit), min(frameworks, default=None), of.get(POCKETBASE)


def as_json(figures: Figures, settings: dict[str, Any]) -> dict[str, Any]:
    """Return all rounds, their medians and the ratios, with what they were measured on."""
    operations = {
        operation: {
            system: {
                "median": medians(rounds)._asdict(),
                "rounds": [measurement._asdict() for measurement in rounds],
            }
            for system, rounds in systems.items()
        }
        for operation, systems in figures.items()
    }
    return {"machine": machine(), "settings": settings, "operations": operations}


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the systems."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = [line for line in cpuinfo.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(": ")[2] if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _numbers(found: Measurement) -> tuple[str, ...]:
    numbers = f"{found.cpu:,.0f}", f"{found.per_second:,.0f}"
    return *numbers, f"{found.p50:.1f}", f"{found.p99:.1f}"


def _short(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:.2f}" if number < 10 else f"{number:.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["--:" if cell[:1].isdigit() or cell == "-" else "---" for cell in rows[0]]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))
