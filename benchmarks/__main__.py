"""Measure this service beside its limit and what one might pick instead, and print tables.

Makes the data, starts the systems on this machine, and loads them in turn with wrk. What counts is
the CPU time a request of a server's processes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from . import dataset, operations, report
from .answers import require_same
from .contenders import SYSTEMS
from .measuring import Failed, Measurement, measure, require_wrk
from .systems.base import Server, System, Terms

Servers = dict[str, tuple[System, Server]]


def rounds(
    servers: Servers, data: dataset.Dataset, names: list[str], count: int, seconds: int
) -> Iterator[tuple[str, str, Measurement]]:
    """Measure each operation on each system in turn, round by round.

    Yields the operation, the system and what was measured; of the first round, which only warms
    the systems up, nothing.
    """
    for number in range(count + 1):
        for operation in names:
            for name, (system, server) in servers.items():
                duration = seconds if number else None
                try:
                    found = _load(system, server, data, operation, duration, number)
                except Failed as error:
                    log = server.log.read_text()[-2000:]
                    raise Failed(f"{operation} on {name}: {error}\n{log}") from error
                if found and number:
                    yield operation, name, found


def _load(
    system: System,
    server: Server,
    data: dataset.Dataset,
    operation: str,
    seconds: int | None,
    seed: int,
) -> Measurement | None:
    request = system.requests(server, data).get(operation)
    if request is None:
        return None
    headers = dict(system.headers)
    if request.if_none_match:
        headers["If-None-Match"] = system.call(server, request)[1]["ETag"]
    return measure(
        server.url,
        server.pid,
        request,
        headers,
        id_format=system.id_format,
        clients=data.clients,
        seconds=seconds,
        seed=seed,
    )


def collect(found: Iterator[tuple[str, str, Measurement]], length: int) -> report.Figures:
    """Run the measurements, with a progress bar on a terminal."""
    figures: report.Figures = {}
    hidden = not sys.stderr.isatty()
    with click.progressbar(found, length=length, file=sys.stderr, hidden=hidden) as bar:
        for operation, system, measurement in bar:
            figures.setdefault(operation, {}).setdefault(system, []).append(measurement)
    return figures


def chosen(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str]:
    """Return the names of a list that is separated by commas; all of them if there is none."""
    known = list(SYSTEMS if param.name == "systems" else operations.NAMES)
    names = known if value is None else [name.strip() for name in value.split(",")]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(known)}.")
    return names


@click.command(help=__doc__)
@click.option("--clients", default=100_000, show_default=True, type=click.IntRange(1000))
@click.option("--rounds", "count", default=5, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=3, show_default=True, type=click.IntRange(1), help="A round.")
@click.option("--operations", "names", callback=chosen, help="Separated by commas; all if none.")
@click.option("--systems", callback=chosen, help="Separated by commas; all if none.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1))
@click.option("--threads", type=click.IntRange(1), help="A worker; by default as many as ours has.")
@click.option(
    "--synchronous",
    default="normal",
    show_default=True,
    type=click.Choice(["normal", "full"]),
    help="SQLite's pragma; PocketBase knows only normal.",
)
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    clients: int, names: list[str], systems: list[str], file: Path | None, **settings: Any
) -> None:
    try:
        require_wrk()
        data = dataset.prepare(clients)
        terms = Terms(settings["workers"], settings["synchronous"], settings["threads"])
        with ExitStack() as stack:
            servers = _start(stack, systems, data, terms)
            require_same(servers, data)
            count, seconds = settings["count"], settings["seconds"]
            found = rounds(servers, data, names, count, seconds)
            figures = collect(found, count * len(names) * len(servers))
    except (Failed, RuntimeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.markdown(figures))
    if file is not None:
        text = json.dumps(report.as_json(figures, {"clients": clients, **settings}), indent=1)
        file.write_text(f"{text}\n", encoding="utf-8")


def _start(stack: ExitStack, names: list[str], data: dataset.Dataset, terms: Terms) -> Servers:
    servers = {}
    for name in names:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        system = SYSTEMS[name]
        servers[name] = system, stack.enter_context(system.running(data, folder, terms))
    return servers


main(prog_name="python -m benchmarks")
