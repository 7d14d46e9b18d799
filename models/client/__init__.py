"""Clients: customer companies, each with its users, one of whom owns the account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import peewee

from clients_api.models.base import BaseModel, now
from clients_api.models.category import Category
from clients_api.models.changes import note, note_deleted
from clients_api.models.custom_field import CustomValue
from clients_api.models.errors import Invalid, NotFound
from clients_api.models.mail import Mail
from clients_api.models.queries.composing import Condition
from clients_api.models.queries.folding import address_key, fold, plain
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.reader import Reader
from clients_api.models.queries.record import Record
from clients_api.models.queries.selection import Selection
from clients_api.models.queries.words import details
from clients_api.models.tag import ClientTag

from . import ownership
from .columns import OWNER_COLUMNS, client_columns, client_conditions, client_sorts, join_to_client
from .search import client_searches, search_condition
from .wordsearch import client_word_conditions, client_word_searches, word_condition

NAME_LENGTH = 150
STATUSES = ("active", "suspended")
# in which words are found
DETAILS = ("phone", "company_name", "description", "website", "vat", "billing_city")


class Client(BaseModel):
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

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one client with its category, owner and tags. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(
        cls,
        search: str | None = None,
        q: str | None = None,
        tag: Iterable[str] = (),
        email: str | None = None,
        custom: Mapping[int, Any] | None = None,
        **equal: Any,
    ) -> Selection:
        """Return the clients that meet all filters.

        In: `search`, a part of the company name; `q`, words that are found in what is known of
        the client, all of them; `tag`, titles that the client must have, all of
        them; `email` of a user of the client; `custom`, values by the id of the custom field;
        and `status`, `category_id`, `owner_id`, `created_after` (at or after, as `timestamp`
        writes it), `created_before` (before), `updated_after`, `updated_before`.
        """
        conditions: list[Condition] = [(name, (value,)) for name, value in equal.items()]
        if needle := (search or "").strip():
            conditions.append(search_condition(needle))
        if q and (found := word_condition(q, alone=not needle)):
            conditions.append(found)
        if email is not None:
            conditions.append(("email", (address_key(email),)))
        if keys := {fold(title) for title in tag}:
            conditions.append(("tag", tuple(sorted(keys))))
        conditions += [("custom", pair) for pair in (custom or {}).items()]
        return reader.select(conditions)

    @classmethod
    def register(
        cls,
        *,
        first_name: str,
        last_name: str,
        email: str,
        tags: Iterable[str] | None = None,
        custom: Mapping[int, Any] | None = None,
        send_email: str = "no",
        **columns: Any,
    ) -> Record:
        """Make a client and its primary user, who owns the account; all or nothing.

        A user of type `contact` with that address is promoted instead of a new one made. In:
        `custom`, values by the id of the custom field; `columns` of the client that are known.
        Raises Invalid for a taken address and an unknown category.
        """
        name = columns.pop("company_name", None) or default_name(first_name, last_name)
        category_id = columns.pop("category_id", None) or Category.default_id()
        moment = now()
        try:
            id = cls._add(name, category_id, moment, **columns)
            ownership.create_owner(id, first_name, last_name, email, moment)
        except peewee.IntegrityError as error:
            raise Invalid(**cls.problems(category_id=category_id, email=email)) from error
        ClientTag.append(id, tags or ())
        CustomValue.assign(id, custom or {})
        if send_email == "yes":
            Mail.queue_welcome(email, first_name, last_name, name)
        return cls.find(id)

    @classmethod
    def register_ownerless(
        cls,
        *,
        company_name: str,
        category_id: int | None = None,
        tags: Iterable[str] | None = None,
        custom: Mapping[int, Any] | None = None,
        **columns: Any,
    ) -> Record:
        """Make a client without users, like one whose owner was deleted. Raises Invalid."""
        category_id = category_id or Category.default_id()
        try:
            id = cls._add(company_name, category_id, now(), **columns)
        except peewee.IntegrityError as error:
            raise Invalid(category_id="exists") from error
        ClientTag.append(id, tags or ())
        CustomValue.assign(id, custom or {})
        return cls.find(id)

    @classmethod
    def _add(cls, name: str, category_id: int, moment: str, **columns: Any) -> int:
        columns |= {"company_name": name, "name_key": plain(name), "category_id": category_id}
        columns["words"] = _words(columns)
        columns |= {"created": moment, "updated": moment}
        note(moment)
        return cls.insert_row(**{"status": "active", **columns})

    @classmethod
    def exists(cls, id: int) -> bool:
        """Tell whether there is a client of that id."""
        return _exists.one(id) is not None

    @classmethod
    def problems(cls, category_id: int | None = None, email: str | None = None) -> dict[str, str]:
        """Return the rule that each of the values breaks, as far as only the database knows it."""
        found = {}
        if category_id is not None and not Category.exists(category_id):
            found["category_id"] = "exists"
        if email is not None and ownership.is_taken(email):
            found["email"] = "taken"
        return found

    @classmethod
    def change(
        cls, id: int | None, custom: Mapping[int, Any] | None = None, **columns: Any
    ) -> Record:
        """Set columns and custom values of a client; the rest stays as it is.

        Raises NotFound, and Invalid for an unknown category. No category means the default one.
        """
        if "company_name" in columns:
            columns["name_key"] = plain(columns["company_name"])
        if "category_id" in columns:
            columns["category_id"] = columns["category_id"] or Category.default_id()
        if given := columns.keys() & set(DETAILS):
            kept = len(given) < len(DETAILS) and _details.one(id)
            columns["words"] = _words({**dict(zip(DETAILS, kept or (), strict=False)), **columns})
        cls._update(id, **columns)
        CustomValue.assign(id, custom or {})
        return cls.find(id)

    @classmethod
    def change_status(cls, id: int | None, status: str) -> Record:
        """Make a client `active` or `suspended`. Raises NotFound."""
        cls._update(id, status=status)
        return cls.find(id)

    @classmethod
    def change_owner(cls, id: int | None, owner: int | None) -> Record:
        """Make one of a client's users its only owner. Raises NotFound, and Invalid for others."""
        cls._update(id)
        ownership.change_owner(id, owner)
        return cls.find(id)

    @classmethod
    def replace_tags(cls, id: int | None, titles: Iterable[str]) -> Record:
        """Make `titles` the tags of a client, in this order. Raises NotFound."""
        cls._update(id)
        ClientTag.replace_all(id, titles)
        return cls.find(id)

    @classmethod
    def add_tags(cls, id: int | None, titles: Iterable[str]) -> Record:
        """Add tags to a client. Raises NotFound, and Invalid for more than a client may have."""
        cls._update(id)
        ClientTag.add(id, titles)
        return cls.find(id)

    @classmethod
    def take_tag(cls, id: int | None, title: str) -> Record:
        """Take one tag off a client. Raises NotFound for the client and for the tag."""
        cls._update(id)
        ClientTag.take(id, title)
        return cls.find(id)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Delete a client with its users, tag links and values, and return what it was."""
        client = cls.find(id)
        cls.delete_row(id)
        note_deleted(client)
        return client

    @classmethod
    def touch(cls, id: int) -> None:
        """Move the time of a client's last change."""
        cls._update(id)

    @classmethod
    def _update(cls, id: int | None, **columns: Any) -> None:
        columns["updated"] = now()
        try:
            changed = id and cls.update_row(id, **columns)
        except peewee.IntegrityError as error:
            raise Invalid(category_id="exists") from error
        if not changed:
            raise NotFound("client")
        note(columns["updated"])


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


def _words(columns: Mapping[str, Any]) -> str | None:
    return details(*(columns.get(name) for name in DETAILS))


_words_searches = client_word_searches(Client)
reader = Reader(
    "client",
    Client,
    client_columns(Client),
    join=lambda query: join_to_client(query, Client),
    conditions=client_conditions(Client) | client_word_conditions(Client, _words_searches),
    sorts=client_sorts(Client),
    totals=ClientTotal,
    searches=client_searches(Client) | _words_searches,
    streamed=OWNER_COLUMNS,
)


@prepared
def _exists(id):
    return Client.select(Client.id).where(Client.id == id)


@prepared
def _details(id):
    return Client.select(*(getattr(Client, name) for name in DETAILS)).where(Client.id == id)
