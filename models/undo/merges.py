"""Undoing merges: what became one client is several again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from clients_api.models import events
from clients_api.models.category import Category
from clients_api.models.client import Client, merging
from clients_api.models.client.stored import ClientMerged
from clients_api.models.custom_field import CustomField
from clients_api.models.errors import Conflict, NotFound
from clients_api.models.events import kept as trash
from clients_api.models.events import reading
from clients_api.models.queries.folding import fold
from clients_api.models.queries.record import Record
from clients_api.models.user import User

from . import deletions
from .finding import found

Result = tuple[Record, list[str]]
NOBODY = {"id": None, "name": None}


def merged(event: Record, without: Sequence[int]) -> Result:
    """Part clients that were merged: each comes back, with those of its users who are still there.

    What the merge has changed of the client that stayed, and is still so, is as it was. In:
    `without`, the ids of users who are to stay.
    """
    id = event["object_id"]
    target = found(events.CLIENT, id)
    changes = orjson.loads(event["changes"])
    if any(map(Client.exists, changes["merged"][1])):
        raise Conflict(deletions.THERE)
    rows = trash.kept(event["id"])["sources"]
    deletions.require_known(without, [user["id"] for source in rows for user in source["users"]])
    _take_out(target, changes)
    fields = {definition.id for definition in CustomField.definitions()}
    left_out = []
    for source in rows:
        ClientMerged.delete_row(source["client"]["id"])
        Client.restore({**source, "users": []})
        _move_back(source, id, without)
        left_out += [title for field_id, _, title in source["values"] if field_id not in fields]
    if target["owner_id"] is not None and Client.find(id)["owner_id"] is None:
        Client.owner_changed(id, {"id": target["owner_id"], "name": target["owner_name"]})
    trash.forget(event["id"])
    return Client.find(id), left_out


def _move_back(source: Mapping[str, Any], target_id: int, without: Sequence[int]) -> None:
    id = source["client"]["id"]
    for before in source["users"]:
        now = User.rows("id", before["id"])
        is_there = bool(now) and now[0]["client_id"] == target_id
        if not is_there or before["id"] in without:
            continue
        if before["status"] == "deleted":  # of whom no event tells
            User.update_row(before["id"], client_id=id)
        elif now[0]["status"] != "deleted":
            owner = before["account_owner"]
            User.change(before["id"], client_id=id, account_owner=owner)
            events.affect(contacts=1)
            if owner == "yes":
                Client.owner_changed(id, NOBODY)


def _take_out(target: Record, changes: dict[str, Any]) -> None:
    """Give members of the client their former values, where they still have those of the merge."""
    current = dict(target.items()) | {"tags": orjson.loads(target["tags"])}
    values = orjson.loads(target["custom_fields"])
    current |= {f"custom_fields.{name}": value for name, value in values.items()}
    if "tags" in changes:
        before, after = (set(map(fold, titles)) for titles in changes["tags"])
        stay = [title for title in current["tags"] if fold(title) not in after - before]
        Client.replace_tags(target["id"], stay)
    ids = {f"custom_fields.{field.name}": field.id for field in CustomField.definitions()}
    former = {name: old for name, (old, new) in changes.items() if current.get(name) == new}
    columns = {name: old for name, old in former.items() if name in merging.CHANGED}
    if not Category.exists(columns.get("category_id", Category.default_id())):
        del columns["category_id"]
    custom = {ids[name]: old for name, old in former.items() if name in ids}
    Client.change(target["id"], custom=custom, **columns)


def restored(event: Record, without: Sequence[int]) -> Result:
    """Take back that a client came back: merge it again, or delete it, as it had been."""
    try:
        undone = reading.find(event["undoes"], secret=False)
    except NotFound:
        undone = None
    if undone is None or undone["type"] != "client.merged":
        return deletions.again(event, without)
    found(events.CLIENT, event["object_id"])
    found(events.CLIENT, undone["object_id"])
    return merging.merge(undone["object_id"], [event["object_id"]]), []
