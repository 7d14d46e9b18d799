"""What each part that was written for speed brings: the same calls with it and without, in turn.

In process, in one thread, CPU time: `python -m benchmarks.ablation`. A part that gains less than a
tenth on its own operation is to be taken out.
"""

from __future__ import annotations

import io
import itertools
import logging
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import click

import clients_api.models.client as clients
from clients_api import create_app
from clients_api.models.engines.known import Known
from clients_api.models.queries.selection import Selection

from . import dataset

ROUNDS = 7
ORDER = {"sort": "client_created", "order": "desc", "limit": 25}


def forgetful(self: Known, *arguments: Any, ask: Any = Known.ask, **shape: Any) -> Any:
    """Ask as after a change: nothing is known."""
    self._found.clear()
    return ask(self, *arguments, **shape)


def whole(text: str, condition: Any = clients.search_condition) -> Any:
    """Look for all of a long needle, not for its rarest part."""
    name, values = condition(text)
    return ("search", values[:1]) if name == "search_long" else (name, values)


# The part, what stands in its place, what else is off for both, and what is asked.
PARTS: dict[str, tuple[tuple[Any, str, Any], bool, str]] = {
    "known: the same page half-way down": ((Known, "ask", forgetful), False, "deep"),
    "known: the same search, 5,000 hits": ((Known, "ask", forgetful), False, "common"),
    "known: the same search, one hit": ((Known, "ask", forgetful), False, "rare"),
    "walking the list, 5,000 hits": (
        (Selection, "_steps_worth", lambda *_: 0), False, "common",
    ),
    "testing all to count, 90,000 hits": (
        (Selection, "_finds_many", property(lambda self: False)), True, "letter",
    ),
    "the rarest part, names in turn": ((clients, "search_condition", whole), False, "names"),
}  # fmt: skip


@contextmanager
def replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    """Put `value` in the place of an attribute for a while."""
    kept = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, kept)


def questions(data: dataset.Dataset) -> dict[str, Iterator[dict[str, Any]]]:
    """Return the query strings to ask one after the other, by name."""
    draw = random.Random(1)
    named = (
        f"{draw.choice(dataset.FIRST)} {draw.choice(dataset.SECOND)} {number}"
        for number in itertools.count(1)
    )
    return {
        "deep": itertools.repeat({"status": "active", "page": data.half // 25 + 1}),
        "common": itertools.repeat({"search": dataset.COMMON}),
        "rare": itertools.repeat({"search": data.rare}),
        "letter": itertools.repeat({"search": "a", "status": "active"}),
        "names": ({"search": name} for name in named),
    }


def caller(data: dataset.Dataset, folder: Path) -> Callable[[dict[str, Any]], float]:
    """Make the service; return what calls it, and returns the seconds of CPU time that it took."""
    shutil.copy(data.path, folder / "clients.sqlite3")
    app = create_app({"INSTANCE_PATH": folder, "RATELIMIT_ENABLED": False})
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/clients", "SERVER_NAME": "localhost"}
    environ |= {"SERVER_PORT": "80", "wsgi.url_scheme": "http"}
    environ["HTTP_AUTHORIZATION"] = f"Bearer {dataset.KEY}"

    def call(query: dict[str, Any]) -> float:
        asked = environ | {"QUERY_STRING": urlencode(query | ORDER), "wsgi.input": io.BytesIO()}
        began = time.thread_time()
        b"".join(app.wsgi_app(asked, lambda *_: None))
        return time.thread_time() - began

    return call


@click.command(help=__doc__)
@click.option("--clients", "count", default=100_000, show_default=True, type=click.IntRange(1000))
@click.option("--calls", default=20, show_default=True, type=click.IntRange(1), help="A round.")
def main(count: int, calls: int) -> None:
    logging.disable()
    data = dataset.prepare(count)
    with tempfile.TemporaryDirectory() as folder:
        call, asked = caller(data, Path(folder)), questions(data)
        for title, (change, is_cold, name) in PARTS.items():
            with replaced(Known, "ask", forgetful if is_cold else Known.ask):
                found = [_round(call, asked[name], change, calls) for _ in range(ROUNDS + 1)][1:]
            ratio = median(without / having for having, without in found)
            having, without = (median(times) * 1e6 for times in zip(*found, strict=True))
            click.echo(f"{title:<36}{having:>8,.0f} us with{without:>8,.0f} without{ratio:>7.2f} x")


def _round(call: Any, asked: Any, change: Any, calls: int) -> tuple[float, float]:
    having, without = [], []
    for query in itertools.islice(asked, calls):
        having.append(call(query))
    with replaced(*change):
        for query in itertools.islice(asked, calls):
            without.append(call(query))
    return median(having), median(without)


if __name__ == "__main__":
    main()
