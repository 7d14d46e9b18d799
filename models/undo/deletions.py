"""Undoing deletions: the record comes back with its id, and with what went with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import peewee

from clients_api.models import events
from clients_api.models.assignment import CategoryUser
from clients_api.models.category import Category
from clients_api.models.client import Client
from clients_api.models.client.stored import ClientMerged
from clients_api.models.contact import Contact
from clients_api.models.custom_field import CustomField
from clients_api.models.errors import Conflict, Invalid, NotFound
from clients_api.models.events import kept as trash
from clients_api.models.events import reading
from clients_api.models.queries.folding import fold
from clients_api.models.queries.record import Record
from clients_api.models.tag import MOST_PER_CLIENT, Tag
from clients_api.models.team import TeamMember
from clients_api.models.user import User

from .finding import MODELS, found

Result = tuple[Record, list[str]]
THERE = "Nothing was undone: it is there already."
TAKEN = "Nothing was undone: an e-mail address is somebody else's by now."


def client(event: Record, without: Sequence[int]) -> Result:
    """Bring a client back with its users, but for those who are left out, its tags and values."""
    id = event["object_id"]
    if Client.exists(id):
        raise Conflict(THERE)
    if ClientMerged.into(id) is not None:
        raise Conflict("The client was merged into another one. Undo the merge instead.")
    rows = trash.kept(event["id"])
    users = {user["id"]: user for user in rows["users"]}
    require_known(without, users)
    rows["users"] = [user for user_id, user in users.items() if user_id not in without]
    _require_free(rows["users"], " without=ID restores without that user.")
    fields = {definition.id for definition in CustomField.definitions()}
    left_out = [title for field_id, _, title in rows["values"] if field_id not in fields]
    if not Category.exists(rows["client"]["category_id"]):
        left_out.append("its category")
    restored = Client.restore(rows)
    trash.forget(event["id"])
    return restored, left_out


def require_known(without: Sequence[int], users: Container[int]) -> None:
    """Require that who is to be left out is one of those users. Raises Invalid."""
    if unknown := [index for index, user_id in enumerate(without) if user_id not in users]:
        raise Invalid(**{f"without.{index}": "exists" for index in unknown})


def contact(event: Record, without: Sequence[int]) -> Result:
    """Bring a contact back, as the owner of its client if that has none by now."""
    id, client_id = event["object_id"], event["client_id"]
    if User.is_live(id):
        raise Conflict(THERE)
    if client_id is not None and not Client.exists(client_id):
        raise Conflict("Nothing was undone: its client is gone. Undo the client's deletion first.")
    row = trash.kept(event["id"])["user"]
    _require_free([row])
    owns = client_id is not None and row["account_owner"] == "yes"
    owns = owns and Client.find(client_id)["owner_id"] is None
    User.restore(row, account_owner="yes" if owns else "no")
    if owns:
        Client.owner_changed(client_id, {"id": None, "name": None})
    events.affect(contacts=1)
    trash.forget(event["id"])
    return Contact.find(id), []


def team_member(event: Record, without: Sequence[int]) -> Result:
    """Bring a team member back, and put them in charge of their categories again."""
    id = event["object_id"]
    rows = trash.kept(event["id"])
    if User.is_live(id):
        raise Conflict(THERE)
    _require_free([rows["user"]])
    User.restore(rows["user"])
    for category_id in rows["categories"]:
        if Category.exists(category_id):
            Category.assign_team(category_id, [*CategoryUser.of_category(category_id), id])
    events.affect()
    trash.forget(event["id"])
    return TeamMember.find(id), []


def category(event: Record, without: Sequence[int]) -> Result:
    """Bring a category back, with those of its team who are still there."""
    rows = trash.kept(event["id"])
    (row,) = rows["category"]
    restored = _unique(
        lambda: Category.restore(row, rows["users"]), f"categories.{row['id']}", "name_taken"
    )
    events.affect()
    trash.forget(event["id"])
    return restored, []


def tag(event: Record, without: Sequence[int]) -> Result:
    """Bring a tag back, at those of its clients that are still there."""
    if _is_of_merge(event):
        raise Conflict("Nothing was undone: it was merged into another tag. Undo that instead.")
    rows = trash.kept(event["id"])
    _restore_tag(rows["tag"])
    _put_back(rows["tag"]["title"], rows["links"])
    trash.forget(event["id"])
    return Tag.find(event["object_id"]), []


def _is_of_merge(event: Record) -> bool:
    """Tell whether a tag went since it was merged: the event before says so."""
    try:
        before = reading.find(event["id"] - 1, secret=False)
    except NotFound:
        return False
    return before["type"] == f"{events.TAG}.merged" and (
        event["object_id"] in json.loads(before["changes"] or "{}").get("merged", (None, ()))[1]
    )


def tag_merged(event: Record, without: Sequence[int]) -> Result:
    """Part a tag again from the one that it was merged into, at those clients that have that."""
    target = event["object_id"]
    rows = trash.kept(event["id"])
    title = found(events.TAG, target)["title"]
    _restore_tag(rows["tag"])
    _put_back(rows["tag"]["title"], rows["links"], instead_of=title, left=set(rows["left"]))
    trash.forget(event["id"])
    return Tag.find(rows["tag"]["id"]), []


def _restore_tag(row: Mapping[str, Any]) -> None:
    _unique(lambda: Tag.restore(row), f"tags.{row['id']}", "taken")


def _put_back(
    title: str,
    links: Iterable[tuple[int, int]],
    instead_of: str | None = None,
    left: Iterable[int] = (),
) -> None:
    """Give clients a tag again, each at its place.

    In: the title; ids of clients, each with the place; the title of the tag that took its place,
    but not with those that are `left`, which had both.
    """
    count = 0
    for client_id, place in links:
        if not Client.exists(client_id):
            continue
        titles = json.loads(Client.find(client_id)["tags"])
        if fold(title) in map(fold, titles):
            continue
        if instead_of is not None and instead_of not in titles:
            continue
        if instead_of is not None and client_id not in left:
            titles[titles.index(instead_of)] = title
        else:
            titles.insert(place, title)
        if len(titles) > MOST_PER_CLIENT:
            raise Conflict("Nothing was undone: a client has as many tags as it may have.")
        Client.replace_tags(client_id, titles)
        count += 1
    events.affect(clients=count, tags=1)


def custom_field(event: Record, without: Sequence[int]) -> Result:
    """Bring a custom field back, with its values of those clients that are still there."""
    rows = trash.kept(event["id"])
    row = rows["field"]
    field = _unique(lambda: CustomField.restore(row), f"custom_fields.{row['id']}", "taken")
    clients = [pair for pair in rows["values"] if Client.exists(pair[0])]
    for client_id, value in clients:
        Client.change(client_id, custom={row["id"]: value})
    events.affect(clients=len(clients), values=len(clients))
    trash.forget(event["id"])
    return field, []


def again(event: Record, without: Sequence[int]) -> Result:
    """Delete again what an undo had brought back; what was simply made is not undone."""
    if event["undoes"] is None:
        raise Conflict("Nothing was undone. Delete it instead.")
    found(event["object"], event["object_id"])
    remove: Callable[[int], Record] = MODELS[event["object"]].remove
    return remove(event["object_id"]), []


def _require_free(users: Iterable[Mapping[str, Any]], hint: str = "") -> None:
    taken = {
        f"{'team' if user['type'] == 'team' else 'contacts'}.{user['id']}": ("email", "taken")
        for user in users
        if user["status"] != "deleted" and User.is_taken(user["email"], user["id"])
    }
    if taken:
        raise Conflict(TAKEN + hint, taken)


def _unique(restore: Callable[[], Record], key: str, rule: str) -> Record:
    try:
        return restore()
    except peewee.IntegrityError as error:
        field = {"name_taken": "category_name"}.get(rule, "name")
        message = "Nothing was undone: it is there already, or another one has its name by now."
        raise Conflict(message, {key: (field, rule)}) from error


UNDOING = {
    events.CLIENT: client,
    events.CONTACT: contact,
    events.TEAM_MEMBER: team_member,
    events.CATEGORY: category,
    events.TAG: tag,
    events.CUSTOM_FIELD: custom_field,
}
