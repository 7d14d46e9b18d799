"""What the documentation says of a field, in the words of JSON Schema that generators know."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from clients_api.schemas.base import QuerySchema, Rows
from clients_api.schemas.fields import (
    DECIMAL_LIMIT,
    INTEGER_MAX,
    Array,
    Decimal,
    Email,
    Id,
    Integer,
    String,
)

# Engines of patterns differ in what else they know: a generated program brings its own.
NO_NUL = r"^[^\u0000]*$"
NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"


def field_properties(
    converter: Any, field: ma.fields.Field, *, ret: dict[str, Any], **kwargs: Any
) -> dict[str, Any]:
    """Return what JSON Schema says of a field; `ret` is what apispec found, and is emptied.

    Each value has one type, or that and null. What else is taken for it, such as text for a
    number, is told in words: a generator would make a type of each spelling.
    """
    properties = {**ret, **_limits(field)}
    types = _listed(properties.get("type"))
    if not types:  # a reference to another schema
        return {}
    ret.clear()
    (kind,) = (name for name in types if name != "null")
    properties["type"] = kind
    if "enum" in properties:
        properties["enum"] = [value for value in properties["enum"] if value is not None]
    never_null = isinstance(field.root, QuerySchema) or isinstance(field.parent, Array)
    if not field.allow_none or never_null:
        return properties
    if "enum" not in properties:
        return properties | {"type": [kind, "null"]}
    choice = {"type": properties.pop("type"), "enum": properties.pop("enum")}
    return properties | {"anyOf": [choice, {"type": "null"}]}


def _listed(types: str | list[str] | None) -> list[str]:
    return [types] if isinstance(types, str) else types or []


def _limits(field: ma.fields.Field) -> dict[str, Any]:
    match field:
        case Integer():
            return {"format": "int64", **_range(field)}
        case Decimal():
            return {"format": "double", "minimum": -DECIMAL_LIMIT, "maximum": DECIMAL_LIMIT}
        case ma.fields.Integer():
            return {"format": "int64"}
        case ma.fields.Float():
            return {"format": "double"}
        case String() if "enum" in field.metadata:
            return {}
        case Email():
            return {"format": "email", "minLength": 1}
        case String(pattern=str()):
            return {"pattern": f"^{field.pattern}$"}
        case String() if field.required or _is_filter(field):
            return {"minLength": 1, "pattern": NOT_BLANK}
        case String():
            return {"pattern": NO_NUL}
    return {}


def _is_filter(field: ma.fields.Field) -> bool:
    """Tell of an element of an array in a query string, where a blank one is refused."""
    return isinstance(field.parent, Array) and isinstance(field.root, QuerySchema)


def _range(field: Integer) -> dict[str, Any]:
    if "enum" in field.metadata:
        return {}
    low = 1 if isinstance(field, Id) else field.limits["min"]
    return {"minimum": -INTEGER_MAX if low is None else low, "maximum": field.limits["max"]}


def example(fields: dict[str, ma.fields.Field]) -> dict[str, Any]:
    """Return an object made of the examples of fields; those without one are left out."""
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if isinstance(field, ma.fields.Nested):
            found[field.data_key or name] = example(field.schema.dump_fields)
        elif isinstance(field, Rows):
            found[field.data_key or name] = [example(field.schema().dump_fields)]
        elif "example" in field.metadata:
            found[field.data_key or name] = field.metadata["example"]
    return found
