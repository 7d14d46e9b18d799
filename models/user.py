"""People: the users of clients, contacts of no client yet, and the team, in one table.

They share a table because an e-mail address belongs to one person only, whoever that is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import peewee

from . import events
from .base import BaseModel, now
from .engines import words
from .engines.current import database
from .errors import Invalid
from .events.kept import keep
from .queries.folding import address_key, fold, plain
from .queries.matchkeys import domain_match
from .queries.prepared import prepared
from .queries.words import person_details

ADMINISTRATOR, CLIENT, STAFF = 1, 2, 3
DETAILS = ("first_name", "last_name", "email", "phone")  # in which words are found
STATUSES = ("active", "suspended")  # besides deleted, which nobody sees
ROLES = {ADMINISTRATOR: "Administrator", CLIENT: "Client", STAFF: "Staff"}


class User(BaseModel):
    type = peewee.TextField()
    client = peewee.DeferredForeignKey("Client", null=True, on_delete="CASCADE", backref="+")
    first_name = peewee.TextField()
    first_name_key = peewee.TextField(index=True)
    last_name = peewee.TextField()
    last_name_key = peewee.TextField(index=True)
    email = peewee.TextField()
    email_key = peewee.TextField(null=True, unique=True)
    phone = peewee.TextField(null=True)
    job_position = peewee.TextField(null=True)
    account_owner = peewee.TextField()
    status = peewee.TextField()
    role_id = peewee.IntegerField()
    facebook = peewee.TextField(null=True)
    twitter = peewee.TextField(null=True)
    linkedin = peewee.TextField(null=True)
    github = peewee.TextField(null=True)
    dribbble = peewee.TextField(null=True)
    created = peewee.TextField(index=True)
    updated = peewee.TextField(index=True)
    words = peewee.TextField(null=True)
    domain_match = peewee.TextField(null=True)

    @classmethod
    def add(
        cls,
        *,
        type: str,
        role_id: int,
        first_name: str,
        last_name: str,
        email: str,
        client_id: int | None = None,
        account_owner: str = "no",
        phone: str | None = None,
        job_position: str | None = None,
        moment: str | None = None,
    ) -> int:
        """Insert a user and return its id. Raises peewee.IntegrityError for a taken address."""
        moment = moment or now()
        shown = {
            "first_name": first_name,
            "last_name": last_name,
            "email": email,
            "phone": phone,
            "job_position": job_position,
            "account_owner": account_owner,
            "status": "active",
            "role_id": role_id,
            "client_id": client_id,
            "created": moment,
        }
        id = cls.insert_row(**shown, **_keys(shown), type=type, updated=moment)
        _tell("created", id, type, events.created(_told(id, type, shown)), moment, client_id)
        return id

    @classmethod
    def is_taken(cls, email: str, but: int | None = None) -> bool:
        """Tell whether the address is that of a user other than `but`."""
        owner = _id_by_email.scalar(address_key(email))
        return owner is not None and owner != but

    @classmethod
    def is_live(cls, id: int) -> bool:
        """Tell whether there is a user of that id who is not deleted."""
        row = _shown.one(id)
        return row is not None and row[1 + SHOWN.index("status")] != "deleted"

    @classmethod
    def change(cls, id: int | None, **values: Any) -> Any:
        """Set columns of a user; a name or an address takes its key along.

        Raises Invalid for an address that is taken.
        """
        type, before = _state(id)
        if all(name in before and before[name] == value for name, value in values.items()):
            return
        moment = values["updated"] = now()
        after = before | {name: values[name] for name in values.keys() & before.keys()}
        if values.keys() & set(DETAILS):
            values |= _keys(after)
        try:
            with database.obj.attempt() if "email" in values else nullcontext():
                cls.update_row(id, **values)
        except peewee.IntegrityError as error:
            raise Invalid(email="taken") from error
        changes = events.updated(_told(id, type, before), _told(id, type, after))
        _tell("updated", id, type, changes, moment, after["client_id"])

    @classmethod
    def mark_deleted(cls, id: int | None, **kept: Any) -> None:
        """Mark a user as deleted, and free the address. In: what else an undo has to know."""
        type, before = _state(id)
        (row,) = cls.rows("id", id)
        moment = now()
        gone = dict.fromkeys(("email_key", "domain_match", "words")) | {"account_owner": "no"}
        cls.update_row(id, status="deleted", **gone, updated=moment)
        events.affect(contacts=int(type != "team"))
        changes = events.deleted(_told(id, type, before))
        event_id = _tell("deleted", id, type, changes, moment, before["client_id"])
        keep(event_id, {"user": row, **kept})

    @classmethod
    def restore(cls, row: Mapping[str, Any], **changed: Any) -> None:
        """Bring a user back whose row was kept. Raises peewee.IntegrityError for a taken address.

        In: the row, and columns that are not as they were.
        """
        row = {**row, **changed}
        moment = row["updated"] = now()
        is_shown = row["status"] != "deleted"
        row |= _keys(row) if is_shown else {}
        cls.delete_row(row["id"])  # what is left of it
        cls.insert_kept(row)
        if is_shown:
            changes = events.created(_told(row["id"], row["type"], {n: row[n] for n in SHOWN}))
            _tell("created", row["id"], row["type"], changes, moment, row["client_id"])

    @classmethod
    def vanish(cls, client_id: int | None, moment: str) -> int:
        """Tell that the users of a client go with it, and return how many these are."""
        rows = _of_client.all(client_id)
        for id, type, *values in rows:
            before = dict(zip(SHOWN, values, strict=True))
            changes = events.deleted(_told(id, type, before))
            _tell("deleted", id, type, changes, moment, client_id)
        return len(rows)


SHOWN = (
    *("first_name", "last_name", "email", "phone", "job_position", "account_owner", "status"),
    *("role_id", "facebook", "twitter", "linkedin", "github", "dribbble", "client_id", "created"),
)


def _keys(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is made of a user's columns for those who search and compare."""
    key = address_key(shown["email"])
    return {
        "first_name_key": plain(shown["first_name"]),
        "last_name_key": plain(shown["last_name"]),
        "email_key": key,
        "domain_match": domain_match(key),
        "words": person_details(*(shown[name] for name in DETAILS)),
    }


def _state(id: int | None) -> tuple[str, dict[str, Any]]:
    """Return the type of a user, and the columns that events tell of."""
    ((type, *values),) = _shown.all(id)
    return type, dict(zip(SHOWN, values, strict=True))


def _told(id: int | None, type: str, columns: dict[str, Any]) -> dict[str, Any]:
    """Return a user's columns, and what is shown of them in other words."""
    shown = {"id": id, **columns}
    shown["name"] = f"{columns['first_name']} {columns['last_name']}"
    shown["role_name"] = ROLES[columns["role_id"]]
    if type == "team":
        del shown["account_owner"]
        shown["dashboard_access"] = "yes"
    return shown


def _tell(
    action: str,
    id: int | None,
    type: str,
    changes: events.Changes,
    moment: str,
    client_id: int | None,
) -> int | None:
    object = events.TEAM_MEMBER if type == "team" else events.CONTACT
    return events.write(object, action, id, changes, time=moment, client_id=client_id)


def full_name(user: Any) -> peewee.Expression:
    """Compose a user's full name from the columns of `user`, the model or an alias of it."""
    return user.first_name.concat(" ").concat(user.last_name)


def role_name(user: Any) -> peewee.Expression:
    """Compose the name of a user's role from its id."""
    return peewee.Case(user.role_id, tuple(ROLES.items()))


def person_columns(user: Any) -> tuple[Any, ...]:
    """Return what is read of every person, of the team or of a client."""
    return (
        user.id,
        user.first_name,
        user.last_name,
        full_name(user).alias("name"),
        user.email,
        user.phone,
        user.job_position,
        user.status,
        user.role_id,
        role_name(user).alias("role_name"),
        user.facebook,
        user.twitter,
        user.linkedin,
        user.github,
        user.dribbble,
        user.created,
        user.updated,
    )


def person_conditions(user: Any) -> dict[str, Any]:
    """Return the filters that every list of people has."""
    return {
        "status": lambda value: user.status == value,
        "search": lambda name, address, text: (
            # The full name holds both names, and finds who is sought by first and last name.
            words.contains(user.first_name_key.concat(" ").concat(user.last_name_key), name)
            | words.contains(user.email_key, address)
            # As it is shown: the key has the other spelling of a domain, which has no capitals.
            | words.contains(user.email, text)
            | words.contains(peewee.fn.LOWER(user.phone), text)
        ),
    }


def person_needles(text: str) -> tuple[str, str, str]:
    """Return what is looked for in the names, in the address, and in what stands as it was given.

    In: a part of any of them.
    """
    address = address_key(text) if "@" in text else fold(text)
    return plain(text), address, unicodedata.normalize("NFC", text).lower()


def person_sorts(user: Any) -> dict[str, Any]:
    """Return the orders that every list of people has."""
    return {
        "first_name": user.first_name_key,
        "last_name": user.last_name_key,
        "email": user.email_key,
        "created": user.created,
        "updated": user.updated,
        "id": user.id,
    }


@prepared
def _id_by_email(key):
    return User.select(User.id).where(User.email_key == key)


@prepared
def _shown(id):
    return User.select(User.type, *_columns()).where(User.id == id)


@prepared
def _of_client(client_id):
    rows = User.select(User.id, User.type, *_columns())
    return rows.where(User.client == client_id, User.status != "deleted").order_by(User.id)


def _columns() -> list[Any]:
    return [User._meta.columns[name] for name in SHOWN]
