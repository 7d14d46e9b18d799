"""Tells the listeners of signals which clients a committed transaction has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask
import orjson

from . import signals
from .models import Client
from .models.changes import Changes
from .models.client import reader
from .models.engines import sqlite
from .models.queries.record import Record
from .models.queries.selection import Selection
from .schemas.base import shape
from .schemas.client import ClientSchema
from .web.errors import log

AT_ONCE = 200  # clients that are read together: a tag's new title may concern all there are
ALL = (signals.client_created, signals.client_updated, signals.client_deleted)


class Announcer:
    """Sends the signals of an app. In: the app in whose name they are sent."""

    def __init__(self, sender: flask.Flask) -> None:
        self.sender = sender

    def observe(self) -> Changes | None:
        """Return what notes the changes of a transaction; None where nobody listens."""
        is_heard = any(signal.has_receivers_for(self.sender) for signal in ALL)
        return Changes(self._tell) if is_heard else None

    def _tell(self, changes: Changes) -> None:
        try:
            for signal, client in _clients(changes):
                self._send(signal, client)
        except sqlite.ERRORS:
            # The change is stored: whoever made it must not be told otherwise.
            log.exception("Listeners were not told of all changes")

    def _send(self, signal: Any, client: Record) -> None:
        if not signal.has_receivers_for(self.sender):
            return
        told = orjson.loads(orjson.dumps(shape(ClientSchema, client.columns)(client.values_)))
        with self.sender.app_context():
            try:
                signal.send(self.sender, client=told)
            except Exception:
                # As above, whatever it was: a listener is a host's own code.
                log.exception("A listener of %s failed", signal.name)


def _clients(changes: Changes) -> Iterator[tuple[Any, Record]]:
    """Yield each client that was changed, once, with the signal of what happened to it."""
    first, last = changes.first, changes.last
    if first is not None:
        for client in _all(reader.select([("touched", (first, last))]), "updated"):
            is_new = client["created"] >= first
            yield signals.client_created if is_new else signals.client_updated, client
    for id in dict.fromkeys(changes.renamed):
        for client in _all(Client.matching(category_id=id), "id"):
            if first is None or not first <= client["updated"] <= last:
                yield signals.client_updated, client
    for client in changes.deleted:
        yield signals.client_deleted, client


def _all(selection: Selection, sort: str) -> Iterator[Record]:
    columns = selection.reader.columns
    for rows in selection.each(sort=sort, descending=False, at_once=AT_ONCE):
        for row in rows:
            yield Record(columns, row[: len(columns)])
