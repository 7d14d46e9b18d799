"""`clients-api backup`, `clients-api restore` and `clients-api check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from peewee import sqlite3

from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.upkeep import backup as copies
from clients_api.upkeep import checking

from .cli import service


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Copy the database to a new FILE, also while it is served."""
    path = Path(service(ctx).database.database)
    with _progress("Copying") as progress:
        clients = copies.backup(path, file, progress)
    click.echo(f"Backed up {_clients(clients)} to {file} ({file.stat().st_size:,} bytes).")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_context
def restore(ctx: click.Context, file: Path) -> None:
    """Restore the backup FILE; the replaced database is kept.

    It is kept beside the new one. Stop the server first.
    """
    path = Path(service(ctx).database.database)
    with _progress("Copying") as progress:
        restored = copies.restore(path, file, progress)
    click.echo(f"Restored {_clients(restored.clients)} from {file}.")
    if restored.kept:
        click.echo(f"The replaced database is {restored.kept}.")


@click.command()
@click.option("--repair", is_flag=True, help="Make search index and totals anew if they are wrong.")
@click.pass_context
def check(ctx: click.Context, repair: bool) -> None:
    """Look for damage; exit 1 if something is wrong."""
    db = service(ctx).database
    if migrating.status(db)[1]:
        migrating.migrate(db)
    click.echo(f"SQLite {sqlite3.sqlite_version}, {db.database}")
    wrong = False
    with using(db):
        for finding in checking.findings(db, repair=repair):
            wrong = wrong or bool(finding.faults)
            click.echo(f"{finding.subject}: {'; '.join(finding.faults) or finding.remark}")
    ctx.exit(1 if wrong else 0)


def _clients(count: int) -> str:
    return f"{count:,} client{'s' if count != 1 else ''}"


@contextmanager
def _progress(label: str) -> Iterator[copies.Progress]:
    """Show a bar on a terminal, and yield the function that moves it."""
    with click.progressbar(
        length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show
