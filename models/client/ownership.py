"""Who owns the account of a client: one of its users, and never more than one."""

from __future__ import annotations

from typing import NamedTuple

import peewee

from clients_api.models.errors import Invalid
from clients_api.models.queries.folding import address_key
from clients_api.models.queries.prepared import prepared
from clients_api.models.user import CLIENT, User


def create_owner(client_id: int, first_name: str, last_name: str, email: str, moment: str) -> None:
    """Make the owner of a new client: a new user, or the contact of that address, promoted.

    Raises peewee.IntegrityError for an address that is anybody else's.
    """
    try:
        User.add(
            type="client",
            role_id=CLIENT,
            client_id=client_id,
            account_owner="yes",
            first_name=first_name,
            last_name=last_name,
            email=email,
            moment=moment,
        )
    except peewee.IntegrityError:
        holder = _holder.one(address_key(email))
        if holder is None or holder[0] != "contact":
            raise
        owner = {"type": "client", "client_id": client_id, "account_owner": "yes"}
        User.change(holder[-1], **owner, first_name=first_name, last_name=last_name)


def change_owner(client_id: int | None, user_id: int | None) -> None:
    """Make one of a client's users its only owner; None: nobody. Raises Invalid for others."""
    if user_id is not None and not _belongs.one(user_id, client_id):
        raise Invalid(owner="exists")
    former = _owner.scalar(client_id)
    if former not in (None, user_id):
        User.change(former, account_owner="no")
    if user_id is not None:
        User.change(user_id, account_owner="yes")


def owned_by(email: str) -> tuple[int, int] | None:
    """Return the ids of the client and of its owner, who has that address.

    None if a new client may have it: it is free, or that of a contact of no client. Raises
    Invalid if it is that of anybody else.
    """
    holder = _holder.one(address_key(email))
    if holder is None or holder[0] == "contact":
        return None
    _, account_owner, client_id, user_id = holder
    if account_owner != "yes":
        raise Invalid(email="taken")
    return client_id, user_id


class Holder(NamedTuple):
    """Who has an address: its type, its client if it has one, and whether it owns the account."""

    type: str
    account_owner: str
    client_id: int | None
    user_id: int


def holder(email: str) -> Holder | None:
    """Return the user, of whatever type, that has an address."""
    row = _holder.one(address_key(email))
    return None if row is None else Holder(*row)


def owner_of(client_id: int) -> int | None:
    """Return the id of the user that owns a client's account. None if nobody does."""
    return _owner.scalar(client_id)


def is_taken(email: str) -> bool:
    """Tell whether an address can't be that of the owner of a new client."""
    holder = _holder.one(address_key(email))
    return holder is not None and holder[0] != "contact"


@prepared
def _holder(key):
    return User.select(User.type, User.account_owner, User.client, User.id).where(
        User.email_key == key
    )


@prepared
def _owner(client_id):
    # Written out, not bound: only so does SQLite know that the partial index has the row.
    return User.select(User.id).where(
        User.client == client_id, User.account_owner == peewee.SQL("'yes'")
    )


@prepared
def _belongs(user_id, client_id):
    return User.select(User.id).where(
        User.id == user_id, User.client == client_id, User.status != "deleted"
    )
