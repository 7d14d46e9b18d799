"""Webhooks: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from clients_api.models.webhook import STATUSES

from .base import AnswerSchema, Group, JSONText, RecordDatesSchema, Schema, moment
from .fields import Array, Choice, String
from .fields.log import EventPosition, EventType
from .fields.metadata import told
from .paging import list_query

URL_LENGTH = 2000
TYPES_MOST = 100
WORDS = ("now", "oldest")  # for the position of the newest event, and for that before all


class WebhookType(EventType):
    """The type of an event, either part of which may be `*`, as it is written."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return ".".join(super()._deserialize(value, attr, data, **kwargs))


class WebhookTrySchema(AnswerSchema):
    """What came of the last try."""

    time = moment("When it was made (UTC).", "2026-06-15T09:30:00.000000Z", attribute="last_time")
    event_id = fields.Integer(
        attribute="last_event_id", metadata=told("The event that was sent.", 1042)
    )
    status = fields.Integer(
        attribute="last_status",
        allow_none=True,
        metadata=told("The status of the answer; null where there was none.", 204),
    )
    error = fields.String(
        attribute="last_error",
        allow_none=True,
        metadata=told("Why there was none; null where there was one.", None),
    )


class WebhookSchema(AnswerSchema):
    """A URL that is told of events."""

    id = fields.Integer(metadata=told("The id of the webhook.", 1))
    url = fields.String(metadata=told("Where events are sent.", "https://n8n.example/hook/7"))
    types = JSONText(
        metadata=told("Which events.", ["client.*"], type="array", items={"type": "string"})
    )
    status = fields.String(metadata=told("Whether events are sent.", "active", enum=list(STATUSES)))
    position = fields.String(metadata=told("Of the last event that is done with.", "1042-9f3a21c4"))
    behind = fields.Integer(metadata=told("How many events are still to be sent.", 0))
    last = Group(
        WebhookTrySchema,
        key="last_time",
        metadata=told("What came of the last try; null where there was none."),
    )
    retry_at = moment(
        "Before when the next event is not tried (UTC); null where nothing failed.",
        None,
        allow_none=True,
    )
    skipped = JSONText(
        metadata=told(
            "The events that the receiver refused five times each, the last hundred.",
            [977],
            type="array",
            items={"type": "integer", "format": "int64"},
        )
    )
    dates = Group(RecordDatesSchema)


class WebhookSecretSchema(WebhookSchema):
    """A webhook with the secret that its receiver verifies signatures with, shown this once."""

    secret = fields.String(metadata=told("The secret.", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))


class WebhookChangeSchema(Schema):
    """What may be changed of a webhook."""

    url = String(
        max=URL_LENGTH,
        allow_none=False,
        metadata=told(
            "Where events are sent: an https URL without user and password, of a host with public "
            "addresses, or one of WEBHOOK_HOSTS.",
            "https://n8n.example/hook/7",
        ),
    )
    types = Array(
        WebhookType(),
        max_items=TYPES_MOST,
        metadata=told(
            "Which events; if none are given, all but those of keys and webhooks, which must be "
            "named.",
            ["client.*"],
        ),
    )
    status = Choice(
        STATUSES, allow_none=False, metadata=told("`active` goes on where it stood.", "active")
    )
    position = EventPosition(
        words=WORDS,
        allow_none=False,
        metadata=told(
            "Behind which event to go on: further back to send again, ahead to leave out. `now` is "
            "behind the newest, `oldest` before all that are kept.",
            "now",
        ),
    )


class WebhookCreateSchema(WebhookChangeSchema):
    """A webhook to make."""

    class Meta(Schema.Meta):
        exclude = ("status",)

    url = String(
        required=True, max=URL_LENGTH, metadata=WebhookChangeSchema._declared_fields["url"].metadata
    )
    position = EventPosition(
        words=WORDS,
        metadata=told(
            "Behind which event to begin; `now`, if not given, is behind the newest, `oldest` "
            "before all that are kept.",
            "now",
        ),
    )


class WebhookTestSchema(AnswerSchema):
    """What came of a test."""

    status = fields.Integer(
        allow_none=True, metadata=told("The status of the answer; null where there was none.", 204)
    )
    ms = fields.Integer(metadata=told("How long it took, in milliseconds.", 87))
    error = fields.String(
        allow_none=True, metadata=told("Why there was none; null where there was one.", None)
    )


WebhookListQuerySchema = list_query(
    "WebhookListQuerySchema", sorts={"created": "created"}, default="created", order="asc"
)
