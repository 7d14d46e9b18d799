"""What is stored of clients, how many there are, and what became of those that were merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee

from clients_api.models.base import BaseModel
from clients_api.models.category import Category
from clients_api.models.errors import NotFound
from clients_api.models.queries.folding import plain
from clients_api.models.queries.matchkeys import client_match_keys
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.reader import Reader
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
    name_match = peewee.TextField(null=True)
    vat_match = peewee.TextField(null=True)
    phone_match = peewee.TextField(null=True)

    class Meta:
        indexes = tuple(
            ((first, second), False)
            for first in ("status", "category")
            for second in ("name_key", "status", "created", "updated")
            if first != second
        )


class ClientMerged(BaseModel):
    """Into which client another was merged, which is no more; there may be a chain of them."""

    source_id = peewee.IntegerField(primary_key=True)
    target_id = peewee.IntegerField(index=True)

    @classmethod
    def into(cls, id: int) -> int | None:
        """Return the id of the client that holds what was merged; None for one that was not."""
        found = None
        while target := _target.scalar(id):
            found = id = target
        return found if found and _exists.one(found) else None

    @classmethod
    def sources(cls, id: int) -> list[int]:
        """Return the ids of all clients that were merged into one, also by way of others."""
        found = [id]
        for target in found:
            found += [source for (source,) in _sources.all(target)]
        return found[1:]


class ClientReader(Reader):
    """Reads clients, and knows of one that was merged where it is now."""

    def missing(self, id: int | None) -> NotFound:
        return NotFound(self.noun, merged_into=id and ClientMerged.into(id))


@prepared
def _target(source_id):
    return ClientMerged.select(ClientMerged.target_id).where(ClientMerged.source_id == source_id)


@prepared
def _sources(target_id):
    return ClientMerged.select(ClientMerged.source_id).where(ClientMerged.target_id == target_id)


@prepared
def _exists(id):
    # The model of clients is built on this module, so here the table stands for it.
    clients = peewee.Table("client", ("id",))
    return clients.select(clients.id).where(clients.id == id)


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


def keys_of(columns: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is made of columns that change, for those who search and compare.

    In: also what the client was `before`: at least its DETAILS, if one of these is to change.
    """
    keys: dict[str, Any] = {}
    if "company_name" in columns:
        keys["name_key"] = plain(columns["company_name"])
    if columns.keys() & set(DETAILS):
        new = {**before, **columns}
        keys["words"] = details(*(new.get(name) for name in DETAILS))
    return keys | client_match_keys({**columns, **keys})
