"""Custom fields: how they are defined, and the field that judges a value of each type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields

from clients_api.models.custom_field import TYPES, Definition

from .base import AnswerSchema, Group, JSONText, RecordDatesSchema, Schema
from .category import (
    CategoryCreateSchema,
    CategoryListQuerySchema,
    CategoryMigrateSchema,
    CategoryTeamSchema,
)
from .client import ClientCreateSchema, ClientListQuerySchema, ClientOwnerChangeSchema
from .contact import ContactCreateSchema, ContactListQuerySchema
from .fields import Array, Choice, Date, Decimal, Integer, String, YesNo, sentence
from .fields.metadata import told
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
ANSWERED: dict[str, dict[str, Any]] = {
    "date": {"format": "date"},
    "checkbox": {"enum": ["yes", "no"]},
}


def value_field(
    definition: Definition,
    *,
    required: bool | None = None,
    place: type[Schema] = Schema,
) -> fields.Field:
    """Make the field that judges a value for a custom field.

    In: the definition; `required`, to overrule what it says of that (a filter never is); the kind
    of schema that it is documented as a part of.
    """
    options: dict[str, Any] = {
        "required": definition.required if required is None else required,
        "metadata": told(definition.title, _example(definition)),
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
    field._bind_to_schema(definition.name, place())
    return field


def answer_field(definition: Definition) -> fields.Field:
    """Make the field that says how a value of a custom field goes out; it may always be null.

    Of a dropdown it is any text: an option may be gone, and a value that was chosen stays.
    """
    more: dict[str, Any] = ANSWERED.get(definition.type, {})
    metadata = told(definition.title, _example(definition), **more)
    types: dict[str, Any] = {"number": fields.Integer, "decimal": fields.Float}
    field = types.get(definition.type, fields.String)(allow_none=True, metadata=metadata)
    field._bind_to_schema(definition.name, AnswerSchema())
    return field


def _example(definition: Definition) -> Any:
    return EXAMPLES.get(definition.type) or definition.options[0]


def read_values(
    definitions: Iterable[Definition],
    params: Mapping[str, Any],
    *,
    filters: bool = False,
    partial: bool = False,
) -> tuple[dict[int, Any], dict[str, list[str]]]:
    """Load the values of custom fields; return them by the field's id, and the errors by name.

    In: the fields and what was given; whether the values are `filters`; and whether, being
    `partial`, they may be left out where the field is required.
    """
    values: dict[int, Any] = {}
    errors: dict[str, list[str]] = {}
    for definition in definitions:
        given = params.get(definition.name, ma.missing)
        if partial and given is ma.missing:
            continue
        try:
            value = value_field(definition, required=False if filters else None).deserialize(given)
        except ma.ValidationError as error:
            errors[definition.name] = list(error.messages)
            continue
        if filters and value == "":
            # No client has a blank value; what was left blank is no reason to list none or all.
            errors[definition.name] = [sentence("choice", definition.name)]
        elif value is not ma.missing:
            values[definition.id] = value
    return values, errors


class CustomFieldSchema(AnswerSchema):
    """A field that every client has besides those of the API."""

    id = fields.Integer(metadata=told("The id of the custom field.", 1))
    name = fields.String(
        metadata=told("Its name as a parameter and in clients.", "client_custom_field_1")
    )
    title = fields.String(metadata=told("Its name for people.", "Account code"))
    type = fields.String(metadata=told("What its values are.", "text", enum=list(TYPES)))
    required = fields.String(
        metadata=told("Whether each client must have a value.", "no", enum=["yes", "no"])
    )
    options = JSONText(
        metadata=told("What a dropdown offers.", [], type="array", items={"type": "string"})
    )
    position = fields.Integer(metadata=told("Its place among the custom fields.", 1))
    dates = Group(RecordDatesSchema)


class CustomFieldChangeSchema(Schema):
    """What may be changed of a custom field; its type and name never change."""

    title = String(required=True, max=150, metadata=told("Its name for people.", "Account code"))
    required = YesNo(metadata=told("Whether each client must have a value.", "no"))
    options = Array(
        String(max=TEXT_LENGTH),
        max_items=200,
        metadata=told("What a dropdown offers.", ["gold", "silver"]),
    )
    position = Integer(min=1, max=32_767, metadata=told("Its place among the custom fields.", 1))


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
        metadata=told("The next free `client_custom_field_N` if not given."),
    )
    type = Choice(TYPES, required=True, metadata=told("What its values are.", "text"))

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _offers_options(self, data: Any, original: Any, **kwargs: Any) -> None:
        # Options that are wrong themselves are in the original only, and told of already.
        options = data.get("options", original.get("options"))
        if data.get("type") == "dropdown" and not options:
            field: Any = self.fields["options"]
            raise ma.ValidationError(field.message("required"), "options")


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
            ClientOwnerChangeSchema,
            TeamMemberCreateSchema,
        )
    ),
    {"id", "category", "custom_fields", "defused_by_clients_api", "file"},
    {"format", "encoding", "dry_run", "match", "on_conflict", "blank", "partial"},
    {"raw", "bom", "contacts"},
    {"after", "before", "since", "until", "undo", "without", "object", "object_id", "actor_id"},
    {"erase", "from", "by", "url", "types"},
)


CustomFieldListQuerySchema = list_query(
    "CustomFieldListQuerySchema",
    sorts={name: name for name in ("position", "name", "created")},
    default="position",
    order="asc",
)
