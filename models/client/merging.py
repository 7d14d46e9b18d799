"""Merging clients: what several know of one company comes together in one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from clients_api.models import events
from clients_api.models.base import now
from clients_api.models.category import Category
from clients_api.models.custom_field import CustomValue
from clients_api.models.errors import Invalid
from clients_api.models.events.kept import keep
from clients_api.models.queries.record import Record
from clients_api.models.tag import ClientTag
from clients_api.models.user import User

from . import Client, deletion
from .stored import ClientMerged, keys_of

MOST_SOURCES = 10
FILLED = (  # where the client has nothing
    *("description", "phone", "website", "vat"),
    *(f"billing_{part}" for part in ("street", "city", "state", "zip", "country")),
    "billing_invoice_due_days",
    *(f"shipping_{part}" for part in ("street", "city", "state", "zip", "country")),
)

CHANGED = frozenset(FILLED) | {"company_name", "category_id"}  # of the columns, at most


def problems(
    sources: Sequence[int] | None = None, category_id: int | None = None, but: int | None = None
) -> dict[str, str]:
    """Return the rule that each value breaks, as far as only the database knows it.

    In: `sources`, the ids of the clients that are to go; `but`, that of the one that stays.
    """
    found = {"sources": "required"} if sources == [] else {}
    for n, id in enumerate(sources or ()):
        if id == but or not Client.exists(id):
            found[f"sources.{n}"] = "exists"
    return found | Client.problems(category_id)


def merge(
    id: int | None,
    sources: list[int],
    custom: Mapping[int, Any] | None = None,
    **given: Any,
) -> Record:
    """Merge other clients into one, which then has all their users, tags and values.

    What it has stays; what is empty is filled from the sources, in their order; `custom` values, by
    the id of their field, and columns that are `given` win over both. The sources are deleted.
    Raises NotFound, and Invalid for the sources, an unknown category and too many tags.
    """
    target = Client.find(id)
    if broken := problems(sources, given.get("category_id"), id):
        raise Invalid(**broken)
    merged = [Client.find(source) for source in sources]
    if "category_id" in given:
        given["category_id"] = given["category_id"] or Category.default_id()
    columns = {**_filling(target, merged), **given}
    kept = [deletion.rows_of(Client, client) for client in merged]
    ClientTag.add(id, [title for client in merged for title in orjson.loads(client["tags"])])
    CustomValue.assign(id, {**_missing_values(target, merged), **(custom or {})})
    _move_users(target, kept)
    for client in merged:
        _remove(client, target)
    moment = now()
    Client.update_row(id, **columns, **keys_of(columns, target), updated=moment)
    after = Client.find(id)
    changes = {"merged": [None, sources], **events.updated(target, after)}
    event_id = events.write(events.CLIENT, "merged", id, changes, time=moment, client_id=id)
    keep(event_id, {"sources": kept})
    return after


def _filling(target: Record, merged: list[Record]) -> dict[str, Any]:
    """Return the first that the sources have for each column in which the target has nothing."""
    found = {
        name: next((client[name] for client in merged if client[name] is not None), None)
        for name in FILLED
        if target[name] is None
    }
    return {name: value for name, value in found.items() if value is not None}


def _missing_values(target: Record, merged: list[Record]) -> dict[int, Any]:
    has = CustomValue.of_client(target["id"])
    found: dict[int, Any] = {}
    for client in merged:
        found = {**CustomValue.of_client(client["id"]), **found}
    return {field_id: value for field_id, value in found.items() if field_id not in has}


def _move_users(target: Record, sources: list[dict[str, Any]]) -> None:
    """Move users with their ids; the owner stays, or is the first that a source has.

    Nobody ever owns an account beside another: who is no longer to own one moves as one who does
    not, in one statement. In: the rows of the sources.
    """
    has_owner = target["owner_id"] is not None
    for rows in sources:
        live = [user for user in rows["users"] if user["status"] != "deleted"]
        deletion.count(rows, len(live))
        for user in rows["users"]:
            if user not in live:  # of whom no event tells
                User.update_row(user["id"], client_id=target["id"])
                continue
            owns = user["account_owner"] == "yes" and not has_owner
            has_owner = has_owner or owns
            owner = "yes" if owns else "no"
            User.change(user["id"], client_id=target["id"], account_owner=owner)


def _remove(client: Record, target: Record) -> None:
    id = client["id"]
    Client.delete_row(id)
    ClientMerged.insert_row(source_id=id, target_id=target["id"])
    gone = events.deleted(client)
    events.write(events.CLIENT, "deleted", id, gone, time=now(), client_id=id)
