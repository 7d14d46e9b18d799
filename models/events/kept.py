"""What is kept for a time, so that deletions and merges can be taken back: packed rows."""

from __future__ import annotations

import datetime
import zlib
from typing import Any

import orjson
import peewee

from clients_api.models.base import BaseModel, now, timestamp
from clients_api.models.engines.current import database
from clients_api.models.errors import Conflict, Gone
from clients_api.models.queries.prepared import prepared

from . import Event

LIMIT_BYTES = 1024 * 1024  # packed; what is larger can't be undone
TOO_LATE = "This change can no longer be undone."


class EventUndo(BaseModel):
    event = peewee.ForeignKeyField(Event, primary_key=True, on_delete="CASCADE", backref="+")
    expires = peewee.TextField(index=True)
    data = peewee.BlobField(null=True)


def keep(event_id: int | None, data: dict[str, Any]) -> None:
    """Keep what it takes to undo an event, as long as the database's `trash_days` say."""
    db = database.obj
    packed = zlib.compress(orjson.dumps(data))
    is_kept = db.trash_days > 0 and len(packed) <= LIMIT_BYTES
    if event_id is None or not is_kept:
        if db.written is not None:
            db.written.is_final = True
        return
    expires = datetime.datetime.fromisoformat(now()) + datetime.timedelta(days=db.trash_days)
    EventUndo.insert_row(event_id=event_id, expires=timestamp(expires), data=packed)


def kept(event_id: int) -> dict[str, Any]:
    """Return what was kept to undo an event.

    Raises Gone where it is no longer, or never was, and Conflict where it is undone already.
    """
    for row in EventUndo.rows("event_id", event_id):
        if row["expires"] > now():
            found: dict[str, Any] = orjson.loads(zlib.decompress(row["data"]))
            return found
    if _undone.one(event_id) is not None:
        raise Conflict("Nothing was undone: that was done already.")
    raise Gone(TOO_LATE)


def forget(event_id: int) -> None:
    """Forget what was kept: it is undone."""
    EventUndo.delete_row(event_id)


@prepared
def _undone(event_id):
    later = Event.select(Event.id).where(Event.id > event_id, Event.undoes == event_id)
    return later.limit(1)
