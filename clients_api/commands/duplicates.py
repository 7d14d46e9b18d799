"""`clients-api duplicates`: which clients may be one, for a person or a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import click

from clients_api.files.defusing import defused
from clients_api.models.client.duplicates import KEYS, MEMBERS, Groups
from clients_api.service import Service

from .cli import with_database
from .files import writing
from .printing import printable

AT_ONCE = 100  # groups that are read together
HEAD = ("by", "value", "strength", "count", *MEMBERS)


@click.command()
@click.option(
    "--by",
    type=click.Choice(list(KEYS)),
    multiple=True,
    help="What they have in common; can be given more than once. All kinds if not given.",
)
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write a line a client to this file instead; `-` is stdout.",
)
@with_database
def duplicates(app: Service, by: tuple[str, ...], file: str | None) -> None:
    """List groups of clients that may be one.

    Nothing is merged: POST /clients/{id}/merge does that.
    """
    groups = _groups(Groups(list(by or KEYS)))
    if file is not None:
        with writing(file) as stream:
            for line in _lines(groups):
                stream.write(line)
        return
    count = 0
    for kind, value, strength, size, clients, *_ in groups:
        count += 1
        click.echo(printable(f"{kind} {value} ({strength}): {size} clients"))
        for id, name, created, _ in clients:
            click.echo(printable(f"{id:>9}  {created[:10]}  {name}"))
        if size > len(clients):
            click.echo(f"{'…':>9}  and {size - len(clients):,} more")
    click.echo(f"{count:,} group{'s' if count != 1 else ''}", err=True)


def _groups(groups: Groups) -> Iterator[tuple[Any, ...]]:
    last = None
    while rows := groups.after(last, limit=AT_ONCE):
        yield from rows
        last = (rows[-1][-1], rows[-1][-2])


def _lines(groups: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield a file's lines: a head, and one for each client of a group."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(HEAD)
    for kind, value, strength, size, clients, *_ in groups:
        for id, name, *times in clients:
            writer.writerow((kind, defused(value), strength, size, id, defused(name), *times))
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()
