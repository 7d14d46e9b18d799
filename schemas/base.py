"""What every schema has in common, and the compiled shapes of what goes out."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
import orjson
from marshmallow import fields

from .fields import Array, sentence
from .fields.flags import Flag
from .fields.metadata import told


class JSONText(fields.Field):
    """A value that the database hands over as JSON text already; what equals `omit` is left out."""

    def __init__(self, *, omit: str | None = None, **kwargs: Any) -> None:
        self.omit = omit
        super().__init__(**kwargs)

    def get_value(self, obj: Any, attr: str, *args: Any, **kwargs: Any) -> Any:
        value = super().get_value(obj, attr, *args, **kwargs)
        return ma.missing if value == self.omit else value

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return json.loads(value)


class Group(fields.Nested):
    """An object made of columns of the same record; null where the column `key` is null."""

    def __init__(self, schema: Any, *, key: str | None = None, **kwargs: Any) -> None:
        self.key = key
        super().__init__(schema, allow_none=key is not None, **kwargs)

    def get_value(self, obj: Any, attr: str, *args: Any, **kwargs: Any) -> Any:
        return None if self.key is not None and obj[self.key] is None else obj


class Computed(fields.Field):
    """A value that `make` returns of the values of some columns."""

    def __init__(self, *columns: str, make: Callable[..., Any], **kwargs: Any) -> None:
        self.columns = columns
        self.make = make
        super().__init__(**kwargs)

    def get_value(self, obj: Any, attr: str, *args: Any, **kwargs: Any) -> Any:
        return self.make(*(obj[column] for column in self.columns))


class Rows(fields.List):
    """Other records, which a record holds as rows of `columns`."""

    def __init__(self, schema: type[Schema], columns: tuple[str, ...], **kwargs: Any) -> None:
        self.schema = schema
        self.columns = columns
        super().__init__(fields.Nested(schema), **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return [self.schema().dump(dict(zip(self.columns, row, strict=True))) for row in value]


class Included(fields.List):
    """Other records that a call adds where it is asked to (`?include=`), and that no row holds."""


def text(description: str, example: str | None = None, **kwargs: Any) -> fields.String:
    """Make an output field of text that may be null."""
    return fields.String(allow_none=True, metadata=told(description, example), **kwargs)


def moment(description: str, example: str | None = None, **kwargs: Any) -> fields.String:
    """Make an output field of a time, which is stored as it is written."""
    metadata = told(description, example, format="date-time")
    return fields.String(metadata=metadata, **kwargs)


class Schema(ma.Schema):
    """The base of all schemas."""

    class Meta:
        # What a call can't take is reported by name (web/reading/loading.py), not refused here.
        unknown = ma.EXCLUDE

    # Whether the custom fields that are defined now are parameters as well, and whether those that
    # each client must have have to be given.
    takes_custom_fields = False
    requires_custom_fields = True

    @functools.cached_property
    def parameters(self) -> dict[str, fields.Field]:
        """The fields that may come in, by the names that they have outside."""
        return {field.data_key or name: field for name, field in self.load_fields.items()}

    def arrays(self) -> frozenset[str]:
        """Return the names of the parameters that are arrays."""
        return frozenset(
            name for name, field in self.parameters.items() if isinstance(field, Array)
        )

    def read(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Load `params`; return what is valid, and the sentences for what is not by parameter."""
        try:
            return self.load(params), {}
        except ma.ValidationError as error:
            errors: dict[str, list[str]] = {}
            for name, messages in error.normalized_messages().items():
                # An array names its elements itself: tags.1
                errors.update(messages if isinstance(messages, dict) else {name: messages})
            return dict(error.valid_data or {}), errors

    def has(self, name: str) -> bool:
        """Tell whether a value of that name, or an element of it (`users.1`), is one of these."""
        return name.partition(".")[0] in self.fields

    def sentences(self, rules: Mapping[str, str]) -> dict[str, list[str]]:
        """Say in words which rules the values, by the names that the model has for them, break.

        The element of an array is named by its index: `users.1`.
        """
        sentences = {}
        for name, rule in rules.items():
            name, dot, index = name.partition(".")
            field: Any = self.fields[name]
            key = f"{field.data_key or name}{dot}{index}"
            sentences[key] = [sentence(rule, key) if dot else field.message(rule)]
        return sentences


class QuerySchema(Schema):
    """The base of the schemas of query strings, where nothing is required, and nothing null."""

    def read(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Load as all schemas do, but ask only those of the many fields that are given."""
        values: dict[str, Any] = {}
        errors: dict[str, list[str]] = {}
        for name in self.parameters.keys() & params.keys():
            field = self.parameters[name]
            try:
                values[str(field.attribute or field.name)] = field.deserialize(params[name])
            except ma.ValidationError as error:
                told: Any = error.messages
                errors.update(told if isinstance(told, dict) else {name: told})
        return values, errors


class AnswerSchema(Schema):
    """The base of what goes out: its members are always there, but for those that are optional."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field) -> None:
        field_obj.required = not field_obj.metadata.get("optional")


class RecordDatesSchema(AnswerSchema):
    """When a record was made, and when it last changed."""

    created = moment("When the record was made (UTC).", "2026-06-15T09:30:00.000000Z")
    updated = moment("When the record last changed (UTC).", "2026-06-15T09:30:00.000000Z")


class DeleteQuerySchema(QuerySchema):
    """How a record is deleted."""

    erase = Flag(
        "`yes` deletes for good, also what was deleted before: neither it nor the log can bring it "
        "back. Needs a key of scope `admin`."
    )


class DeletedRecordSchema(AnswerSchema):
    """What is left to say of a deleted record."""

    id = fields.Integer(metadata=told("The id that the record had.", 12))


@functools.lru_cache(maxsize=64)
def shape(schema: type[Schema], columns: tuple[str, ...]) -> Callable[[tuple[Any, ...]], dict]:
    """Compile the function that makes of a row, a tuple of `columns`, what `schema` would dump.

    The schema stays the one description of an answer, which marshmallow could follow field by
    field for each row; the function does the same at a twentieth of the cost.
    """
    optional: list[str] = []
    namespace: dict[str, Any] = {"Fragment": orjson.Fragment}
    tree = _expression(schema(), columns, optional, namespace)
    lines = ["def shaped(row):", f"    data = {tree}", *optional, "    return data"]
    code = "\n".join(lines)  # made of our schemas' names and numbers alone
    exec(code, namespace)  # nosec B102 # as the line above says
    return namespace["shaped"]


def _expression(
    schema: ma.Schema, columns: tuple[str, ...], optional: list[str], namespace: dict[str, Any]
) -> str:
    items = []
    for name, field in schema.dump_fields.items():
        key = field.data_key or name
        if isinstance(field, Included):
            continue
        if isinstance(field, Group):
            value = _expression(field.schema, columns, optional, namespace)
            if field.key is not None:
                value = f"None if row[{columns.index(field.key)}] is None else {value}"
        elif isinstance(field, Computed):
            namespace[f"make_{name}"] = field.make
            arguments = ", ".join(f"row[{columns.index(column)}]" for column in field.columns)
            value = f"make_{name}({arguments})"
        elif isinstance(field, Rows):
            namespace[f"make_{name}"] = shape(field.schema, field.columns)
            value = f"[make_{name}(r) for r in row[{columns.index(field.attribute or name)}]]"
        else:
            value = f"row[{columns.index(field.attribute or name)}]"
        if isinstance(field, JSONText):
            if field.omit is not None:
                optional.append(
                    f"    if {value} != {field.omit!r}: data[{key!r}] = Fragment({value})"
                )
                continue
            value = f"Fragment({value})"
        items.append(f"{key!r}: {value}")
    return "{" + ", ".join(items) + "}"


def cleaned(value: Any) -> Any:
    """Return a value as schemas expect it: text is trimmed, and None where nothing is left."""
    return _null_if_empty(trimmed(value))


def trimmed(value: Any) -> Any:
    """Return a value with its text, and that of its elements, trimmed; blank elements are None."""
    # One level deep, as deep as any parameter is: JSON may hold a thousand arrays in each other.
    if isinstance(value, list):
        return [_null_if_empty(_stripped(element)) for element in value]
    return _stripped(value)


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _null_if_empty(value: Any) -> Any:
    return None if value == "" else value
