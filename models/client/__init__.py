"""Clients: customer companies, each with its users, one of whom owns the account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

import orjson
import peewee

from clients_api.models import events
from clients_api.models.base import now
from clients_api.models.category import Category
from clients_api.models.custom_field import CustomValue
from clients_api.models.engines.current import database
from clients_api.models.engines.searching import Condition
from clients_api.models.errors import Invalid
from clients_api.models.events.kept import keep
from clients_api.models.mail import Mail
from clients_api.models.queries.folding import address_key, fold, plain
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.record import Record
from clients_api.models.queries.selection import Selection
from clients_api.models.queries.words import word_needles
from clients_api.models.tag import ClientTag, same_titles
from clients_api.models.user import User

from . import deletion, ownership
from .columns import OWNER_COLUMNS, client_columns, client_conditions, client_sorts, join_to_client
from .stored import DETAILS, ClientReader, ClientTotal, StoredClient, default_name, keys_of
from .stored import NAME_LENGTH as NAME_LENGTH

KEY_LENGTH = 3 * NAME_LENGTH  # of a folded name: folding makes three characters of one, at most
STATUSES = ("active", "suspended")
OWNER = ("owner_id", "owner_name")


class Client(StoredClient):
    class Meta:
        table_name = "client"

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
        db = database.obj
        if needle := plain((search or "").strip()):
            is_short = len(needle) <= KEY_LENGTH
            conditions.append(db.searching.name_condition(needle) if is_short else ("nothing", ()))
        if q and (needles := word_needles(q)):
            conditions.append(db.searching.word_condition(needles, alone=not needle))
        if email is not None:
            conditions.append(("email", (address_key(email),)))
        if keys := {fold(title) for title in tag}:
            conditions.append(("tag", tuple(sorted(keys))))
        for field_id, value in (custom or {}).items():
            conditions.append(("custom", (field_id, db.stored(value))))
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
            with database.obj.attempt():
                id = cls._add(name, category_id, moment, **columns)
                ownership.create_owner(id, first_name, last_name, email, moment)
        except peewee.IntegrityError as error:
            raise Invalid(**cls.problems(category_id=category_id, email=email)) from error
        ClientTag.append(id, tags or ())
        CustomValue.assign(id, custom or {})
        if send_email == "yes":
            Mail.queue_welcome(email, first_name, last_name, name)
        return cls._registered(id, moment)

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
        moment = now()
        try:
            with database.obj.attempt():
                id = cls._add(company_name, category_id, moment, **columns)
        except peewee.IntegrityError as error:
            raise Invalid(category_id="exists") from error
        ClientTag.append(id, tags or ())
        CustomValue.assign(id, custom or {})
        return cls._registered(id, moment)

    @classmethod
    def _add(cls, name: str, category_id: int, moment: str, **columns: Any) -> int:
        columns |= {"company_name": name, "category_id": category_id}
        columns |= keys_of(columns, {}) | {"created": moment, "updated": moment}
        return cls.insert_row(**{"status": "active", **columns})

    @classmethod
    def _registered(cls, id: int, moment: str) -> Record:
        cls._tell("created", id, events.created(client := cls.find(id)), moment)
        return client

    @classmethod
    def _tell(cls, action: str, id: int | None, changes: events.Changes, moment: str) -> int | None:
        return events.write(events.CLIENT, action, id, changes, time=moment, client_id=id)

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
        names = [*columns]
        if "category_id" in columns:
            columns["category_id"] = columns["category_id"] or Category.default_id()
            names.append("category_name")
        if columns.keys() & set(DETAILS):
            names += [name for name in DETAILS if name not in columns]
        if custom:
            names.append("custom_fields")
        before = reader.find(id, tuple(names))
        if not events.differing(before, columns):
            columns = {}
        columns |= keys_of(columns, before)
        CustomValue.assign(id, custom or {})
        return cls._changed(id, before, columns)

    @classmethod
    def change_status(cls, id: int | None, status: str) -> Record:
        """Make a client `active` or `suspended`. Raises NotFound."""
        before = reader.find(id, ("status",))
        return cls._changed(id, before, events.differing(before, {"status": status}))

    @classmethod
    def change_owner(cls, id: int | None, owner: int | None) -> Record:
        """Make one of a client's users its only owner. Raises NotFound, and Invalid for others."""
        before = reader.find(id, OWNER)
        ownership.change_owner(id, owner)
        return cls._changed(id, before)

    @classmethod
    def give_owner(cls, id: int, *, first_name: str, last_name: str, email: str) -> Record:
        """Make the owner of a client that has none, as `register` does. Raises IntegrityError."""
        ownership.create_owner(id, first_name, last_name, email, now())
        return cls._changed(id, Record(OWNER, (None, None)))

    @classmethod
    def replace_tags(cls, id: int | None, titles: Iterable[str]) -> Record:
        """Make `titles` the tags of a client, in this order. Raises NotFound."""
        before = reader.find(id, ("tags",))
        if not same_titles(titles, orjson.loads(before["tags"])):
            ClientTag.replace_all(id, titles)
        return cls._changed(id, before)

    @classmethod
    def add_tags(cls, id: int | None, titles: Iterable[str]) -> Record:
        """Add tags to a client. Raises NotFound, and Invalid for more than a client may have."""
        before = reader.find(id, ("tags",))
        ClientTag.add(id, titles)
        return cls._changed(id, before)

    @classmethod
    def take_tag(cls, id: int | None, title: str) -> Record:
        """Take one tag off a client. Raises NotFound for the client and for the tag."""
        before = reader.find(id, ("tags",))
        ClientTag.take(id, title)
        return cls._changed(id, before)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Delete a client with its users, tag links and values, and return what it was."""
        client = cls.find(id)
        kept = deletion.rows_of(cls, client)
        moment = now()
        deletion.count(kept, User.vanish(id, moment))
        cls.delete_row(id)
        event_id = cls._tell("deleted", id, events.deleted(client), moment)
        keep(event_id, kept)
        return client

    @classmethod
    def restore(cls, kept: Mapping[str, Any]) -> Record:
        """Bring a client back of which `remove` kept the rows. Raises peewee.IntegrityError."""
        moment = now()
        client = cls.find(deletion.insert(cls, kept, moment))
        cls._tell("restored", client["id"], events.created(client), moment)
        return client

    @classmethod
    def owner_changed(cls, id: int, former: Mapping[str, Any]) -> None:
        """Note that a client's owner has another name now, or is no more. In: who it was."""
        cls._changed(id, Record(OWNER, (former["id"], former["name"])))

    @classmethod
    def _changed(
        cls, id: int | None, before: Record, columns: Mapping[str, Any] = MappingProxyType({})
    ) -> Record:
        """Write columns, and the event of what has changed; return what the client is now.

        In: what it was, as far as it may have changed; and those columns that are to change. Where
        there is none, something else may have changed that it shows. Raises Invalid.
        """
        moment = now()
        if columns:
            try:
                with database.obj.attempt() if "category_id" in columns else nullcontext():
                    cls.update_row(id, **columns, updated=moment)
            except peewee.IntegrityError as error:
                raise Invalid(category_id="exists") from error
        client = cls.find(id)
        changes = events.updated(before, client)
        if changes and not columns:
            cls.update_row(id, updated=moment)
            client = client.but(updated=moment)
        cls._tell("updated", id, changes, moment)
        return client


reader = ClientReader(
    "client",
    Client,
    client_columns(Client),
    join=lambda query: join_to_client(query, Client),
    conditions=client_conditions(Client),
    sorts=client_sorts(Client),
    totals=ClientTotal,
    offer=lambda searching: searching.offer(Client),
    streamed=OWNER_COLUMNS,
)


@prepared
def _exists(id):
    return Client.select(Client.id).where(Client.id == id)
