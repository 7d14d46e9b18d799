"""Clients: customer companies."""

from __future__ import annotations

from clients_api.models import Client, Contact
from clients_api.models.contact import reader as contacts
from clients_api.models.forgetting import erasing
from clients_api.schemas.base import DeletedRecordSchema, DeleteQuerySchema
from clients_api.schemas.client import (
    ClientChangeSchema,
    ClientCreateSchema,
    ClientListQuerySchema,
    ClientOwnerChangeSchema,
    ClientSchema,
    ClientStatusChangeSchema,
    ClientTagsChangeSchema,
)
from clients_api.schemas.contact import ContactSchema
from clients_api.web.api import Blueprint
from clients_api.web.operation import Include, Resource

blp = Blueprint(
    "clients",
    __name__,
    resource=Resource("client", ClientSchema, Client.find),
    description="Customer companies, each with its users, one of whom owns the account.",
)

INCLUDES = {"contacts": Include(Contact.of_clients, contacts.columns, ContactSchema)}


@blp.get("/clients")
@blp.arguments(ClientListQuerySchema, location="query")
@blp.response(
    200, ClientSchema, message="Clients retrieved successfully.", many=True, includes=INCLUDES
)
def list_clients(query):
    """List clients."""
    return Client.matching(**query)


@blp.get("/clients/<id:id>")
@blp.response(200, ClientSchema, message="Client retrieved successfully.", includes=INCLUDES)
def get_client(id):
    """Get a client."""
    return Client.find(id)


@blp.post("/clients")
@blp.arguments(ClientCreateSchema, rules=Client.problems)
@blp.response(
    201,
    ClientSchema,
    message="Client created successfully.",
    location=True,
    includes=INCLUDES,
)
def create_client(body):
    """Create a client and its primary user, the account owner."""
    return Client.register(**body)


@blp.patch("/clients/<id:id>")
@blp.arguments(ClientChangeSchema, rules=Client.problems)
@blp.response(200, ClientSchema, message="Client updated successfully.", includes=INCLUDES)
def update_client(body, id):
    """Update a client; what is left out stays as it is."""
    return Client.change(id, **body)


@blp.put("/clients/<id:id>")
@blp.arguments(ClientChangeSchema, rules=Client.problems)
@blp.response(200, ClientSchema, message="Client updated successfully.", includes=INCLUDES)
def put_client(body, id):
    """Same as PATCH."""
    return Client.change(id, **body)


@blp.delete("/clients/<id:id>")
@blp.arguments(DeleteQuerySchema, location="query")
@blp.response(200, DeletedRecordSchema, message="Client deleted successfully.")
def delete_client(query, id):
    """Delete a client with its users, tag links and custom values."""
    return erasing.client(id) if query.get("erase") else Client.remove(id)


@blp.put("/clients/<id:id>/tags")
@blp.arguments(ClientTagsChangeSchema)
@blp.response(200, ClientSchema, message="Client tags updated successfully.", includes=INCLUDES)
def set_client_tags(body, id):
    """Replace the tags of a client."""
    return Client.replace_tags(id, body["tags"])


@blp.post("/clients/<id:id>/tags")
@blp.arguments(ClientTagsChangeSchema)
@blp.response(200, ClientSchema, message="Client tags updated successfully.", includes=INCLUDES)
def add_client_tags(body, id):
    """Add tags to a client."""
    return Client.add_tags(id, body["tags"])


@blp.delete("/clients/<id:id>/tags/<title:title>", strict_slashes=True)
@blp.response(200, ClientSchema, message="Client tags updated successfully.", includes=INCLUDES)
def remove_client_tag(id, title):
    """Take one tag off a client."""
    return Client.take_tag(id, title)


@blp.put("/clients/<id:id>/status")
@blp.arguments(ClientStatusChangeSchema)
@blp.response(200, ClientSchema, message="Client status updated successfully.", includes=INCLUDES)
def set_client_status(body, id):
    """Make a client active or suspended."""
    return Client.change_status(id, body["status"])


@blp.put("/clients/<id:id>/owner")
@blp.arguments(ClientOwnerChangeSchema)
@blp.response(
    200, ClientSchema, message="Client account owner updated successfully.", includes=INCLUDES
)
def set_client_owner(body, id):
    """Make one of a client's users its account owner."""
    return Client.change_owner(id, body["owner"])
