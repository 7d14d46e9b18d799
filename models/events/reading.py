"""The feed: events in the order in which they were committed, from a position on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import peewee

from clients_api.models.base import now
from clients_api.models.engines.searching import Condition
from clients_api.models.errors import Gone, NotFound
from clients_api.models.queries.composing import Row
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.reader import Reader
from clients_api.models.queries.record import Record
from clients_api.models.queries.selection import EVERY

from . import SECRET_OBJECTS, START, Event, Position
from .kept import EventUndo

ANY = "*"


class Feed(NamedTuple):
    """Some events: the columns and rows, from where to read on, and whether there are more yet."""

    columns: tuple[str, ...]
    rows: list[Row]
    next: Position
    more: bool

    @property
    def meta(self) -> dict[str, Any]:
        """What the API says of where to read on."""
        return {"next": str(self.next), "more": self.more}


def find(id: int | None, *, secret: bool) -> Record:
    """Return one event. Raises NotFound; also for one of what only `secret` shows."""
    event = reader.find(id)
    if event["object"] in SECRET_OBJECTS and not secret:
        raise NotFound("event")
    return event


def feed(
    *,
    limit: int,
    secret: bool,
    after: Position | None = None,
    before: Position | None = None,
    descending: bool = False,
    type: Iterable[tuple[str, str]] = (),
    undo: bool = False,
    **equal: Any,
) -> Feed:
    """Return events, the oldest first, or `descending`.

    In: how many at most; whether `secret` ones may be seen, which tell of keys and webhooks;
    `after` or `before` which, None for from the end; `type`, pairs of an object and an action,
    either of which may be ANY; `undo`, only deletions that can be undone; and `object`,
    `object_id`, `client_id`, `actor_id`, `since` (a time, at or after), `until` (before).

    Raises Gone for a position that is not in this log.
    """
    newest = Position.newest()
    if after == newest:  # most that follow ask so
        return Feed(reader.columns, [], newest, False)
    conditions: list[Condition] = [(name, (value,)) for name, value in equal.items()]
    if after is not None:
        conditions.append(("after", (_known(after).id,)))
    if before is not None:
        conditions.append(("before", (_known(before).id,)))
    if not secret:
        conditions.append(("object_not", SECRET_OBJECTS))
    if pairs := tuple(value for pair in type for value in pair):
        conditions.append(("type", pairs))
    if undo:
        conditions.append(("undo", (now(),)))
    # One more than wanted tells whether there are more.
    rows = reader.select(conditions).page(
        sort="id", descending=descending, limit=limit + 1, offset=0
    )
    more = len(rows) > limit
    rows = rows[:limit]
    last = Position(rows[-1][0], rows[-1][1].partition("-")[2]) if rows else None
    # Where all was read, also of what the filters hide, the newest is the place to go on from.
    is_at_end = not (more or descending) and (last is None or last.id <= newest.id)
    return Feed(reader.columns, rows, newest if last is None or is_at_end else last, more)


def of_transaction(first: int, last: int) -> list[Record]:
    """Return the events from one id to another."""
    rows = reader.select([("after", (first - 1,)), ("upto", (last,))]).page(
        sort="id", descending=False, limit=EVERY, offset=0
    )
    return [Record(reader.columns, row[: len(reader.columns)]) for row in rows]


def has_history(client_id: int) -> bool:
    """Tell whether there are events of a client."""
    return _of_client.one(client_id) is not None


def is_known(position: Position) -> bool:
    """Tell whether all events after a position are kept."""
    if position == START:
        return _oldest.scalar() in (None, 1)
    return _nonce.scalar(position.id) == position.nonce


def _known(position: Position) -> Position:
    if not is_known(position):
        raise Gone(
            "Events after this position are not known. "
            "Read everything again, then follow from there."
        )
    return position


def _is_type(*values: Any) -> peewee.Expression:
    pairs = zip(values[::2], values[1::2], strict=True)
    found = [
        ((Event.object == object) | (peewee.Value(ANY) == object))
        & ((Event.action == action) | (peewee.Value(ANY) == action))
        for object, action in pairs
    ]
    condition = found[0]
    for other in found[1:]:
        condition |= other
    return condition


reader = Reader(
    "event",
    Event,
    (
        Event.id,
        Event.id.cast("TEXT").concat("-").concat(Event.nonce).alias("position"),
        Event.object.concat(".").concat(Event.action).alias("type"),
        Event.time,
        Event.object,
        Event.object_id,
        Event.client_id,
        Event.actor_type,
        Event.actor_id,
        Event.actor_name,
        Event.request_id,
        Event.changes,
        Event.clients,
        Event.undoes,
    ),
    conditions={
        "after": lambda id: Event.id > id,
        "upto": lambda id: Event.id <= id,
        "before": lambda id: Event.id < id,
        "object": lambda value: Event.object == value,
        "object_not": lambda *values: Event.object.not_in(values),
        "object_id": lambda value: Event.object_id == value,
        "client_id": lambda value: Event.client_id == value,
        "actor_id": lambda value: Event.actor_id == value,
        "since": lambda moment: Event.time >= moment,
        "until": lambda moment: Event.time < moment,
        "type": _is_type,
        "undo": lambda moment: Event.id.in_(
            EventUndo.select(EventUndo.event).where(EventUndo.expires > moment)
        ),
    },
    sorts={"id": Event.id},
)


@prepared
def _nonce(id):
    return Event.select(Event.nonce).where(Event.id == id)


@prepared
def _oldest():
    return Event.select(peewee.fn.MIN(Event.id))


@prepared
def _of_client(client_id):
    return Event.select(Event.id).where(Event.client_id == client_id).limit(1)
