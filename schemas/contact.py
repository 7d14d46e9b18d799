"""Contacts and the team: people, as they come in and go out."""

from __future__ import annotations

from marshmallow import fields

from clients_api.models.user import STATUSES

from .base import DatesSchema, Group, Schema, text
from .fields import Choice, Email, Id, Integer, String, YesNo
from .paging import list_query

PERSON_SORTS = {name: name for name in ("first_name", "last_name", "email", "created", "updated")}


class ClientRefSchema(Schema):
    id = fields.Integer(attribute="client_id", metadata={"example": 12})
    company_name = fields.String(attribute="client_name", metadata={"example": "Acme Inc"})


class RoleSchema(Schema):
    id = fields.Integer(attribute="role_id", metadata={"example": 2})
    name = fields.String(attribute="role_name", metadata={"example": "Client"})


class SocialSchema(Schema):
    facebook = text()
    twitter = text()
    linkedin = text()
    github = text()
    dribbble = text()


class ContactSchema(Schema):
    """A user of a client, or a person of no client yet."""

    id = fields.Integer(metadata={"example": 45})
    first_name = fields.String(metadata={"example": "Jane"})
    last_name = fields.String(metadata={"example": "Doe"})
    name = fields.String(metadata={"example": "Jane Doe"})
    email = fields.String(metadata={"example": "jane@acme.example"})
    phone = text()
    job_position = text("Procurement Lead")
    account_owner = fields.String(metadata={"example": "no", "enum": ["yes", "no"]})
    status = fields.String(metadata={"example": "active"})
    client = Group(ClientRefSchema, key="client_id")
    role = Group(RoleSchema)
    social = Group(SocialSchema)
    dates = Group(DatesSchema)


class PersonChangeSchema(Schema):
    """What may be changed of a person; what is left out stays as it is."""

    first_name = String(required=True, max=100, metadata={"example": "Jane"})
    last_name = String(required=True, max=100, metadata={"example": "Doe"})
    email = Email(required=True, metadata={"example": "jane@acme.example"})
    phone = String(max=50, metadata={"example": "+1 555 0100"})
    job_position = String(data_key="position", max=100, metadata={"example": "Procurement Lead"})


class ContactCreateSchema(PersonChangeSchema):
    """A user of a client; without one a contact, whom a new client may promote."""

    client_id = Id(data_key="clientid", metadata={"example": 12})
    send_email = YesNo(metadata={"description": "`yes` queues the welcome e-mail."})


def person_list_query(name: str, **filters: fields.Field) -> type[Schema]:
    """Make the schema of the query string of a list of people."""
    return list_query(
        name,
        sorts=PERSON_SORTS,
        default="first_name",
        order="asc",
        status=Choice(STATUSES),
        search=String(
            metadata={"description": "A part of a name, the e-mail address or phone number."}
        ),
        **filters,
    )


ContactListQuerySchema = person_list_query(
    "ContactListQuerySchema",
    client_id=Integer(),
    email=Email(metadata={"description": "The contact has this address."}),
    account_owner=YesNo(),
)
