"""What is sent of an event: the event, and the record as it is at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from clients_api.models import ApiKey, Category, Client, Contact, CustomField, Tag, TeamMember
from clients_api.models.base import now
from clients_api.models.errors import NotFound
from clients_api.models.queries.record import Record
from clients_api.models.webhook import Webhook
from clients_api.schemas.base import Schema, shape
from clients_api.schemas.category import CategorySchema
from clients_api.schemas.client import ClientSchema
from clients_api.schemas.contact import ContactSchema
from clients_api.schemas.custom_field import CustomFieldSchema
from clients_api.schemas.event import EventSchema
from clients_api.schemas.key import KeySchema
from clients_api.schemas.tag import ClientTagSchema
from clients_api.schemas.team import TeamMemberSchema
from clients_api.schemas.webhook import WebhookSchema

OBJECTS: dict[str, tuple[Callable[[int | None], Record], type[Schema]]] = {
    "client": (Client.find, ClientSchema),
    "contact": (Contact.find, ContactSchema),
    "category": (Category.find, CategorySchema),
    "team": (TeamMember.find, TeamMemberSchema),
    "tag": (Tag.find, ClientTagSchema),
    "custom_field": (CustomField.find, CustomFieldSchema),
    "key": (ApiKey.find, KeySchema),
    "webhook": (Webhook.find, WebhookSchema),
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
    find, schema = OBJECTS[event["object"]]
    try:
        return _shown(schema, find(event["object_id"]))
    except NotFound:
        return None


def _shown(schema: type[Schema], record: Record) -> dict[str, Any]:
    return shape(schema, record.columns)(record.values_)
