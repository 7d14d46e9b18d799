"""Clients that are one: which may be, and making them one."""

from __future__ import annotations

from clients_api.models.client import merging
from clients_api.models.client.duplicates import KEYS, Groups
from clients_api.schemas.client import ClientSchema
from clients_api.schemas.duplicates import (
    ClientMergeSchema,
    DuplicatesQuerySchema,
    DuplicatesSchema,
)
from clients_api.web.api import Blueprint

from .clients import INCLUDES
from .clients import blp as clients

blp = Blueprint(
    "duplicates",
    __name__,
    resource=clients.resource,
    description="Clients that may be one, and merging them.",
)


@blp.get("/clients/duplicates")
@blp.arguments(DuplicatesQuerySchema, location="query")
@blp.response(200, DuplicatesSchema, message="Duplicates retrieved successfully.", many=True)
def list_duplicates(query):
    """List groups of clients that may be one."""
    return Groups(query.get("by") or list(KEYS), query.get("client_id"))


@blp.post("/clients/<id:id>/merge")
@blp.arguments(ClientMergeSchema, rules=merging.problems)
@blp.response(200, ClientSchema, message="Clients merged successfully.", included=INCLUDES)
def merge_clients(body, id):
    """Merge other clients into this one."""
    return merging.merge(id, **body)
