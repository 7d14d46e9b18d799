"""`clients-api copy`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from clients_api.models.engines.engine import Engine
from clients_api.models.engines.opening import open_database
from clients_api.service import Service
from clients_api.upkeep import copying

from .cli import service
from .printing import printable


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.pass_context
def copy(ctx: click.Context, source: str, target: str) -> None:
    """Copy a whole database to another, which has to be empty.

    FROM and TO are URLs such as DATABASE_URL takes. Ids and times are kept, and every row is
    compared. Stop the server first: what is changed meanwhile is not in the copy.
    """
    app = service(ctx, makes=False)
    theirs, ours = _opened(app, source, "FROM"), _opened(app, target, "TO")
    try:
        with click.progressbar(
            length=1, label="Copying", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:

            def show(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            rows = _copied(theirs, ours, show)
    finally:
        theirs.close_all()
        ours.close_all()
    click.echo(printable(f"Copied {rows:,} rows from {theirs.shown} to {ours.shown}."))


def _opened(app: Service, url: str, name: str) -> Engine:
    try:
        return open_database(url, Path(app.instance_path), app.config)
    except ValueError as error:
        raise click.UsageError(f"{name} has to be {error}") from None


def _copied(source: Engine, target: Engine, show: copying.Progress) -> int:
    try:
        return copying.copy(source, target, show)
    except (*source.errors, *target.errors) as error:
        troubled = target if isinstance(error, target.errors) else source
        raise click.ClickException(printable(troubled.reason(error))) from error
