"""Events: the one log of all changes, written by the models in the transaction of each change.

`write` is the only place that makes one; `reading.py` has the feed. What a member was before and
is after stands in `changes`, by the names of the columns that readers read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import orjson
import peewee

from clients_api.models.base import BaseModel
from clients_api.models.engines.current import database
from clients_api.models.queries.prepared import prepared

CLIENT, CONTACT, CATEGORY, TEAM_MEMBER = "client", "contact", "category", "team_member"
TAG, CUSTOM_FIELD, KEY, WEBHOOK = "tag", "custom_field", "key", "webhook"
OBJECTS = (CLIENT, CONTACT, CATEGORY, TEAM_MEMBER, TAG, CUSTOM_FIELD, KEY, WEBHOOK)
SECRET_OBJECTS = (KEY, WEBHOOK)  # whose events are for administrators
AFFECTED = ("clients", "contacts", "tags", "values")
ACTIONS = ("created", "updated", "deleted", "merged", "restored", "migrated", "revoked", "disabled")

# What follows from an event's time, and from what other records are.
_NOT_TOLD = frozenset(("updated", "count", "users_count", "last_used"))
_JSON = frozenset(("tags", "options", "types"))  # which the database hands over as JSON text
_draw_nonce = random.SystemRandom().getrandbits

Changes = Mapping[str, list[Any]]  # [before, after] by column


class Actor(NamedTuple):
    """Who makes changes: a `key`, a `host`'s login or code, or a `command`, and its name."""

    type: str
    id: int | None = None
    name: str | None = None


class Author(NamedTuple):
    """On whose behalf this context changes something, in which request, and to undo which event."""

    actor: Actor = Actor("command")
    request_id: str | None = None
    undoes: int | None = None


_NOBODY = Author()
_author: ContextVar[Author] = ContextVar("clients_api_author", default=_NOBODY)


@contextmanager
def acting(actor: Actor, request_id: str | None = None) -> Iterator[None]:
    """Let the events of this context tell who makes the changes, and in which request."""
    token = _author.set(Author(actor, request_id))
    try:
        yield
    finally:
        _author.reset(token)


@contextmanager
def undoing(event_id: int) -> Iterator[None]:
    """Let the events of this context tell which one they take back."""
    token = _author.set(_author.get()._replace(undoes=event_id))
    try:
        yield
    finally:
        _author.reset(token)


class Event(BaseModel):
    time = peewee.TextField()
    object = peewee.TextField()
    action = peewee.TextField()
    object_id = peewee.IntegerField()
    client_id = peewee.IntegerField(null=True)
    actor_type = peewee.TextField()
    actor_id = peewee.IntegerField(null=True)
    actor_name = peewee.TextField(null=True)
    request_id = peewee.TextField(null=True)
    clients = peewee.IntegerField(null=True)
    undoes = peewee.IntegerField(null=True)
    changes = peewee.TextField(null=True)
    nonce = peewee.TextField()


class Position(NamedTuple):
    """A place in the log: an event's id and its nonce, by which another log's is told apart."""

    id: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.id}-{self.nonce}"

    @classmethod
    def newest(cls) -> Position:
        """Return the place of the newest event, as this transaction sees it."""
        written = database.obj.written
        if written is not None and written.last is not None:
            return cls(written.last, written.nonce)
        return cls(*(_newest.one() or START))


START = Position(0, "0" * 8)  # of a log that is still empty


def write(
    object: str,
    action: str,
    object_id: int | None,
    changes: Changes,
    *,
    time: str,
    client_id: int | None = None,
    clients: int | None = None,
) -> int | None:
    """Write an event, unless nothing has changed, and return its id.

    In: what kind of record, and what happened to it; `changes`, before and after by column; `time`,
    which becomes the record's `updated`; the client whose history it belongs to; and of how many
    `clients` something else changed with it.
    """
    if not changes:
        return None
    actor, request_id, undoes = _author.get()
    nonce = f"{_draw_nonce(32):08x}"
    told = dict(changes)
    for name in _JSON & told.keys():
        told[name] = [text and orjson.Fragment(text) for text in told[name]]
    id = Event.insert_row(
        time=time,
        object=object,
        action=action,
        object_id=object_id,
        client_id=client_id,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name,
        request_id=request_id,
        clients=clients,
        undoes=undoes,
        changes=orjson.dumps(told).decode(),
        nonce=nonce,
    )
    written = database.obj.written
    if written is not None:
        written.first = written.first or id
        written.last, written.nonce = id, nonce
        if action == "created" and undoes is None:  # what comes back is not new
            written.new.add((object, object_id))
    return id


def affect(**counts: int) -> None:
    """Note that a transaction takes away, or brings back, so many records of some kinds.

    In: `clients`, `contacts`, `tags` (links of clients, or the tag itself), `values`.
    """
    if (written := database.obj.written) is not None:
        written.affected.update(dict.fromkeys(AFFECTED, 0) | counts)


def created(record: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the changes by which a record came to be. In: its columns."""
    return {name: [None, value] for name, value in _told(record) if value is not None}


def deleted(record: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the changes by which a record went. In: its columns."""
    return {name: [value, None] for name, value in _told(record) if value is not None}


def updated(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what has changed of a record. In: columns, `before` as many as may have changed."""
    old = dict(_told(before))
    new = dict(_told({name: after[name] for name in before}))
    names = dict.fromkeys((*old, *new))
    pairs = {name: [old.get(name), new.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def differing(before: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the columns that are not what they were."""
    return {name: value for name, value in columns.items() if before[name] != value}


def _told(record: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in record.items():
        if name == "custom_fields":
            if value != "{}":
                yield from ((f"{name}.{n}", v) for n, v in orjson.loads(value).items())
        elif name not in _NOT_TOLD:
            yield name, value


@prepared
def _newest():
    return Event.select(Event.id, Event.nonce).order_by(Event.id.desc()).limit(1)
