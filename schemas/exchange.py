"""Import and export: what a row holds, the options, and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields

from clients_api.models.client import STATUSES
from clients_api.models.custom_field import Definition

from .base import Schema
from .client import ClientChangeSchema, ClientCreateSchema, ClientListQuerySchema, tag_titles
from .custom_field import value_field
from .fields import Choice, String
from .paging import PageQuerySchema

FORMATS = ("csv", "ndjson")
CONFLICTS = ("fail", "skip", "update")
OWNER = ("first_name", "last_name", "email")


class RowSchema(Schema):
    """What a row of a file holds besides the parameters of the API."""

    class Meta(Schema.Meta):
        exclude = ("category_id",)  # ids differ from one database to another; names don't

    status = Choice(STATUSES)
    category = String(max=150)
    tags = tag_titles()


class OwnedRowSchema(ClientCreateSchema, RowSchema):
    """A client and its owner, as a row of a file holds them."""


class OwnerlessRowSchema(ClientChangeSchema, RowSchema):
    """A client that nobody owns, as a row of a file holds it: the owner's columns are empty."""


class RowReader:
    """Loads rows as a schema does, with the custom fields, at a third of the time.

    In: the schema, whose fields judge each value on its own; the custom fields that are defined.
    """

    def __init__(self, schema: Schema, definitions: Iterable[Definition]) -> None:
        self._schema = schema
        self._fields = tuple((name, field, field.name) for name, field in schema.parameters.items())
        self._custom = tuple((d.name, value_field(d), d.id) for d in definitions)

    def read(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Return the values, and the sentences for what is not valid by column.

        The values of custom fields stand in `custom`, by the id of the field.
        """
        errors: dict[str, list[str]] = {}
        values = _load(self._fields, params, errors)
        values["custom"] = _load(self._custom, params, errors)
        return values, errors

    def sentences(self, rules: Mapping[str, str]) -> dict[str, list[str]]:
        """Say in words which rules of the model the values break, by column."""
        return self._schema.sentences(rules)


def _load(
    known: tuple[tuple[str, fields.Field, Any], ...],
    params: Mapping[str, Any],
    errors: dict[str, list[str]],
) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for name, field, key in known:
        value = params.get(name, ma.missing)
        if value is None and field.allow_none:
            values[key] = None
        elif value is not ma.missing or field.required:
            try:
                values[key] = field.deserialize(value)
            except ma.ValidationError as error:
                wrong = error.messages
                # An array names its elements itself: tags.1
                errors.update(wrong if isinstance(wrong, dict) else {name: list(wrong)})
    return values


def _flag(description: str) -> Any:
    words = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
    return Choice(words, metadata={"description": description})


class ImportQuerySchema(Schema):
    """How to import."""

    format = Choice(FORMATS, metadata={"description": "What Content-Type says, if not given."})
    dry_run = _flag("`yes` reports what the import would do, and changes nothing.")
    on_conflict = Choice(
        CONFLICTS,
        metadata={
            "description": "What becomes of a row whose e-mail address owns a client already; "
            "`fail` if not given."
        },
    )
    partial = _flag("`yes` imports the good rows where some are bad.")


_LIST_ONLY = {*PageQuerySchema._declared_fields, "sort", "include"}

ExportQuerySchema = type(
    "ExportQuerySchema",
    (Schema,),
    {
        "__doc__": "Which clients to export: the filters of the list.",
        "format": Choice(FORMATS, metadata={"description": "`csv` if not given."}),
        "takes_custom_fields": True,
        **{
            name: field
            for name, field in ClientListQuerySchema._declared_fields.items()
            if name not in _LIST_ONLY
        },
    },
)


class ProblemSchema(Schema):
    """What is wrong with a row."""

    line = fields.Integer(metadata={"example": 3, "description": "Where the row starts, from 1."})
    column = fields.String(allow_none=True, metadata={"example": "email"})
    message = fields.String(metadata={"example": "The email has already been taken."})


class ImportReportSchema(Schema):
    """What an import did; with `dry_run` what it would do."""

    dry_run = fields.Boolean(metadata={"example": False})
    created = fields.Integer(metadata={"example": 12})
    updated = fields.Integer(metadata={"example": 0})
    skipped = fields.Integer(metadata={"example": 0})
    failed = fields.Integer(metadata={"example": 1})
    errors = fields.List(
        fields.Nested(ProblemSchema), metadata={"description": "What is wrong, by row."}
    )
