"""Contacts: the users of clients."""

from __future__ import annotations

from clients_api.models import Contact
from clients_api.models.forgetting import erasing
from clients_api.schemas.base import DeletedRecordSchema, DeleteQuerySchema
from clients_api.schemas.contact import (
    ContactChangeSchema,
    ContactCreateSchema,
    ContactListQuerySchema,
    ContactSchema,
)
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "contacts",
    __name__,
    resource=Resource("contact", ContactSchema, Contact.find),
    description="The users of clients, and people of no client yet.",
)


@blp.get("/contacts")
@blp.arguments(ContactListQuerySchema, location="query")
@blp.response(200, ContactSchema, message="Contacts retrieved successfully.", many=True)
def list_contacts(query):
    """List contacts."""
    return Contact.matching(**query)


@blp.get("/contacts/<id:id>")
@blp.response(200, ContactSchema, message="Contact retrieved successfully.")
def get_contact(id):
    """Get a contact."""
    return Contact.find(id)


@blp.post("/contacts")
@blp.arguments(ContactCreateSchema, rules=Contact.problems)
@blp.response(201, ContactSchema, message="Contact created successfully.", location=True)
def create_contact(body):
    """Create a user of a client, or a contact of none."""
    return Contact.create(**body)


@blp.patch("/contacts/<id:id>")
@blp.arguments(ContactChangeSchema, rules=Contact.problems)
@blp.response(200, ContactSchema, message="Contact updated successfully.")
def update_contact(body, id):
    """Update a contact; what is left out stays as it is."""
    return Contact.change(id, **body)


@blp.put("/contacts/<id:id>")
@blp.arguments(ContactChangeSchema, rules=Contact.problems)
@blp.response(200, ContactSchema, message="Contact updated successfully.")
def put_contact(body, id):
    """Same as PATCH."""
    return Contact.change(id, **body)


@blp.delete("/contacts/<id:id>")
@blp.arguments(DeleteQuerySchema, location="query")
@blp.response(200, DeletedRecordSchema, message="Contact deleted successfully.")
def delete_contact(query, id):
    """Delete a contact and free its e-mail address."""
    return erasing.contact(id) if query.get("erase") else Contact.remove(id)


@blp.put("/contacts/<id:id>/account-owner")
@blp.response(200, ContactSchema, message="Contact set as account owner successfully.")
def set_account_owner(id):
    """Make a contact the account owner of its client."""
    return Contact.make_owner(id)
