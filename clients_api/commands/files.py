"""`clients-api import` and `clients-api export`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from clients_api.files import exporting, formats, importing
from clients_api.models import Client
from clients_api.models.client import STATUSES
from clients_api.schemas.exchange import CONFLICTS
from clients_api.schemas.exchange import FORMATS as FORMAT_NAMES
from clients_api.service import Service

from .cli import with_database

FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(FORMAT_NAMES),
    help="What the file's name says (.ndjson, .jsonl), or else csv.",
)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@FORMAT
@click.option("--dry-run", is_flag=True, help="Report what would be done, and change nothing.")
@click.option(
    "--on-conflict",
    type=click.Choice(CONFLICTS),
    default="fail",
    show_default=True,
    help="What becomes of a row whose e-mail address owns a client already.",
)
@click.option("--partial", is_flag=True, help="Import the good rows where some are bad.")
@with_database
def import_(app: Service, file: str, form: str | None, **options: Any) -> None:
    """Import clients from FILE, CSV or NDJSON; `-` is stdin.

    The columns have the names of the API's parameters. All rows are imported or, unless
    --partial, none. Others can read meanwhile, but not write.
    """
    form = form or formats.by_suffix(file)
    # What is shown of the bar must not stand in the way of an error's line.
    start = "\r\x1b[K" if file != "-" and sys.stderr.isatty() else ""

    def tell(problem: importing.Problem) -> None:
        column = "" if problem.column is None else f", {problem.column}"
        click.echo(f"{start}line {problem.line}{column}: {problem.message}", err=True)

    job = importing.Import(**options, problem=tell)
    with _reading(file) as stream:
        report = job.run(app.database, stream, form)
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in vars(report).items()))
    if report.failed and not options["partial"]:
        raise click.ClickException("Nothing was imported, because of the rows that failed.")
    if options["dry_run"]:
        click.echo("This was a dry run: nothing was changed.", err=True)
    if report.failed:
        raise click.ClickException("The rows that failed were not imported.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@FORMAT
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--search", help="Only those whose company name contains this.")
@with_database
def export(app: Service, file: str, form: str | None, **filters: str | None) -> None:
    """Export clients to FILE, CSV or NDJSON; `-` is stdout.

    It holds what there was in one moment, in the order of the ids. Import reads it.
    """
    form = form or formats.by_suffix(file)
    given: dict[str, Any] = {name: value for name, value in filters.items() if value}
    selection = Client.matching(**given)
    count = 0
    with _writing(file) as stream, _bar(selection.total(), sys.stderr.isatty()) as advance:

        def written(more: int) -> None:
            nonlocal count
            count += more
            advance(more)

        for part in exporting.export(app.database, selection, form, written):
            stream.write(part)
    click.echo(f"{count} exported", err=file == "-")


@contextmanager
def _bar(length: int, is_shown: bool) -> Iterator[Callable[[int], None]]:
    steps = max(1, length // 500)  # what is drawn more often costs more than the work
    with click.progressbar(
        length=length, file=sys.stderr, hidden=not is_shown, update_min_steps=steps
    ) as bar:
        yield bar.update


class _Watched:
    """A stream that tells how many bytes of it were read."""

    def __init__(self, stream: BinaryIO, advance: Callable[[int], None]) -> None:
        self._stream = stream
        self._advance = advance

    def readline(self, limit: int) -> bytes:
        line = self._stream.readline(limit)
        self._advance(len(line))
        return line


@contextmanager
def _reading(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
    elif not sys.stderr.isatty():
        with open(file, "rb") as stream:
            yield stream
    else:
        with open(file, "rb") as stream, _bar(os.fstat(stream.fileno()).st_size, True) as advance:
            yield cast(BinaryIO, _Watched(stream, advance))


@contextmanager
def _writing(file: str) -> Iterator[BinaryIO]:
    """Open a file that takes its name when it is complete; what is no file is written as it is.

    A new one is for its owner alone, and one that replaces another is for whom that was.
    """
    path = Path(file).resolve()
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
    else:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        try:
            with open(unfinished, "wb", opener=_private) as stream:
                os.fchmod(stream.fileno(), mode)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
