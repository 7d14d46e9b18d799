"""Webhooks: each is a cursor over the log of events, and goes on as its receiver takes them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import peewee

from clients_api.models.base import BaseModel, now
from clients_api.models.errors import Conflict, Invalid
from clients_api.models.event import Event
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.reader import Reader
from clients_api.models.queries.record import Record
from clients_api.models.queries.selection import Selection

MOST = 20
STATUSES = ("active", "disabled")
EVERYTHING = "*"  # but keys and webhooks
# What a receiver is not told unless the object is named: what only administrators may see.
ADMINISTRATIVE = ("key", "webhook")
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
        cls, *, url: str, types: Iterable[str] | None = None, position: str | None = None
    ) -> Record:
        """Make a webhook that follows the log from a position, or from now.

        In: `types`, as in `wants`; none are all but those of keys and webhooks. Raises Conflict
        where there are 20, and Invalid for a position that is not kept.
        """
        if _count.scalar() >= MOST:
            raise Conflict(f"There are {MOST} webhooks, which is the most. Delete one first.")
        event_id, nonce = _place(position or "now")
        moment = now()
        id = cls.insert_row(
            url=url,
            types=_json(types),
            status="active",
            event_id=event_id,
            nonce=nonce,
            epoch=time.time_ns() // 1000,
            created=moment,
            updated=moment,
        )
        return cls.find(id)

    @classmethod
    def change(cls, id: int | None, **given: Any) -> Record:
        """Set URL, types, status or position; what is next is then tried at once.

        Raises NotFound, and Invalid for a position that is not kept: also for that where a
        webhook stands which is to go on, if pruning has overtaken it.
        """
        webhook = cls.find(id)
        columns = {name: given[name] for name in ("url", "status") if given.get(name)}
        if "types" in given:
            columns["types"] = _json(given["types"])
        if "position" in given:
            event_id, nonce = _place(given["position"])
            columns |= {"event_id": event_id, "nonce": nonce, "is_overtaken": 0}
        elif webhook["is_overtaken"] and columns.get("status") == "active":
            raise Invalid(position="exists")
        cls.update_row(id, **columns, **AFRESH, updated=now())
        return cls.find(id)

    @classmethod
    def rotate(cls, id: int | None) -> Record:
        """Give a webhook a new secret; for a day the former one signs as well. Raises NotFound."""
        webhook = cls.find(id)
        epoch = max(time.time_ns() // 1000, webhook["epoch"] + 1)
        cls.update_row(id, epoch=epoch, former_epoch=webhook["epoch"], updated=now())
        return cls.find(id)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Delete a webhook and return what it was. Raises NotFound."""
        webhook = cls.find(id)
        cls.delete_row(id)
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

    They are `client.updated`, `client.*`, `*.deleted` or `*`; stars in place of an object mean no
    keys and no webhooks.
    """
    verb = peewee.fn.SUBSTR(event.type, peewee.fn.LENGTH(event.object) + 2)

    def has(type: Any) -> peewee.Expression:
        quoted = peewee.Value('"').concat(type).concat('"')
        return peewee.fn.REPLACE(types, quoted, "") != types

    is_any = has(peewee.Value("*")) | has(peewee.Value("*.").concat(verb))
    return (
        has(event.type)
        | has(event.object.concat(".*"))
        | (event.object.not_in(ADMINISTRATIVE) & is_any)
    )


def _json(types: Iterable[str] | None) -> str:
    return json.dumps(list(types or [EVERYTHING]))


def _place(position: str) -> tuple[int, str]:
    """Return the id and nonce of the event that a position stands behind. Raises Invalid."""
    if position == "now":
        return _newest.one() or BEGINNING
    if position == "oldest":
        return BEGINNING
    id, _, nonce = position.partition("-")
    known = id.isascii() and id.isdecimal() and len(id) < 19 and _kept.one(int(id), nonce)
    if not known and position != f"{BEGINNING[0]}-{BEGINNING[1]}":
        raise Invalid(position="exists")
    return int(id), nonce


BEGINNING = (0, "00000000")  # before all events

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


@prepared
def _newest():
    return Event.select(Event.id, Event.nonce).order_by(Event.id.desc()).limit(1)


@prepared
def _kept(id, nonce):
    return Event.select(Event.id).where(Event.id == id, Event.nonce == nonce)
