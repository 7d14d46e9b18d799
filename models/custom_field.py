"""Custom fields: what an administrator adds to every client, and the values that clients have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import peewee

from . import events
from .base import BaseModel, now
from .errors import Invalid
from .events.kept import keep
from .queries.prepared import prepared
from .queries.reader import Reader
from .queries.record import Record
from .queries.selection import Selection

TYPES = ("text", "paragraph", "number", "decimal", "date", "checkbox", "dropdown")


class Definition(NamedTuple):
    """What a schema has to know of a custom field in order to judge a value for it."""

    id: int
    name: str
    title: str
    type: str
    required: bool
    options: tuple[str, ...]


class CustomField(BaseModel):
    name = peewee.TextField(unique=True)
    title = peewee.TextField()
    type = peewee.TextField()
    required = peewee.TextField()
    options = peewee.TextField()
    position = peewee.IntegerField(index=True)
    created = peewee.TextField()
    updated = peewee.TextField()

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one custom field. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(cls) -> Selection:
        """Return all custom fields."""
        return reader.select()

    @classmethod
    def create(
        cls,
        *,
        title: str,
        type: str,
        name: str | None = None,
        required: str | None = None,
        options: list[str] | None = None,
        position: int | None = None,
    ) -> Record:
        """Define a custom field. Raises Invalid for a taken name, and a dropdown without options.

        Without a name it gets the next free `client_custom_field_N`, without a position the last.
        """
        cls._check_options(type, options)
        moment = now()
        if name is None:
            name = cls._free_name()
        try:
            id = cls.insert_row(
                name=name,
                title=title,
                type=type,
                required=required or "no",
                options=_json(options),
                position=position or (_last_position.scalar() or 0) + 1,
                created=moment,
                updated=moment,
            )
        except peewee.IntegrityError as error:
            raise Invalid(name="taken") from error
        field = cls.find(id)
        events.write(events.CUSTOM_FIELD, "created", id, events.created(field), time=moment)
        return field

    @classmethod
    def problems(cls, name: str | None = None) -> dict[str, str]:
        """Return the rule that the name breaks, as far as only the database knows it."""
        return {"name": "taken"} if name is not None and _by_name.one(name) else {}

    @classmethod
    def change(cls, id: int | None, **columns: Any) -> Record:
        """Set what may change of a custom field; the rest stays. Raises NotFound, Invalid."""
        field = cls.find(id)
        if "options" in columns:
            cls._check_options(field["type"], columns["options"])
            columns["options"] = _json(columns["options"])
        for name, cleared in (("required", "no"), ("position", field["position"])):
            if name in columns:
                columns[name] = columns[name] or cleared
        if not (columns := events.differing(field, columns)):
            return field
        moment = now()
        cls.update_row(id, **columns, updated=moment)
        after = cls.find(id)
        events.write(events.CUSTOM_FIELD, "updated", id, events.updated(field, after), time=moment)
        return after

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Delete a custom field with all its values, and return what it was. Raises NotFound.

        The clients that had a value have changed.
        """
        field = cls.find(id)
        moment = now()
        clients = _touch_clients(moment, id).rowcount
        kept = {"field": cls.rows("id", id)[0], "values": _of_field.all(id)}
        cls.delete_row(id)
        events.affect(clients=clients, values=clients)
        gone = events.deleted(field)
        event_id = events.write(
            events.CUSTOM_FIELD, "deleted", id, gone, time=moment, clients=clients
        )
        keep(event_id, kept)
        return field

    @classmethod
    def restore(cls, row: Mapping[str, Any]) -> Record:
        """Bring a field back whose row was kept. Raises peewee.IntegrityError for its name."""
        id, moment = row["id"], now()
        cls.insert_kept(row, updated=moment)
        field = cls.find(id)
        events.write(events.CUSTOM_FIELD, "created", id, events.created(field), time=moment)
        return field

    @staticmethod
    def _check_options(type: str, options: list[str] | None) -> None:
        if type == "dropdown" and not options:
            raise Invalid(options="required")

    @staticmethod
    def _free_name() -> str:
        number = 1
        while _by_name.one(f"client_custom_field_{number}"):
            number += 1
        return f"client_custom_field_{number}"

    @classmethod
    def definitions(cls) -> tuple[Definition, ...]:
        """Return what is defined now, in order. Read anew each time: other processes define too."""
        return tuple(
            Definition(id, name, title, type, required == "yes", tuple(json.loads(options)))
            for id, name, title, type, required, options in _definitions.all()
        )


class CustomValue(BaseModel):
    client = peewee.DeferredForeignKey("Client", on_delete="CASCADE", backref="+", index=False)
    field = peewee.ForeignKeyField(CustomField, on_delete="CASCADE", backref="+", index=False)
    value = peewee.BareField()

    class Meta:
        primary_key = peewee.CompositeKey("client", "field")
        indexes = ((("field", "value", "client"), False),)

    @classmethod
    def of_client(cls, client_id: int) -> dict[int, Any]:
        """Return the values that a client has by the id of their field."""
        return dict(_of_client.all(client_id))

    @classmethod
    def assign(cls, client_id: int | None, values: Mapping[int, Any]) -> None:
        """Set values of a client by the id of their field; None clears.

        A field that was deleted a moment ago takes none.
        """
        for field_id, value in values.items():
            _clear(client_id, field_id)
            if value is not None:
                _set(client_id, value, field_id)


def _json(options: list[str] | None) -> str:
    # Written as SQLite's JSON functions write, so that it can go out as it is.
    return json.dumps(options or [], ensure_ascii=False, separators=(",", ":"))


reader = Reader(
    "custom field",
    CustomField,
    (
        CustomField.id,
        CustomField.name,
        CustomField.title,
        CustomField.type,
        CustomField.required,
        CustomField.options,
        CustomField.position,
        CustomField.created,
        CustomField.updated,
    ),
    conditions={},
    sorts={
        "position": CustomField.position,
        "name": CustomField.name,
        "created": CustomField.created,
    },
)


@prepared
def _by_name(name):
    return CustomField.select(CustomField.id).where(CustomField.name == name)


@prepared
def _last_position():
    return CustomField.select(peewee.fn.MAX(CustomField.position))


@prepared
def _definitions():
    return CustomField.select(
        CustomField.id,
        CustomField.name,
        CustomField.title,
        CustomField.type,
        CustomField.required,
        CustomField.options,
    ).order_by(CustomField.position, CustomField.id)


@prepared
def _touch_clients(moment, id):
    # The model of clients is built on this one, so here the table stands for it.
    clients = peewee.Table("client", ("id", "updated"))
    holders = CustomValue.select(CustomValue.client).where(CustomValue.field == id)
    return clients.update({clients.updated: moment}).where(clients.id.in_(holders))


@prepared
def _of_client(client_id):
    return CustomValue.select(CustomValue.field, CustomValue.value).where(
        CustomValue.client == client_id
    )


@prepared
def _of_field(field_id):
    rows = CustomValue.select(CustomValue.client, CustomValue.value)
    return rows.where(CustomValue.field == field_id).order_by(CustomValue.client)


@prepared
def _clear(client_id, field_id):
    return CustomValue.delete().where(
        CustomValue.client == client_id, CustomValue.field == field_id
    )


@prepared
def _set(client_id, value, field_id):
    return CustomValue.insert_from(
        CustomField.select(client_id, CustomField.id, value).where(CustomField.id == field_id),
        (CustomValue.client, CustomValue.field, CustomValue.value),
    )
