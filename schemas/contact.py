"""Contacts and the team: people, as they come in and go out."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from clients_api.models.user import CLIENT, STATUSES

from .base import AnswerSchema, Group, RecordDatesSchema, Schema, text
from .fields import Choice, Email, Id, Integer, String, YesNo
from .fields.metadata import told
from .paging import list_query

PERSON_SORTS = {name: name for name in ("first_name", "last_name", "email", "created", "updated")}


class ContactClientRefSchema(AnswerSchema):
    """The client that a user belongs to."""

    id = fields.Integer(attribute="client_id", metadata=told("The id of the client.", 12))
    company_name = fields.String(
        attribute="client_name", metadata=told("The name of the company.", "Acme Inc")
    )


class ContactRoleRefSchema(AnswerSchema):
    """The role of a contact, which is the same for all."""

    id = fields.Integer(
        attribute="role_id", metadata=told("The id of the role.", CLIENT, enum=[CLIENT])
    )
    name = fields.String(attribute="role_name", metadata=told("Its name.", "Client"))


class SocialLinksSchema(AnswerSchema):
    """Where else a person is to be found."""

    facebook = text("Their page on Facebook.")
    twitter = text("Their page on Twitter.")
    linkedin = text("Their page on LinkedIn.")
    github = text("Their page on GitHub.")
    dribbble = text("Their page on Dribbble.")


class ContactSchema(AnswerSchema):
    """A user of a client, or a person of no client yet."""

    id = fields.Integer(metadata=told("The id of the contact.", 45))
    first_name = fields.String(metadata=told("First name.", "Jane"))
    last_name = fields.String(metadata=told("Last name.", "Doe"))
    name = fields.String(metadata=told("First and last name.", "Jane Doe"))
    email = fields.String(metadata=told("Their e-mail address.", "jane@acme.example"))
    phone = text("Phone number, as it was written.")
    job_position = text("What they do.", "Procurement Lead")
    account_owner = fields.String(
        metadata=told("Whether they own their client's account.", "no", enum=["yes", "no"])
    )
    status = fields.String(
        metadata=told("Whether they are served.", "active", enum=[*STATUSES, "deleted"])
    )
    client = Group(
        ContactClientRefSchema,
        key="client_id",
        metadata={"description": "Null for a person of no client yet."},
    )
    role = Group(ContactRoleRefSchema)
    social = Group(SocialLinksSchema)
    dates = Group(RecordDatesSchema)


class PersonChangeSchema(Schema):
    """What may be changed of a person; what is left out stays as it is."""

    first_name = String(required=True, max=100, metadata=told("First name.", "Jane"))
    last_name = String(required=True, max=100, metadata=told("Last name.", "Doe"))
    email = Email(
        required=True,
        metadata=told("Their e-mail address, which nobody else has.", "jane@acme.example"),
    )
    phone = String(max=50, metadata=told("Phone number.", "+1 555 0100"))
    job_position = String(
        data_key="position", max=100, metadata=told("What they do.", "Procurement Lead")
    )


class ContactChangeSchema(PersonChangeSchema):
    """What may be changed of a contact; what is left out stays as it is."""

    client_id = Id(
        data_key="clientid",
        allow_none=False,
        metadata=told("The id of the client that it moves to; an account owner can't.", 12),
    )


class ContactCreateSchema(PersonChangeSchema):
    """A user of a client, or a contact of none, whom a new client may promote."""

    client_id = Id(
        data_key="clientid",
        metadata=told("The id of the client; required, but for `type=contact`.", 12),
    )
    type = Choice(
        ("contact",), metadata=told("`contact` makes a person of no client, without `clientid`.")
    )
    send_email = YesNo(metadata=told("`yes` queues the welcome e-mail."))

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _says_whose(self, data: Any, original: Any, **kwargs: Any) -> None:
        # A clientid that is wrong itself is in the original only, and told of already.
        if original.get("clientid") is None and data.get("type") is None:
            field: Any = self.fields["client_id"]
            raise ma.ValidationError(field.message("required"), "clientid")

    @ma.post_load
    def _follows(self, data: Any, **kwargs: Any) -> Any:
        data.pop("type", None)  # it is what the client says, or that there is none
        return data


def person_list_query(
    name: str, statuses: tuple[str, ...] = STATUSES, **filters: fields.Field
) -> type[Schema]:
    """Make the schema of the query string of a list of people."""
    return list_query(
        name,
        sorts=PERSON_SORTS,
        default="first_name",
        order="asc",
        status=Choice(statuses, metadata=told("Only those of this status.")),
        search=String(metadata=told("A part of a name, e-mail address or phone number.", "jane")),
        **filters,
    )


ContactListQuerySchema = person_list_query(
    "ContactListQuerySchema",
    statuses=(*STATUSES, "deleted"),
    client_id=Integer(metadata=told("Only those of the client with this id.")),
    email=Email(metadata=told("The contact has this address.", "jane@acme.example")),
    account_owner=YesNo(metadata=told("Whether they own their client's account.")),
)
