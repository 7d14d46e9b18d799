"""Clients: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from clients_api.models.client import NAME_LENGTH, STATUSES
from clients_api.models.queries.folding import fold
from clients_api.models.tag import MOST_PER_CLIENT

from .base import (
    AnswerSchema,
    Group,
    Included,
    JSONText,
    QuerySchema,
    RecordDatesSchema,
    Schema,
    text,
)
from .contact import ContactSchema
from .fields import Array, Choice, Email, Id, Integer, String, Timestamp, YesNo
from .fields.metadata import told
from .fields.texts import Title
from .paging import list_query

TAG_LENGTH = 100


class ClientCategoryRefSchema(AnswerSchema):
    """The category that a client is filed under."""

    id = fields.Integer(attribute="category_id", metadata=told("The id of the category.", 2))
    name = fields.String(attribute="category_name", metadata=told("Its name.", "Standard"))


class ClientOwnerRefSchema(AnswerSchema):
    """The user who owns the account of a client."""

    id = fields.Integer(attribute="owner_id", metadata=told("The id of the user.", 34))
    name = fields.String(attribute="owner_name", metadata=told("First and last name.", "Jane Doe"))


class BillingAddressSchema(AnswerSchema):
    """Where invoices go, and how long they may stay unpaid."""

    street = text("Street and number.", "1 Market St", attribute="billing_street")
    city = text("City.", "San Francisco", attribute="billing_city")
    state = text("State, county or province.", "CA", attribute="billing_state")
    zip = text("Postal code.", "94105", attribute="billing_zip")
    country = text("Country, as it was written.", "United States", attribute="billing_country")
    invoice_due_days = fields.Integer(
        attribute="billing_invoice_due_days",
        allow_none=True,
        metadata=told("Days after which an invoice is due.", 7),
    )


class ShippingAddressSchema(AnswerSchema):
    """Where goods go."""

    street = text("Street and number.", attribute="shipping_street")
    city = text("City.", attribute="shipping_city")
    state = text("State, county or province.", attribute="shipping_state")
    zip = text("Postal code.", attribute="shipping_zip")
    country = text("Country, as it was written.", attribute="shipping_country")


class ClientSchema(AnswerSchema):
    """A client, as every call returns it."""

    id = fields.Integer(metadata=told("The id of the client.", 12))
    company_name = fields.String(metadata=told("The name of the company.", "Acme Inc"))
    description = text("What there is to know of it.", "Key account.")
    status = fields.String(
        metadata=told("Whether it is served.", "active", enum=list(STATUSES)),
    )
    phone = text("Phone number, as it was written.", "+1 555 0100")
    website = text("Address of the website.", "https://acme.example")
    vat = text("VAT number.", "GB123456789")
    category = Group(ClientCategoryRefSchema)
    owner = Group(
        ClientOwnerRefSchema,
        key="owner_id",
        metadata={"description": "Null when the client has none: its owner was deleted."},
    )
    billing = Group(BillingAddressSchema)
    shipping = Group(ShippingAddressSchema)
    dates = Group(RecordDatesSchema)
    tags = JSONText(
        metadata=told(
            "In the order in which they were set.",
            ["priority", "retainer"],
            type="array",
            items={"type": "string"},
        )
    )
    custom_fields = JSONText(
        omit="{}",
        metadata={
            "type": "object",
            "description": "Only where custom fields are defined: their values by name.",
            "optional": True,
        },
    )
    contacts = Included(
        fields.Nested(ContactSchema),
        metadata=told("Only with `include=contacts`: the users of the client.", optional=True),
    )


class ClientChangeSchema(Schema):
    """What may be changed of a client; what is left out stays as it is."""

    takes_custom_fields = True

    company_name = String(
        data_key="client_company_name",
        required=True,
        max=NAME_LENGTH,
        metadata=told("The name of the company.", "Acme Inc"),
    )
    category_id = Id(
        data_key="client_categoryid",
        metadata=told("The id of a category; a new client without one gets the system default.", 2),
    )
    description = String(
        data_key="client_description",
        max=65_535,
        metadata=told("What there is to know of it.", "Key account."),
    )
    phone = String(data_key="client_phone", max=50, metadata=told("Phone number.", "+1 555 0100"))
    vat = String(data_key="client_vat", max=50, metadata=told("VAT number.", "GB123456789"))
    website = String(
        data_key="client_website",
        max=250,
        metadata=told("Address of the website.", "https://acme.example"),
    )
    billing_street = String(
        data_key="client_billing_street",
        max=200,
        metadata=told("Where invoices go: street and number.", "1 Market St"),
    )
    billing_city = String(
        data_key="client_billing_city",
        max=100,
        metadata=told("Where invoices go: city.", "San Francisco"),
    )
    billing_state = String(
        data_key="client_billing_state",
        max=100,
        metadata=told("Where invoices go: state, county or province.", "CA"),
    )
    billing_zip = String(
        data_key="client_billing_zip",
        max=50,
        metadata=told("Where invoices go: postal code.", "94105"),
    )
    billing_country = String(
        data_key="client_billing_country",
        max=100,
        metadata=told("Where invoices go: country.", "United States"),
    )
    billing_invoice_due_days = Integer(
        data_key="client_billing_invoice_due_days",
        min=0,
        max=32_767,
        metadata=told("Days after which an invoice is due.", 7),
    )
    shipping_street = String(
        data_key="client_shipping_street",
        max=250,
        metadata=told("Where goods go: street and number."),
    )
    shipping_city = String(
        data_key="client_shipping_city", max=100, metadata=told("Where goods go: city.")
    )
    shipping_state = String(
        data_key="client_shipping_state",
        max=100,
        metadata=told("Where goods go: state, county or province."),
    )
    shipping_zip = String(
        data_key="client_shipping_zip", max=50, metadata=told("Where goods go: postal code.")
    )
    shipping_country = String(
        data_key="client_shipping_country", max=100, metadata=told("Where goods go: country.")
    )


def tag_titles(**kwargs) -> Array:
    """Make the field of a set of tags."""
    kwargs.setdefault("metadata", told("The titles of tags.", ["priority", "retainer"]))
    return Array(Title(max=TAG_LENGTH), max_items=MOST_PER_CLIENT, unique=fold, **kwargs)


class Wanted(Array):
    """Values that are looked for. No record has a blank one, so it is no reason to list all."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if None in value:
            raise self.make_error("choice")
        return super()._deserialize(value, attr, data, **kwargs)


class ClientCreateSchema(ClientChangeSchema):
    """A client and its primary user, the account owner."""

    first_name = String(
        required=True, max=100, metadata=told("First name of its primary user.", "Jane")
    )
    last_name = String(
        required=True, max=100, metadata=told("Last name of its primary user.", "Doe")
    )
    email = Email(
        required=True,
        metadata=told("The user's address, which nobody else has.", "jane@acme.example"),
    )
    company_name = String(
        data_key="client_company_name",
        max=NAME_LENGTH,
        metadata=told("`first_name last_name` if not given.", "Acme Inc"),
    )
    tags = tag_titles()
    send_email = YesNo(metadata=told("`yes` queues the welcome e-mail."))


class ClientTagsChangeSchema(Schema):
    """A set of tags."""

    tags = tag_titles(required=True)


class ClientStatusChangeSchema(Schema):
    """Whether a client is served."""

    status = Choice(
        STATUSES, required=True, metadata=told("Whether the client is served.", "suspended")
    )


class ClientOwnerChangeSchema(Schema):
    """The user who is to own the account of a client."""

    owner = Id(required=True, metadata=told("A user that belongs to this client.", 34))


class IncludeQuerySchema(QuerySchema):
    """What to add to a client."""

    include = Choice(("contacts",), metadata=told("`contacts` adds the users of the client."))


ClientListQuerySchema = list_query(
    "ClientListQuerySchema",
    sorts={
        "client_company_name": "name",
        "client_status": "status",
        "client_created": "created",
        "client_updated": "updated",
    },
    default="client_created",
    order="desc",
    status=Choice(STATUSES, metadata=told("Only those of this status.")),
    category_id=Integer(metadata=told("Only those of the category with this id.")),
    search=String(
        metadata=told("A part of the company name, blind to case and to accents.", "acme")
    ),
    q=String(
        max=500,
        metadata=told(
            "Words, each of which is found in what is known of the client: name, description, "
            "website, VAT, billing city, tags, names and addresses of its users; digits also in "
            "phone numbers, however these are punctuated.",
            "acme london",
        ),
    ),
    tag=Wanted(
        String(max=TAG_LENGTH),
        metadata=told("Repeatable; a client must have all.", ["priority"]),
    ),
    email=Email(metadata=told("A user of the client has this address.", "jane@acme.example")),
    owner_id=Integer(metadata=told("Only those that the user with this id owns.")),
    created_after=Timestamp(metadata=told("Made at this time (ISO 8601) or later.")),
    created_before=Timestamp(metadata=told("Made before this time (ISO 8601).")),
    updated_after=Timestamp(metadata=told("Changed at this time (ISO 8601) or later.")),
    updated_before=Timestamp(metadata=told("Changed before this time (ISO 8601).")),
    include=IncludeQuerySchema._declared_fields["include"],
)
ClientListQuerySchema.takes_custom_fields = True
