"""Undoing changes: each member gets its former value back, if it still has the one that came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from clients_api.models import events
from clients_api.models.assignment import CategoryUser
from clients_api.models.category import Category
from clients_api.models.client import Client
from clients_api.models.contact import Contact
from clients_api.models.custom_field import CustomField
from clients_api.models.errors import Conflict, Invalid
from clients_api.models.events.kept import kept
from clients_api.models.queries.record import Record
from clients_api.models.tag import Tag
from clients_api.models.team import TeamMember

from .finding import found

# What follows from other members, or from other records.
_FOLLOWS = frozenset(("name", "slug", "owner_name", "category_name", "role_name", "users_count"))
_NAMES = {"email": ("email", "taken"), "name": ("category_name", "name_taken")}
Result = tuple[Record, list[str]]


def _former(event: Record, current: Record) -> dict[str, Any]:
    """Return the former values by column. Raises Conflict where one has changed since."""
    # Of a category the name is its own.
    follows = _FOLLOWS - {"name"} if event["object"] == events.CATEGORY else _FOLLOWS
    pairs = {n: p for n, p in orjson.loads(event["changes"]).items() if n not in follows}
    now = {name: _value(current, name) for name in pairs}
    if changed := [name for name, (_, new) in pairs.items() if now[name] != new]:
        names = ", ".join(name.replace("_", " ") for name in changed)
        raise Conflict(f"Nothing was undone, since this has changed again: {names}.")
    if not pairs:
        raise Conflict("This followed from another change. Undo that one instead.")
    return {name: old for name, (old, _) in pairs.items()}


def _value(record: Record, name: str) -> Any:
    group, _, custom = name.partition(".")
    if custom:
        return orjson.loads(record[group]).get(custom)
    value = record[name]
    return orjson.loads(value) if name in ("tags", "options") else value


def _applied(change: Callable[[], Record], key: str) -> Result:
    """Change, and say what stands in the way. In: how the record is called in `errors`."""
    try:
        return change(), []
    except Invalid as error:
        broken = [_NAMES[name] for name in error.rules if name in _NAMES]
        rules = dict.fromkeys([key], broken[0]) if broken else {}
        what = ", ".join(name.replace("_", " ") for name in error.rules)
        message = f"Nothing was undone: the former {what} can't be had again."
        raise Conflict(message, rules) from error


def client(event: Record, without: Sequence[int]) -> Result:
    """Undo a change of a client."""
    id = event["object_id"]
    former = _former(event, found(events.CLIENT, id))
    return _applied(lambda: _change_client(id, former), f"clients.{id}")


def _change_client(id: int, former: dict[str, Any]) -> Record:
    custom = {d.name: d.id for d in CustomField.definitions()}
    values = {
        custom[name.partition(".")[2]]: former.pop(name)
        for name in list(former)
        if name.startswith("custom_fields.")
    }
    if "owner_id" in former:
        Client.change_owner(id, former.pop("owner_id"))
    if "tags" in former:
        Client.replace_tags(id, former.pop("tags"))
    return Client.change(id, custom=values, **former)


def contact(event: Record, without: Sequence[int]) -> Result:
    """Undo a change of a contact."""
    id = event["object_id"]
    former = _former(event, found(events.CONTACT, id))
    if "account_owner" in former:
        raise Conflict("Who owns an account is a matter of the client. Undo its change instead.")
    return _applied(lambda: Contact.change(id, **former), f"contacts.{id}")


def team_member(event: Record, without: Sequence[int]) -> Result:
    """Undo a change of a team member."""
    id = event["object_id"]
    former = _former(event, found(events.TEAM_MEMBER, id))
    return _applied(lambda: TeamMember.change(id, **former), f"team.{id}")


def category(event: Record, without: Sequence[int]) -> Result:
    """Undo a change of a category, or of who looks after it."""
    id = event["object_id"]
    current = found(events.CATEGORY, id)
    columns = (*current.columns, "users")
    former = _former(event, Record(columns, (*current.values_, CategoryUser.of_category(id))))
    users = former.pop("users", None)

    def change() -> Record:
        return Category.change(id, **former) if users is None else Category.assign_team(id, users)

    return _applied(change, f"categories.{id}")


def tag(event: Record, without: Sequence[int]) -> Result:
    """Undo a tag's renaming."""
    id = event["object_id"]
    former = _former(event, found(events.TAG, id))
    if Tag.holder(former["title"]) not in (None, id):
        raise Conflict("Nothing was undone: another tag has the former title now.")
    return Tag.rename(id, former["title"]), []


def custom_field(event: Record, without: Sequence[int]) -> Result:
    """Undo a change of a custom field."""
    id = event["object_id"]
    former = _former(event, found(events.CUSTOM_FIELD, id))
    return _applied(lambda: CustomField.change(id, **former), f"custom_fields.{id}")


def migrated(event: Record, without: Sequence[int]) -> Result:
    """Undo a category's migration: its clients come back, each by a change of its own."""
    id = event["object_id"]
    found(events.CATEGORY, id)
    (_, target) = orjson.loads(event["changes"])["target_id"]
    clients = [client_id for client_id in kept(event["id"])["clients"] if Client.exists(client_id)]
    for client_id in clients:
        if Client.find(client_id)["category_id"] != target:
            raise Conflict("Nothing was undone: some clients have another category by now.")
        Client.change(client_id, category_id=id)
    events.affect(clients=len(clients))
    return Category.find(id), []


UNDOING = {
    events.CLIENT: client,
    events.CONTACT: contact,
    events.TEAM_MEMBER: team_member,
    events.CATEGORY: category,
    events.TAG: tag,
    events.CUSTOM_FIELD: custom_field,
}
