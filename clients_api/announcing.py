"""Tells the listeners of signals what a committed transaction has changed, from its events."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import flask
import orjson

from . import signals
from .models import Client, events
from .models.client import reader
from .models.engines import sqlite
from .models.engines.written import Written
from .models.errors import NotFound
from .models.events import reading
from .models.queries.record import Record
from .models.queries.selection import Selection
from .schemas.base import Schema, shape
from .schemas.client import ClientSchema
from .schemas.event import EventSchema
from .web.errors import log

AT_ONCE = 200  # that are read together: a tag's new title may concern all clients there are
OF_CLIENTS = (signals.client_created, signals.client_updated, signals.client_deleted)


class Announcer:
    """Sends the signals of an app. In: the app in whose name they are sent."""

    def __init__(self, sender: flask.Flask) -> None:
        self.sender = sender

    def __call__(self, written: Written) -> None:
        """Tell of what a transaction has written."""
        try:
            if signals.changed.has_receivers_for(self.sender):
                for event in _events(written):
                    self._send(signals.changed, event=_shown(EventSchema, event))
            if any(signal.has_receivers_for(self.sender) for signal in OF_CLIENTS):
                for signal, client in _clients(written):
                    if signal.has_receivers_for(self.sender):
                        self._send(signal, client=_shown(ClientSchema, client))
        except sqlite.ERRORS:
            # The change is stored: whoever made it must not be told otherwise.
            log.exception("Listeners were not told of all changes")

    def _send(self, signal: Any, **told: Any) -> None:
        with self.sender.app_context():
            try:
                signal.send(self.sender, **told)
            except Exception:
                # As above, whatever it was: a listener is a host's own code.
                log.exception("A listener of %s failed", signal.name)


def _shown(schema: type[Schema], record: Record) -> Any:
    return orjson.loads(orjson.dumps(shape(schema, record.columns)(record.values_)))


def _events(written: Written) -> Iterator[Record]:
    first, last = written.first, written.last
    while first is not None and last is not None and first <= last:
        page = reading.of_transaction(first, min(last, first + AT_ONCE - 1))
        yield from page
        first += AT_ONCE


def _clients(written: Written) -> Iterator[tuple[Any, Record]]:
    """Yield each client that was changed, once, with the signal of what happened to it."""
    told: set[int] = set()
    for event in _events(written):
        if event["object"] == events.CLIENT:
            changed = _client(event)
        elif event["clients"] or _is_new_name(event):
            changed = ((signals.client_updated, client) for client in _showing(event))
        else:
            continue
        for signal, client in changed:
            if client["id"] not in told:
                told.add(client["id"])
                yield signal, client


def _client(event: Record) -> Iterator[tuple[Any, Record]]:
    if event["type"] == f"{events.CLIENT}.deleted":
        yield signals.client_deleted, _former(event)
        return
    is_new = event["type"] == f"{events.CLIENT}.created"
    # Unless a later event of the same transaction tells of its end.
    with contextlib.suppress(NotFound):
        client = Client.find(event["object_id"])
        yield signals.client_created if is_new else signals.client_updated, client


def _former(event: Record) -> Record:
    """Return what a client was that was deleted; its time of change is that of its end."""
    changes = {name: pair[0] for name, pair in orjson.loads(event["changes"]).items()}
    custom = {n.partition(".")[2]: v for n, v in changes.items() if n.startswith("custom_fields.")}
    changes |= {"updated": event["time"], "custom_fields": orjson.dumps(custom).decode()}
    changes["tags"] = orjson.dumps(changes["tags"]).decode()
    return Record(reader.columns, tuple(changes.get(name) for name in reader.columns))


def _is_new_name(event: Record) -> bool:
    return event["type"] == f"{events.CATEGORY}.updated" and "name" in orjson.loads(
        event["changes"]
    )


def _showing(event: Record) -> Iterator[Record]:
    """Yield the clients that show something else since an event of another record."""
    if event["clients"]:
        yield from _all(reader.select([("touched", (event["time"], event["time"]))]), "updated")
    else:
        yield from _all(Client.matching(category_id=event["object_id"]), "id")


def _all(selection: Selection, sort: str) -> Iterator[Record]:
    columns = selection.reader.columns
    for rows in selection.each(sort=sort, descending=False, at_once=AT_ONCE):
        for row in rows:
            yield Record(columns, row[: len(columns)])
