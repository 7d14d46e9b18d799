"""`clients-api history`, `clients-api undo` and `clients-api tidy`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import orjson

from clients_api.models.events import reading
from clients_api.models.forgetting import tidying
from clients_api.models.queries.record import Record
from clients_api.models.undo import undo as undo_event
from clients_api.schemas.base import shape
from clients_api.schemas.event import SCHEMAS, EventSchema
from clients_api.service import Service

from .cli import with_database
from .printing import printable

AT_ONCE = 500
LONGEST = 60  # characters of a value that are shown
NAMES = ("company_name", "name", "title")  # what records are called


@click.command()
@click.argument("id", type=int, required=False)
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="0: all.")
@click.option("--json", "as_json", is_flag=True, help="One object a line, as the API shows it.")
@with_database
def history(app: Service, id: int | None, limit: int, as_json: bool) -> None:
    """Say what happened, the newest first: to all, or to the client ID.

    A line an event: its number, when, who, and what was before and after.
    """
    equal = {} if id is None else {"client_id": id}
    count = 0
    for event in _newest_first(equal, limit):
        shown = shape(EventSchema, event.columns)(event.values_)
        click.echo(orjson.dumps(shown).decode() if as_json else printable(_line(shown)))
        count += 1
    if not count:
        click.echo("Nothing has happened yet." if id is None else "There is no history.", err=True)


def _newest_first(equal: dict[str, Any], limit: int) -> Iterator[Record]:
    before, left = None, limit
    while True:
        size = min(AT_ONCE, left) if limit else AT_ONCE
        feed = reading.feed(limit=size, secret=True, before=before, descending=True, **equal)
        yield from (Record(feed.columns, row[: len(feed.columns)]) for row in feed.rows)
        left -= len(feed.rows)
        if not feed.more or (limit and left <= 0):
            return
        before = feed.next


def _line(event: dict[str, Any]) -> str:
    moment = event["time"][:19].replace("T", " ")
    who = event["actor"]["name"] or event["actor"]["type"]
    object, _, action = event["type"].partition(".")
    what = f"{object.replace('_', ' ')} {event['object_id']} {action}"
    undone = "" if event["undoes"] is None else f" (undoes {event['undoes']})"
    clients = "" if not event["clients"] else f" (of {event['clients']} clients)"
    return f"{event['id']}  {moment}  {who}  {what}{clients}{undone}{_told(event, action)}"


def _told(event: dict[str, Any], action: str) -> str:
    changes = event["changes"]
    if changes is None:
        return ": erased"
    if action in ("created", "restored", "deleted", "revoked"):
        side = int(action in ("created", "restored"))
        called = next((changes[name][side] for name in NAMES if name in changes), None)
        return "" if called is None else f": {called}"
    pairs = (f"{name} {_value(old)} → {_value(new)}" for name, (old, new) in changes.items())
    return f": {', '.join(pairs)}"


def _value(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    text = "-" if value in (None, []) else ", ".join(map(str, values))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@click.command()
@click.argument("event", type=int)
@click.option("--without", type=int, multiple=True, help="Leave this user out. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Only look whether it can be undone.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as the API shows it.")
@with_database
def undo(app: Service, event: int, without: tuple[int, ...], dry_run: bool, as_json: bool) -> None:
    """Take the change with the number EVENT back, as `history` shows it."""
    with app.database.writing(kept=not dry_run):
        undone = undo_event(reading.find(event, secret=True), without)
        record = undone.record
        shown = shape(SCHEMAS[undone.object], record.columns)(record.values_)
    if as_json:
        click.echo(orjson.dumps(shown).decode())
    else:
        called = next((shown[name] for name in NAMES if name in shown), "")
        what = f"{undone.object.replace('_', ' ')} {shown['id']}"
        click.echo(printable(f"Undone: {what}, {called}."))
    if undone.left_out:
        titles = ", ".join(undone.left_out)
        click.echo(printable(f"Left out, since it is gone: {titles}."), err=True)
    if dry_run:
        click.echo("Dry run: nothing was changed.", err=True)


@click.command()
@with_database
def tidy(app: Service) -> None:
    """Forget what was kept long enough, as the server does by itself."""
    tidied = tidying.tidy()
    click.echo(", ".join(f"{count} {name}" for name, count in tidied._asdict().items()))
