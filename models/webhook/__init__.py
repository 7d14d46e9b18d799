"""Webhooks: each is a cursor over the log of events, and goes on as its receiver takes them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import peewee

from clients_api.models import events
from clients_api.models.base import BaseModel, now
from clients_api.models.errors import Conflict, Invalid
from clients_api.models.events import SECRET_OBJECTS, START, Event, Position, reading
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.reader import Reader
from clients_api.models.queries.record import Record
from clients_api.models.queries.selection import Selection

MOST = 20
STATUSES = ("active", "disabled")
EVERYTHING = "*.*"  # but keys and webhooks, which have to be named
TOLD = ("url", "types", "status", "position", "created")  # by the events of webhooks
ROTATION_MICROSECONDS = 24 * 3600 * 10**6  # for which the former secret signs as well

# What is forgotten of the tries so far, where the next one is another matter.
AFRESH = {"tries": 0, "refusals": 0, "failing_since": None, "retry_at": None}


class Webhook(BaseModel):
    url = peewee.TextField()
    types = peewee.TextField()  # JSON
    status = peewee.TextField()
    event_id = peewee.IntegerField()  # of the last event that is done with
    nonce = peewee.TextField()
    epoch = peewee.IntegerField()  # of the secret: when it was made, in microseconds
    former_epoch = peewee.IntegerField(null=True)
    is_overtaken = peewee.IntegerField(default=0)  # whether events were pruned before their turn
    tries = peewee.IntegerField(default=0)  # of the next event, that have failed
    refusals = peewee.IntegerField(default=0)
    failing_since = peewee.TextField(null=True)
    retry_at = peewee.TextField(null=True)
    skipped = peewee.TextField(default="[]")  # JSON
    last_time = peewee.TextField(null=True)
    last_event_id = peewee.IntegerField(null=True)
    last_status = peewee.IntegerField(null=True)
    last_error = peewee.TextField(null=True)
    created = peewee.TextField()
    updated = peewee.TextField()

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one webhook, with how many events it is behind. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(cls) -> Selection:
        """Return all webhooks."""
        return reader.select()

    @classmethod
    def create(
        cls, *, url: str, types: Iterable[str] | None = None, position: Position | str | None = None
    ) -> Record:
        """Make a webhook that follows the log from a position on.

        In: `types`, as in `wants`; none are all but those of keys and webhooks; `position`, or
        `now`, which it is if not given, or `oldest`. Raises Conflict where there are 20, and
        Invalid for a position that is not kept.
        """
        if _count.scalar() >= MOST:
            raise Conflict(f"There are {MOST} webhooks, which is the most. Delete one first.")
        moment = now()
        id = cls.insert_row(
            url=url,
            types=_json(types),
            status="active",
            **_place(position or "now"),
            epoch=time.time_ns() // 1000,
            created=moment,
            updated=moment,
        )
        webhook = cls.find(id)
        made = events.created({"id": id, **_shown(webhook)})
        events.write(events.WEBHOOK, "created", id, made, time=moment)
        return webhook

    @classmethod
    def change(cls, id: int | None, **given: Any) -> Record:
        """Set URL, types, status or position; what is next is then tried at once.

        Raises NotFound, and Invalid for a position that is not kept: also for that where a
        webhook stands which is to go on, if pruning has overtaken it.
        """
        webhook = cls.find(id)
        columns: dict[str, Any] = {n: given[n] for n in ("url", "status") if n in given}
        if "types" in given:
            columns["types"] = _json(given["types"])
        if "position" in given:
            columns |= _place(given["position"])
        elif webhook["is_overtaken"] and columns.get("status") == "active":
            raise Invalid(position="exists")
        moment = now()
        if columns := events.differing(webhook, columns):
            columns["updated"] = moment
        cls.update_row(id, **columns, **AFRESH)
        changed = cls.find(id)
        changes = events.updated(_shown(webhook), changed)
        events.write(events.WEBHOOK, "updated", id, changes, time=moment)
        return changed

    @classmethod
    def rotate(cls, id: int | None) -> Record:
        """Give a webhook a new secret; for a day the former one signs as well. Raises NotFound."""
        webhook = cls.find(id)
        moment = now()
        epoch = max(time.time_ns() // 1000, webhook["epoch"] + 1)
        cls.update_row(id, epoch=epoch, former_epoch=webhook["epoch"], updated=moment)
        # Of secrets nothing is told but that there is another one.
        changes = {"secret": [None, None]}
        events.write(events.WEBHOOK, "updated", id, changes, time=moment)
        return cls.find(id)

    @classmethod
    def disable(cls, id: int, error: str, **columns: Any) -> None:
        """Let a webhook send no more, and write an event of why. In: what else is then so."""
        webhook = cls.find(id)
        moment = now()
        columns |= {"status": "disabled", "retry_at": None}
        cls.update_row(id, **columns, updated=moment)
        changes = {"status": [webhook["status"], "disabled"], "last_error": [None, error]}
        events.write(events.WEBHOOK, "disabled", id, changes, time=moment)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Delete a webhook and return what it was. Raises NotFound."""
        webhook = cls.find(id)
        cls.delete_row(id)
        gone = events.deleted({"id": id, **_shown(webhook)})
        events.affect()
        events.write(events.WEBHOOK, "deleted", id, gone, time=now())
        return webhook

    @classmethod
    def all(cls) -> list[Record]:
        """Return all webhooks, the oldest first."""
        rows = cls.matching().page(sort="created", descending=False, limit=MOST, offset=0)
        return [Record(reader.columns, row[: len(reader.columns)]) for row in rows]


def live_epochs(webhook: Record) -> list[int]:
    """Return the epochs whose secrets sign now, the newest first."""
    is_recent = time.time_ns() // 1000 < webhook["epoch"] + ROTATION_MICROSECONDS
    former = webhook["former_epoch"]
    return [webhook["epoch"], *([former] if former is not None and is_recent else [])]


def wants(types: Any, event: Any) -> peewee.Expression:
    """Compose whether one of the `types`, a JSON array, is that of an event.

    They are `client.updated`, `client.*`, `*.deleted` or `*.*`; a star in place of the object is
    none of those that only administrators may see.
    """

    def has(object: Any, action: Any) -> peewee.Expression:
        quoted = peewee.Value('"').concat(object).concat(".").concat(action).concat('"')
        return peewee.fn.REPLACE(types, quoted, "") != types

    named = has(event.object, event.action) | has(event.object, "*")
    starred = has("*", event.action) | has("*", "*")
    return named | (event.object.not_in(SECRET_OBJECTS) & starred)


def _json(types: Iterable[str] | None) -> str:
    return json.dumps(list(types or [EVERYTHING]))


def _place(position: Position | str) -> dict[str, Any]:
    """Return the columns of a position, or of `now` or `oldest`. Raises Invalid."""
    match position:
        case "now":
            position = Position.newest()
        case "oldest":
            position = START
        case Position() if not reading.is_known(position):
            raise Invalid(position="exists")
    return {"event_id": position[0], "nonce": position[1], "is_overtaken": 0}


def _shown(webhook: Record) -> dict[str, Any]:
    return {name: webhook[name] for name in TOLD}


_behind = (
    Event.select(peewee.fn.COUNT(Event.id))
    .where(Event.id > Webhook.event_id, wants(Webhook.types, Event))
    .alias("behind")
)

reader = Reader(
    "webhook",
    Webhook,
    (
        Webhook.id,
        Webhook.url,
        Webhook.types,
        Webhook.status,
        Webhook.event_id.cast("TEXT").concat("-").concat(Webhook.nonce).alias("position"),
        _behind,
        Webhook.last_time,
        Webhook.last_event_id,
        Webhook.last_status,
        Webhook.last_error,
        Webhook.retry_at,
        Webhook.skipped,
        Webhook.created,
        Webhook.updated,
        # Not shown
        Webhook.event_id,
        Webhook.nonce,
        Webhook.epoch,
        Webhook.former_epoch,
        Webhook.is_overtaken,
        Webhook.tries,
        Webhook.refusals,
        Webhook.failing_since,
    ),
    conditions={},
    sorts={"created": Webhook.created},
)


@prepared
def _count():
    return Webhook.select(peewee.fn.COUNT(Webhook.id))
