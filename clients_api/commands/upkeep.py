"""`clients-api backup`, `clients-api restore` and `clients-api check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from clients_api.models.engines.current import using
from clients_api.upkeep import backup as copies
from clients_api.upkeep import checking, since

from .cli import existing, say_where, service
from .printing import printable


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Copy the database to a new FILE, also while it is served."""
    path = existing(ctx).database.file("backup")
    with _progress("Copying") as progress:
        clients = copies.backup(path, file, progress)
    size = f"{file.stat().st_size:,} bytes"
    click.echo(printable(f"Backed up {_counted(clients, 'client')} to {file} ({size})."))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--as-it-was", is_flag=True, help="Let keys revoked since live again, and send mail sent since."
)
@click.pass_context
def restore(ctx: click.Context, file: Path, as_it_was: bool) -> None:
    """Restore the backup FILE; the replaced database is kept.

    It is kept beside the new one. Stop the server first. Keys that were revoked since the backup
    stay revoked, and mail that was sent since is not sent again, unless --as-it-was.
    """
    app = service(ctx)
    path = app.database.file("restore")
    with _progress("Copying") as progress:
        restored = copies.restore(path, file, progress, as_it_was=as_it_was)
    click.echo(printable(f"Restored {_counted(restored.clients, 'client')} from {file}."))
    if restored.kept:
        click.echo(printable(f"The replaced database is {restored.kept}."))
    else:
        say_where(app)
    _tell(restored.undone, as_it_was)


def _tell(undone: since.Undone | None, as_it_was: bool) -> None:
    """Say what came back with a backup, or would have."""
    if undone is None:
        click.echo(
            "Warning: the replaced database can't be read. Keys that were revoked since the "
            "backup are live again (see clients-api keys list), and mail that was sent since is "
            "sent again.",
            err=True,
        )
        return
    for prefix, name, revoked in undone.keys:
        now = "is live again" if as_it_was else "stays revoked"
        click.echo(printable(f"The key {prefix} ({name}), revoked {revoked}, {now}."))
    if undone.mails:
        count = _counted(len(undone.mails), "mail")
        then = "will be sent again" if as_it_was else "are not sent again"
        click.echo(f"Of the mail that waits in it, {count} sent since {then}.")


@click.command()
@click.option("--repair", is_flag=True, help="Make search index and totals anew if they are wrong.")
@click.pass_context
def check(ctx: click.Context, repair: bool) -> None:
    """Look for damage; exit 1 if something is wrong."""
    db = existing(ctx).database
    click.echo(printable(db.described()))
    wrong = False
    with using(db):
        for finding in checking.findings(db, repair=repair):
            wrong = wrong or bool(finding.faults)
            found = "; ".join(finding.faults) or finding.remark
            click.echo(printable(f"{finding.subject}: {found}"))
    ctx.exit(1 if wrong else 0)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


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
