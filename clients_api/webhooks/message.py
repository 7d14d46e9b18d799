"""What is sent of an event: the event, and the record as it is at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from clients_api.models import (
    ApiKey,
    Category,
    Client,
    Contact,
    CustomField,
    Tag,
    TeamMember,
    Webhook,
    events,
)
from clients_api.models.base import now
from clients_api.models.errors import NotFound
from clients_api.models.queries.record import Record
from clients_api.schemas.base import Schema, shape
from clients_api.schemas.event import SCHEMAS, EventSchema
from clients_api.schemas.webhook import WebhookSchema

FIND: dict[str, Callable[[int | None], Record]] = {
    events.CLIENT: Client.find,
    events.CONTACT: Contact.find,
    events.CATEGORY: Category.find,
    events.TEAM_MEMBER: TeamMember.find,
    events.TAG: Tag.find,
    events.CUSTOM_FIELD: CustomField.find,
    events.KEY: ApiKey.find,
    events.WEBHOOK: Webhook.find,
}
TEST = "webhook.test"


def compose(event: Record) -> bytes:
    """Write the body of an event.

    Its record is read now: however late a try is, it never brings back an old state.
    """
    data = {"event": _shown(EventSchema, event), "object": _object(event)}
    return _written(event["type"], event["time"], data)


def compose_test(webhook: Record) -> bytes:
    """Write the body of a test, which is of no event."""
    return _written(TEST, now(), {"event": None, "object": _shown(WebhookSchema, webhook)})


def _written(type: str, time: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": type, "timestamp": time, "data": data})


def _object(event: Record) -> Any:
    object = event["object"]
    try:
        return _shown(SCHEMAS[object], FIND[object](event["object_id"]))
    except NotFound:
        return None


def _shown(schema: type[Schema], record: Record) -> dict[str, Any]:
    return shape(schema, record.columns)(record.values_)
