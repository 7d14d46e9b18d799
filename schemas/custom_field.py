"""Custom fields: how they are defined, and the field that judges a value of each type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields

from clients_api.models.custom_field import TYPES, Definition

from .base import DatesSchema, Group, JSONText, Schema
from .category import (
    CategoryCreateSchema,
    CategoryListQuerySchema,
    CategoryMigrateSchema,
    CategoryTeamSchema,
)
from .client import ClientCreateSchema, ClientListQuerySchema, OwnerSchema
from .contact import ContactCreateSchema, ContactListQuerySchema
from .fields import Array, Choice, Date, Decimal, Integer, String, YesNo
from .key import KeyCreateSchema
from .paging import list_query
from .team import TeamMemberCreateSchema

TEXT_LENGTH = 250
PARAGRAPH_LENGTH = 65_535
EXAMPLES = {  # of a dropdown it is its first option
    "text": "A-17",
    "paragraph": "Met at the fair.",
    "number": 3,
    "decimal": 1.5,
    "date": "2026-06-15",
    "checkbox": "yes",
}


def value_field(definition: Definition, *, required: bool | None = None) -> fields.Field:
    """Make the field that judges a value for a custom field.

    In: the definition; `required`, to overrule what it says of that (a filter never is).
    """
    options: dict[str, Any] = {
        "required": definition.required if required is None else required,
        "metadata": {
            "description": definition.title,
            "example": EXAMPLES.get(definition.type) or definition.options[0],
        },
    }
    match definition.type:
        case "text":
            field: fields.Field = String(max=TEXT_LENGTH, **options)
        case "paragraph":
            field = String(max=PARAGRAPH_LENGTH, **options)
        case "number":
            field = Integer(**options)
        case "decimal":
            field = Decimal(**options)
        case "date":
            field = Date(**options)
        case "checkbox":
            field = YesNo(**options)
        case "dropdown":
            field = Choice(definition.options, **options)
    field._bind_to_schema(definition.name, Schema())
    return field


def read_values(
    definitions: Iterable[Definition], params: Mapping[str, Any], *, filters: bool = False
) -> tuple[dict[int, Any], dict[str, list[str]]]:
    """Load the values of custom fields; return them by the field's id, and the errors by name."""
    values: dict[int, Any] = {}
    errors: dict[str, list[str]] = {}
    for definition in definitions:
        given = params.get(definition.name, ma.missing)
        try:
            value = value_field(definition, required=False if filters else None).deserialize(given)
        except ma.ValidationError as error:
            errors[definition.name] = list(error.messages)
        else:
            if value is not ma.missing:
                values[definition.id] = value
    return values, errors


class CustomFieldSchema(Schema):
    """A field that every client has besides those of the API."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "client_custom_field_1"})
    title = fields.String(metadata={"example": "Account code"})
    type = fields.String(metadata={"example": "text", "enum": list(TYPES)})
    required = fields.String(metadata={"example": "no", "enum": ["yes", "no"]})
    options = JSONText(metadata={"type": "array", "items": {"type": "string"}, "example": []})
    position = fields.Integer(metadata={"example": 1})
    dates = Group(DatesSchema)


class CustomFieldChangeSchema(Schema):
    """What may be changed of a custom field; its type and name never change."""

    title = String(required=True, max=150, metadata={"example": "Account code"})
    required = YesNo(metadata={"example": "no"})
    options = Array(
        String(max=TEXT_LENGTH),
        max_items=200,
        metadata={"description": "What a dropdown offers.", "example": ["gold", "silver"]},
    )
    position = Integer(min=1, max=32_767, metadata={"example": 1})


class FieldName(String):
    """The name of a custom field: a parameter of its own, so none that the API has already."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name in RESERVED:
            raise self.make_error("taken")
        return name


class CustomFieldCreateSchema(CustomFieldChangeSchema):
    """A new custom field."""

    name = FieldName(
        max=64,
        pattern="[a-z][a-z0-9_]*",
        metadata={"description": "The next free `client_custom_field_N` if not given."},
    )
    type = Choice(TYPES, required=True, metadata={"example": "text"})

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _offers_options(self, data: Any, original: Any, **kwargs: Any) -> None:
        # Options that are wrong themselves are in the original only, and told of already.
        options = data.get("options", original.get("options"))
        if data.get("type") == "dropdown" and not options:
            raise ma.ValidationError(self.fields["options"].message("required"), "options")


# The parameters of the API's calls, and the columns and options of import and export.
RESERVED = frozenset().union(
    *(
        schema().parameters
        for schema in (
            CategoryCreateSchema,
            CategoryListQuerySchema,
            CategoryMigrateSchema,
            CategoryTeamSchema,
            ClientCreateSchema,
            ClientListQuerySchema,
            ContactCreateSchema,
            ContactListQuerySchema,
            CustomFieldCreateSchema,
            KeyCreateSchema,
            OwnerSchema,
            TeamMemberCreateSchema,
        )
    ),
    {"id", "category", "custom_fields", "defused_by_clients_api", "file"},
    {"format", "encoding", "dry_run", "match", "on_conflict", "blank", "partial"},
    {"raw", "bom", "contacts"},
)


CustomFieldListQuerySchema = list_query(
    "CustomFieldListQuerySchema",
    sorts={name: name for name in ("position", "name", "created")},
    default="position",
    order="asc",
)
