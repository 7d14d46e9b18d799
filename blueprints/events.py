"""Events: what has changed, in order."""

from __future__ import annotations

from typing import Any

from clients_api.models import Client
from clients_api.models.errors import NotFound
from clients_api.models.events import CUSTOM_FIELD, Position, reading
from clients_api.models.events.reading import Feed
from clients_api.models.undo import undo
from clients_api.schemas.event import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    SCHEMAS,
    EventListQuerySchema,
    EventSchema,
    HistoryQuerySchema,
    UndoneRecordSchema,
    UndoQuerySchema,
)
from clients_api.web.answering import Shown
from clients_api.web.api import Blueprint
from clients_api.web.auth import Caller, require
from clients_api.web.errors import unprocessable
from clients_api.web.operation import Resource

blp = Blueprint(
    "events",
    __name__,
    resource=Resource("event", EventSchema, lambda id: reading.find(id, secret=True)),
    description="What has changed, in order, and who changed it.",
)

_SCOPES = {CUSTOM_FIELD: "admin"}  # that the change itself needs, and so its undoing


@blp.get("/events")
@blp.arguments(EventListQuerySchema, location="query")
@blp.response(200, EventSchema, message="Events retrieved successfully.", feed=True)
def list_events(query, caller):
    """List events, the oldest first, from a position on."""
    descending = query.pop("order", "asc") == "desc"
    return _feed(query, caller, descending)


@blp.get("/events/<id:id>")
@blp.response(200, EventSchema, message="Event retrieved successfully.")
def get_event(id, caller):
    """Get an event."""
    return reading.find(id, secret=caller.may("admin"))


@blp.get("/clients/<id:id>/history")
@blp.arguments(HistoryQuerySchema, location="query")
@blp.response(200, EventSchema, message="Events retrieved successfully.", feed=True)
def get_client_history(query, id, caller):
    """List the events of a client, the newest first; also of one that was deleted."""
    if not Client.exists(id) and not reading.has_history(id):
        raise NotFound("client")
    return _feed({**query, "client_id": id}, caller, descending=True)


@blp.post("/events/<id:id>/undo")
@blp.arguments(UndoQuerySchema, location="query")
@blp.response(200, UndoneRecordSchema, message="Change undone.")
def undo_event(query, id, caller):
    """Take a change back; the record is returned."""
    event = reading.find(id, secret=caller.may("admin"))
    require(caller, _SCOPES.get(event["object"], "write"))
    undone = undo(event, query.get("without", ()))
    message = None
    if undone.left_out:
        titles = ", ".join(undone.left_out)
        message = f"Change undone. Left out, since it is gone: {titles}."
    return Shown(undone.object, SCHEMAS[undone.object], undone.record, message)


def _feed(query: dict[str, Any], caller: Caller, descending: bool) -> Feed:
    limit = min(query.pop("limit", LIMIT_DEFAULT), LIMIT_MAX)
    if wrong := query.keys() & {"after" if descending else "before"}:
        # One reads on, the other back.
        order = "asc" if descending else "desc"
        raise unprocessable({n: [f"The {n} parameter needs the order {order}."] for n in wrong})
    after = query.pop("after", "")
    if after == "now":
        return Feed(reading.reader.columns, [], Position.newest(), False)
    return reading.feed(
        limit=limit,
        secret=caller.may("admin"),
        after=after or None,
        descending=descending,
        **query,
    )
