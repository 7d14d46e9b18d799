"""What is stored of clients, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee

from clients_api.models.base import BaseModel
from clients_api.models.category import Category
from clients_api.models.queries.words import details

NAME_LENGTH = 150
DETAILS = ("phone", "company_name", "description", "website", "vat", "billing_city")  # of `words`


class StoredClient(BaseModel):
    """The columns of a client, on which the model stands."""

    company_name = peewee.TextField()
    name_key = peewee.TextField(index=True)
    description = peewee.TextField(null=True)
    status = peewee.TextField(index=True)
    phone = peewee.TextField(null=True)
    website = peewee.TextField(null=True)
    vat = peewee.TextField(null=True)
    category = peewee.ForeignKeyField(Category, on_delete="RESTRICT", backref="+", index=False)
    billing_street = peewee.TextField(null=True)
    billing_city = peewee.TextField(null=True)
    billing_state = peewee.TextField(null=True)
    billing_zip = peewee.TextField(null=True)
    billing_country = peewee.TextField(null=True)
    billing_invoice_due_days = peewee.IntegerField(null=True)
    shipping_street = peewee.TextField(null=True)
    shipping_city = peewee.TextField(null=True)
    shipping_state = peewee.TextField(null=True)
    shipping_zip = peewee.TextField(null=True)
    shipping_country = peewee.TextField(null=True)
    created = peewee.TextField(index=True)
    updated = peewee.TextField(index=True)
    words = peewee.TextField(null=True)

    class Meta:
        indexes = tuple(
            ((first, second), False)
            for first in ("status", "category")
            for second in ("name_key", "status", "created", "updated")
            if first != second
        )


class ClientTotal(BaseModel):
    """How many clients there are by status and category; triggers keep it."""

    status = peewee.TextField()
    category_id = peewee.IntegerField()
    count = peewee.IntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("status", "category_id")


def default_name(first_name: str, last_name: str) -> str:
    """Return the company name of a client for which none was given."""
    return f"{first_name} {last_name}"[:NAME_LENGTH].strip()


def words_of(columns: Mapping[str, Any]) -> str | None:
    """Return the words by which a client is found by its own columns."""
    return details(*(columns.get(name) for name in DETAILS))
