"""Events: what goes out of the log, in the words of the API, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import orjson
from marshmallow import fields

from clients_api.models import events

from .base import AnswerSchema, Computed, Group, QuerySchema, Schema, moment, text
from .category import CategorySchema
from .client import ClientSchema
from .contact import ContactSchema
from .custom_field import CustomFieldSchema
from .fields import Array, Choice, Id, Integer, Timestamp
from .fields.flags import Flag
from .fields.log import EventPosition, EventType
from .fields.metadata import told
from .key import KeySchema
from .tag import ClientTagSchema
from .team import TeamMemberSchema
from .webhook import WebhookSchema

SCHEMAS: dict[str, type[Schema]] = {
    events.CLIENT: ClientSchema,
    events.CONTACT: ContactSchema,
    events.CATEGORY: CategorySchema,
    events.TEAM_MEMBER: TeamMemberSchema,
    events.TAG: ClientTagSchema,
    events.CUSTOM_FIELD: CustomFieldSchema,
    events.KEY: KeySchema,
    events.WEBHOOK: WebhookSchema,
}
LIMIT_DEFAULT, LIMIT_MAX = 100, 1000


def _paths(schema: Any, above: str = "") -> Iterator[tuple[str, str]]:
    for name, field in schema.dump_fields.items():
        if isinstance(field, Group):
            yield from _paths(field.schema, f"{name}.")
        else:
            yield field.attribute or name, above + name


PATHS = {object: dict(_paths(schema())) for object, schema in SCHEMAS.items()}


def _changes(object: str, text: str | None) -> dict[str, list[Any]] | None:
    """Return changes by the names that members have in the API. In: those by column, as JSON."""
    if text is None:
        return None
    paths = PATHS.get(object, {})
    return {paths.get(name, name): pair for name, pair in orjson.loads(text).items()}


class EventActorRefSchema(AnswerSchema):
    """Who made a change."""

    type = fields.String(
        attribute="actor_type",
        metadata=told("What it is.", "key", enum=["key", "host", "command"]),
    )
    id = fields.Integer(
        attribute="actor_id", allow_none=True, metadata=told("The id of the key.", 3)
    )
    name = text("What it is called.", "Zapier", attribute="actor_name")


class EventSchema(AnswerSchema):
    """A change of a record."""

    id = fields.Integer(metadata=told("The id of the event; a later one has a higher.", 1042))
    position = fields.String(
        metadata=told("Its place in the log, for `after` and `before`.", "1042-9f3a21c4")
    )
    type = fields.String(metadata=told("What happened to what.", "client.updated"))
    time = moment("When it happened (UTC).", "2026-06-15T09:30:00.000000Z")
    object = fields.String(
        metadata=told("What kind of record has changed.", "client", enum=list(events.OBJECTS))
    )
    object_id = fields.Integer(metadata=told("The id of the record.", 12))
    client_id = fields.Integer(
        allow_none=True, metadata=told("The client to whose history it belongs.", 12)
    )
    actor = Group(EventActorRefSchema)
    request_id = text("The X-Request-ID of the call.", "5f2c9a1e0b7d4c63")
    changes = Computed(
        "object",
        "changes",
        make=_changes,
        allow_none=True,
        metadata=told(
            "Before and after of each member that changed; null where it was erased.",
            {"status": ["active", "suspended"]},
            type="object",
        ),
    )
    clients = fields.Integer(
        allow_none=True,
        metadata=told("Of how many clients it changed something too.", None),
    )
    undoes = fields.Integer(
        allow_none=True, metadata=told("The id of the event that it takes back.", None)
    )
    erased = Computed(
        "changes",
        make=lambda changes: changes is None,
        metadata=told("Whether what it told was erased for good.", False, type="boolean"),
    )


class FeedMetaSchema(AnswerSchema):
    """Where a list of events goes on."""

    next = fields.String(
        metadata=told(
            "The `after` to read on from; of a descending list, the `before`.", "1042-9f3a21c4"
        )
    )
    more = fields.Boolean(metadata=told("Whether there are more already.", False))


class UndoneRecordSchema(AnswerSchema):
    """The record whose change was undone, as its own calls return it."""

    class Meta:
        unknown = ma.INCLUDE  # its other members

    id = fields.Integer(metadata=told("The id of the record.", 12))


class UndoQuerySchema(QuerySchema):
    """What is not to come back."""

    without = Array(
        Id(),
        metadata=told("Repeatable: the id of a user that is not to come back with a client.", [45]),
    )


class HistoryQuerySchema(QuerySchema):
    """Which events of a client are wanted."""

    descending = True

    before = EventPosition(metadata=told("Only older ones; `meta.next` of the last answer."))
    limit = Integer(
        min=1,
        metadata=told(f"Events a page, {LIMIT_DEFAULT} if not given, {LIMIT_MAX} at most.", 100),
    )
    type = Array(
        EventType(),
        metadata=told("Repeatable; a part may be `*`.", ["client.*"]),
    )
    object = Choice(events.OBJECTS, metadata=told("Only changes of this kind of record."))
    object_id = Integer(metadata=told("Only changes of records with this id."))
    actor_id = Integer(metadata=told("Only those by the key with this id."))
    since = Timestamp(metadata=told("At this time (ISO 8601) or later."))
    until = Timestamp(metadata=told("Before this time (ISO 8601)."))
    undo = Flag("`yes`: only deletions that can still be undone.")


class EventListQuerySchema(HistoryQuerySchema):
    """Which events are wanted."""

    descending = False

    after = EventPosition(
        words=("", "now"),
        metadata=told(
            "A position; empty for the oldest event that is kept, `now` for none, only `meta`.",
            "1042-9f3a21c4",
        ),
    )
    client_id = Integer(metadata=told("Only the history of the client with this id."))
    order = Choice(
        ("asc", "desc"),
        metadata=told("`desc` to read a history, without `after`; `asc` if not given."),
    )
