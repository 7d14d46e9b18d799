"""Contacts: the users of clients, and people of no client yet, whom a new client may promote."""

from __future__ import annotations

from typing import Any

import peewee

from .client import Client
from .errors import Conflict, Invalid
from .mail import Mail
from .queries.composing import Row
from .queries.folding import address_key
from .queries.reader import Reader
from .queries.record import Record
from .queries.selection import Selection
from .user import CLIENT, User, person_columns, person_conditions, person_needles, person_sorts


class Contact(User):
    class Meta:
        table_name = "user"

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one contact; a deleted one is no more. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(
        cls, search: str | None = None, email: str | None = None, **equal: Any
    ) -> Selection:
        """Return the contacts that meet all filters.

        In: `search`, a part of a name, the e-mail address or the phone number; `email`, the
        address; `status`, `client_id`, `account_owner`. Those of the status `deleted` are seen
        nowhere else.
        """
        if email is not None:
            equal["email"] = address_key(email)
        read = deleted_reader if equal.get("status") == "deleted" else reader
        return read.matching(search, **equal)

    @classmethod
    def of_clients(cls, client_ids: list[int]) -> dict[int, list[Row]]:
        """Return the rows of the contacts of some clients, oldest first, by the client's id."""
        found: dict[int, list[Row]] = {}
        if not client_ids:
            return found
        selection = reader.select([("client_ids", tuple(client_ids))])
        place = reader.columns.index("client_id")
        for row in selection.page(sort="id", descending=False, limit=-1, offset=0):
            found.setdefault(row[place], []).append(row)
        return found

    @classmethod
    def of_nobody(cls) -> Selection:
        """Return the contacts that belong to no client."""
        return reader.select([("type", ("contact",))])

    @classmethod
    def create(
        cls,
        *,
        first_name: str,
        last_name: str,
        email: str,
        client_id: int | None = None,
        send_email: str = "no",
        **columns: Any,
    ) -> Record:
        """Make a user of a client, or without one a user of type `contact`. Raises Invalid."""
        try:
            id = User.add(
                type="contact" if client_id is None else "client",
                role_id=CLIENT,
                client_id=client_id,
                first_name=first_name,
                last_name=last_name,
                email=email,
                **columns,
            )
        except peewee.IntegrityError as error:
            raise Invalid(**cls.problems(client_id=client_id, email=email)) from error
        contact = cls.find(id)
        if send_email == "yes":
            Mail.queue_welcome(email, first_name, last_name, contact["client_name"])
        return contact

    @classmethod
    def problems(
        cls, client_id: int | None = None, email: str | None = None, but: int | None = None
    ) -> dict[str, str]:
        """Return the rule that each of the values breaks, as far as only the database knows it."""
        found = {}
        if client_id is not None and not Client.exists(client_id):
            found["client_id"] = "exists"
        if email is not None and User.is_taken(email, but):
            found["email"] = "taken"
        return found

    @classmethod
    def change(cls, id: int | None, **columns: Any) -> Record:
        """Set columns of a contact; the rest stays. Raises NotFound, Invalid, Conflict."""
        contact = cls.find(id)
        if columns.get("client_id", contact["client_id"]) != contact["client_id"]:
            if contact["account_owner"] == "yes":
                raise Conflict(
                    "The contact owns the account of its client, and can't be moved. "
                    "Make another contact the account owner first."
                )
            if not Client.exists(columns["client_id"]):
                raise Invalid(client_id="exists")
            columns["type"] = "client"
        super().change(id, **columns)
        if contact["account_owner"] == "yes":
            Client.owner_changed(contact["client_id"], contact)
        return cls.find(id)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Mark a contact as deleted, free the address, and return what it was.

        A client whose owner it was has none from then on. Raises NotFound.
        """
        contact = cls.find(id)
        cls.mark_deleted(id)
        if contact["account_owner"] == "yes":
            Client.owner_changed(contact["client_id"], contact)
        return contact

    @classmethod
    def make_owner(cls, id: int | None) -> Record:
        """Make a contact the only owner of its client. Raises NotFound, Conflict."""
        contact = cls.find(id)
        if contact["client_id"] is None:
            raise Conflict(
                "The contact belongs to no client, so there is no account to own. "
                "Create a client with its e-mail address instead."
            )
        Client.change_owner(contact["client_id"], id)
        return cls.find(id)


def _join_client(query: peewee.ModelSelect) -> peewee.ModelSelect:
    return query.join(Client, peewee.JOIN.LEFT_OUTER, on=(Contact.client == Client.id))


def _reader(scope: Any, **sorts: Any) -> Reader:
    return Reader(
        "contact",
        Contact,
        (
            *person_columns(Contact),
            Contact.account_owner,
            Contact.client.alias("client_id"),
            Client.company_name.alias("client_name"),
        ),
        join=lambda query: query.join(
            Client, peewee.JOIN.LEFT_OUTER, on=(Contact.client == Client.id)
        ),
        scope=(Contact.type != "team") & scope,
        conditions=person_conditions(Contact)
        | {
            "client_id": lambda value: Contact.client == value,
            "email": lambda key: Contact.email_key == key,
            "client_ids": lambda *values: Contact.client.in_(values),
            "account_owner": lambda value: Contact.account_owner == value,
            "type": lambda value: Contact.type == value,
        },
        needles=person_needles,
        sorts=person_sorts(Contact) | sorts,
    )


reader = _reader(Contact.status != "deleted")
# Their addresses are free again, and have no key.
deleted_reader = _reader(Contact.status == "deleted", email=Contact.email)
