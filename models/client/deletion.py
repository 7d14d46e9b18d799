"""What goes with a client that is deleted, and comes back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clients_api.models import events
from clients_api.models.category import Category
from clients_api.models.custom_field import CustomField, CustomValue
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.record import Record
from clients_api.models.tag import ClientTag, Tag
from clients_api.models.user import User

from .stored import keys_of


def rows_of(model: Any, client: Record) -> dict[str, Any]:
    """Return all rows of a client: its own, and those of its users, tags and values."""
    id = client["id"]
    titles = {field.id: field.title for field in CustomField.definitions()}
    values = CustomValue.of_client(id).items()
    return {
        "client": model.rows("id", id)[0],
        "users": User.rows("client_id", id),
        "tags": _tags.all(id),
        "values": [(field_id, value, titles[field_id]) for field_id, value in values],
    }


def count(kept: Mapping[str, Any], contacts: int) -> None:
    """Note how much goes or comes with a client. In: its rows, and how many users are live."""
    tags, values = len(kept["tags"]), len(kept["values"])
    events.affect(clients=1, contacts=contacts, tags=tags, values=values)


def insert(model: Any, kept: Mapping[str, Any], moment: str) -> int:
    """Insert the rows of a client anew, and return its id. Raises peewee.IntegrityError.

    A category that is gone becomes the default one; tags that are gone are made again, and values
    of custom fields that are gone are left out.
    """
    row = kept["client"]
    id: int = row["id"]
    category_id = row["category_id"]
    if not Category.exists(category_id):
        category_id = Category.default_id()
    model.insert_kept(row, category_id=category_id, **keys_of(row, {}), updated=moment)
    for user in kept["users"]:
        User.restore(user)
    tags = kept["tags"]
    titles = dict(_titles.all(*(tag_id for tag_id, _ in tags))) if tags else {}
    ClientTag.append(id, [titles.get(tag_id, title) for tag_id, title in tags])
    CustomValue.assign(id, {field_id: value for field_id, value, _ in kept["values"]})
    count(kept, sum(user["status"] != "deleted" for user in kept["users"]))
    return id


@prepared
def _tags(client_id):
    rows = Tag.select(Tag.id, Tag.title).join(ClientTag).where(ClientTag.client == client_id)
    return rows.order_by(ClientTag.position)


@prepared
def _titles(*ids):
    return Tag.select(Tag.id, Tag.title).where(Tag.id.in_(ids))
