"""Clients: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from clients_api.models.client import NAME_LENGTH, STATUSES
from clients_api.models.queries.folding import fold
from clients_api.models.tag import MOST_PER_CLIENT

from .base import DatesSchema, Group, JSONText, Schema, text
from .fields import Array, Choice, Email, Id, Integer, String, Timestamp, YesNo
from .paging import list_query

TAG_LENGTH = 100


class CategoryRefSchema(Schema):
    id = fields.Integer(attribute="category_id", metadata={"example": 2})
    name = fields.String(attribute="category_name", metadata={"example": "Standard"})


class OwnerRefSchema(Schema):
    id = fields.Integer(attribute="owner_id", metadata={"example": 34})
    name = fields.String(attribute="owner_name", metadata={"example": "Jane Doe"})


class BillingSchema(Schema):
    street = text("1 Market St", attribute="billing_street")
    city = text("San Francisco", attribute="billing_city")
    state = text("CA", attribute="billing_state")
    zip = text("94105", attribute="billing_zip")
    country = text("United States", attribute="billing_country")
    invoice_due_days = fields.Integer(
        attribute="billing_invoice_due_days", allow_none=True, metadata={"example": 7}
    )


class ShippingSchema(Schema):
    street = text(attribute="shipping_street")
    city = text(attribute="shipping_city")
    state = text(attribute="shipping_state")
    zip = text(attribute="shipping_zip")
    country = text(attribute="shipping_country")


class ClientSchema(Schema):
    """A client, as every call returns it."""

    id = fields.Integer(metadata={"example": 12})
    company_name = fields.String(metadata={"example": "Acme Inc"})
    description = text("Key account.")
    status = fields.String(metadata={"example": "active", "enum": list(STATUSES)})
    phone = text("+1 555 0100")
    website = text("https://acme.example")
    vat = text("GB123456789")
    category = Group(CategoryRefSchema)
    owner = Group(OwnerRefSchema, key="owner_id")
    billing = Group(BillingSchema)
    shipping = Group(ShippingSchema)
    dates = Group(DatesSchema)
    tags = JSONText(
        metadata={
            "type": "array",
            "items": {"type": "string"},
            "example": ["priority", "retainer"],
        }
    )
    custom_fields = JSONText(
        omit="{}",
        metadata={
            "type": "object",
            "description": "Only where custom fields are defined: their values by name.",
        },
    )


class ClientChangeSchema(Schema):
    """What may be changed of a client; what is left out stays as it is."""

    takes_custom_fields = True

    company_name = String(
        data_key="client_company_name",
        required=True,
        max=NAME_LENGTH,
        metadata={"example": "Acme Inc"},
    )
    category_id = Id(data_key="client_categoryid", metadata={"example": 2})
    description = String(
        data_key="client_description", max=65_535, metadata={"example": "Key account."}
    )
    phone = String(data_key="client_phone", max=50, metadata={"example": "+1 555 0100"})
    vat = String(data_key="client_vat", max=50, metadata={"example": "GB123456789"})
    website = String(
        data_key="client_website", max=250, metadata={"example": "https://acme.example"}
    )
    billing_street = String(
        data_key="client_billing_street", max=200, metadata={"example": "1 Market St"}
    )
    billing_city = String(
        data_key="client_billing_city", max=100, metadata={"example": "San Francisco"}
    )
    billing_state = String(data_key="client_billing_state", max=100, metadata={"example": "CA"})
    billing_zip = String(data_key="client_billing_zip", max=50, metadata={"example": "94105"})
    billing_country = String(
        data_key="client_billing_country", max=100, metadata={"example": "United States"}
    )
    billing_invoice_due_days = Integer(
        data_key="client_billing_invoice_due_days",
        min=0,
        max=32_767,
        metadata={"example": 7},
    )
    shipping_street = String(data_key="client_shipping_street", max=250)
    shipping_city = String(data_key="client_shipping_city", max=100)
    shipping_state = String(data_key="client_shipping_state", max=100)
    shipping_zip = String(data_key="client_shipping_zip", max=50)
    shipping_country = String(data_key="client_shipping_country", max=100)


def tag_titles(**kwargs) -> Array:
    """Make the field of a set of tags."""
    kwargs.setdefault("metadata", {"example": ["priority", "retainer"]})
    return Array(String(max=TAG_LENGTH), max_items=MOST_PER_CLIENT, unique=fold, **kwargs)


class TagFilter(Array):
    """Titles that a client must have. No client has a blank one, so it is no reason to list all."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[str]:
        if None in value:
            raise self.make_error("choice")
        return super()._deserialize(value, attr, data, **kwargs)


class ClientCreateSchema(ClientChangeSchema):
    """A client and its primary user, the account owner."""

    first_name = String(required=True, max=100, metadata={"example": "Jane"})
    last_name = String(required=True, max=100, metadata={"example": "Doe"})
    email = Email(required=True, metadata={"example": "jane@acme.example"})
    company_name = String(
        data_key="client_company_name",
        max=NAME_LENGTH,
        metadata={
            "example": "Acme Inc",
            "description": "`first_name last_name` if not given.",
        },
    )
    tags = tag_titles()
    send_email = YesNo(metadata={"description": "`yes` queues the welcome e-mail."})


class TagsSchema(Schema):
    """A set of tags."""

    tags = tag_titles(required=True)


class StatusSchema(Schema):
    status = Choice(STATUSES, required=True, metadata={"example": "suspended"})


class OwnerSchema(Schema):
    owner = Id(
        required=True,
        metadata={"example": 34, "description": "A user that belongs to this client."},
    )


class IncludeQuerySchema(Schema):
    include = Choice(
        ("contacts",), metadata={"description": "`contacts` adds the users of the client."}
    )


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
    status=Choice(STATUSES),
    category_id=Integer(),
    search=String(
        metadata={"description": "A part of the company name, blind to case and to accents."}
    ),
    q=String(
        max=500,
        metadata={
            "description": "Words, each of which is found in what is known of the client: name, "
            "description, website, VAT, billing city, tags, names and addresses of its users; "
            "digits also in phone numbers, however these are punctuated.",
        },
    ),
    tag=TagFilter(
        String(max=TAG_LENGTH),
        metadata={"description": "Repeatable; a client must have all."},
    ),
    email=String(metadata={"description": "A user of the client has this address."}),
    owner_id=Integer(),
    created_after=Timestamp(metadata={"description": "At this time (ISO 8601) or later."}),
    created_before=Timestamp(metadata={"description": "Before this time (ISO 8601)."}),
    updated_after=Timestamp(metadata={"description": "At this time (ISO 8601) or later."}),
    updated_before=Timestamp(metadata={"description": "Before this time (ISO 8601)."}),
    include=IncludeQuerySchema._declared_fields["include"],
)
ClientListQuerySchema.takes_custom_fields = True
