"""`clients-api import` and `clients-api export`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from clients_api.files import exporting, formats, importing
from clients_api.files.rows import Rules
from clients_api.models import Client, Contact
from clients_api.models.client import STATUSES
from clients_api.schemas.exchange import BLANKS, CONFLICTS, MATCHES, canonical_encoding
from clients_api.schemas.exchange import FORMATS as FORMAT_NAMES
from clients_api.service import Service

from .cli import with_database, with_new_database
from .printing import printable

OUTCOMES = ("created", "updated", "skipped", "failed")
NAMES_MAX = 20  # of new categories and tags that are named; all are counted

FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(FORMAT_NAMES),
    help="What the file's name says (.ndjson, .jsonl), or else csv.",
)


CONTACTS = click.option("--contacts", is_flag=True, help="Users of clients, one a line.")


def _encoding(ctx: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    if name is not None and canonical_encoding(name) is None:
        raise click.BadParameter(f"{name!r} is not known here.")
    return name


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@FORMAT
@click.option(
    "--encoding",
    callback=_encoding,
    help="Such as windows-1252; what the file's byte order mark says, or else UTF-8.",
)
@click.option("--dry-run", is_flag=True, help="Report what would be done, and change nothing.")
@click.option(
    "--match",
    type=click.Choice(MATCHES),
    default="email",
    show_default=True,
    help="By what a row is known to be of a client that is there already.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(CONFLICTS),
    default="fail",
    show_default=True,
    help="What becomes of such a row. With update a blank cell clears what is there.",
)
@click.option(
    "--blank",
    type=click.Choice(BLANKS),
    default="clear",
    show_default=True,
    help="What a blank cell of such a row means.",
)
@click.option("--partial", is_flag=True, help="Import the good rows where some are bad.")
@click.option("--raw", is_flag=True, help="Take cells as they stand, also those of an export.")
@CONTACTS
@with_new_database
def import_(app: Service, file: str, form: str | None, **options: Any) -> None:
    """Import clients from FILE, CSV or NDJSON; `-` is stdin.

    The columns have the names of the API's parameters. All rows are imported or, unless
    --partial, none. Others can read meanwhile, but not write.
    """
    form = form or formats.by_suffix(file)
    rules = Rules(**{name: options.pop(name) for name in Rules._fields})
    if options["contacts"] and rules.match == "vat":
        raise click.UsageError("Contacts have no VAT number: --match email or id.")
    # What is shown of the bar must not stand in the way of an error's line.
    start = "\r\x1b[K" if file != "-" and sys.stderr.isatty() else ""

    def tell(problem: importing.Problem) -> None:
        column = "" if problem.column is None else f", {problem.column}"
        told = printable(f"line {problem.line}{column}: {problem.message}")
        click.echo(f"{start}{told}", err=True)

    is_trial = options.pop("dry_run")
    job = importing.Import(rules, **options, problem=tell)
    transaction = app.database.writing(patiently=True, kept=not is_trial)
    with _reading(file) as stream, transaction:
        report = job.run(app.database, stream, form)
    click.echo(", ".join(f"{getattr(report, outcome)} {outcome}" for outcome in OUTCOMES))
    _name("categories", report.categories_created, report.new_categories)
    _name("tags", report.tags_created, report.new_tags)
    if report.failed and not options["partial"]:
        raise click.ClickException("Nothing was imported, because of the rows that failed.")
    if is_trial:
        click.echo("Dry run: nothing was imported.", err=True)
    if report.failed:
        raise click.ClickException("The rows that failed were not imported.")


def _name(what: str, count: int, names: list[str]) -> None:
    if count:
        more = ", …" if count > NAMES_MAX else ""
        listed = printable(", ".join(map(repr, names[:NAMES_MAX])))
        click.echo(f"{count} new {what}: {listed}{more}", err=True)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@FORMAT
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--search", help="Only those whose company name contains this.")
@click.option("--q", help="Only those of whom each word of this is known.")
@click.option("--bom", is_flag=True, help="Begin with the mark by which Excel knows UTF-8.")
@click.option("--raw", is_flag=True, help="Leave cells that a spreadsheet would run as they are.")
@CONTACTS
@with_database
def export(
    app: Service,
    file: str,
    form: str | None,
    bom: bool,
    raw: bool,
    contacts: bool,
    **filters: str | None,
) -> None:
    """Export clients to FILE, CSV or NDJSON; `-` is stdout.

    It holds what there was in one moment, in the order of the ids. Import reads it.
    """
    form = form or formats.by_suffix(file)
    given: dict[str, Any] = {name: value for name, value in filters.items() if value}
    selection = Client.matching(**given)
    length = Contact.matching().total() if contacts else selection.total()
    count = 0
    with writing(file) as stream, _bar(length, sys.stderr.isatty()) as advance:

        def written(more: int) -> None:
            nonlocal count
            count += more
            advance(more)

        how: dict[str, Any] = {"contacts": contacts, "bom": bom, "raw": raw}
        for part in exporting.export(app.database, selection, form, written, **how):
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

    def read(self, limit: int) -> bytes:
        part = self._stream.read(limit)
        self._advance(len(part))
        return part


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
def writing(file: str) -> Iterator[BinaryIO]:
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
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        # Under a name that nobody knows before, and that is nobody's link.
        descriptor, name = tempfile.mkstemp(".part", ".clients-api-", path.parent)
        unfinished = Path(name)
        try:
            with open(descriptor, "wb") as stream:
                os.fchmod(stream.fileno(), mode)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
