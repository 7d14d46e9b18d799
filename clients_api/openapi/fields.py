"""What the documentation says of a field: all that may be sent, and an example of it."""

from __future__ import annotations

import functools
from typing import Any

import marshmallow as ma

from clients_api.schemas.base import Schema
from clients_api.schemas.fields import (
    DECIMAL_LIMIT,
    INTEGER_MAX,
    Array,
    Choice,
    Date,
    Decimal,
    Email,
    Id,
    Integer,
    String,
    Timestamp,
)

NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"
DECIMAL = r"[+-]?[0-9]{1,15}(\.[0-9]+)?"


class InForm:
    """Marks the schema of a form: all is text, nothing is null, and what is empty means null."""


class InQuery:
    """Marks the schema of a query string: all is text, nothing is null, and empty is a value."""


@functools.cache
def variant(schema: type[Schema], place: type[InForm] | type[InQuery]) -> type[Schema]:
    """Return a schema as it is documented for `place`: InForm or InQuery."""
    name = schema.__name__.removesuffix("Schema") + place.__name__.removeprefix("In")
    return type(f"{name}Schema", (schema, place), {"__doc__": schema.__doc__})


def field_properties(
    converter: Any, field: ma.fields.Field, *, ret: dict[str, Any], **kwargs: Any
) -> dict[str, Any]:
    """Return what JSON Schema can say of a field that comes in, besides what apispec found."""
    in_query = isinstance(field.root, InQuery)
    properties = _properties(field, in_query, field.allow_none and not in_query)
    if properties is None:
        return {}
    properties.setdefault("type", ret["type"])
    if field.allow_none:
        properties["type"] = [*dict.fromkeys([*_listed(properties["type"]), "null"])]
        if "enum" in properties:
            properties["enum"].append(None)
        if "anyOf" in properties:
            ret.pop("format")  # stands in one of the alternatives
            properties["anyOf"].append({"type": "null"})
    never_null = isinstance(field.root, InForm | InQuery)
    return without_null(properties) if never_null else properties


def without_null(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema as it is where nothing can be null: in forms and query strings."""
    types = [name for name in _listed(properties["type"]) if name != "null"]
    changed = {**properties, "type": types[0] if len(types) == 1 else types}
    if "enum" in properties:
        changed["enum"] = [value for value in properties["enum"] if value is not None]
    if "anyOf" in properties:
        changed["anyOf"] = [item for item in properties["anyOf"] if item != {"type": "null"}]
    return changed


def _listed(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types


def _properties(field: ma.fields.Field, in_query: bool, blank: bool) -> dict[str, Any] | None:
    match field:
        case Integer():
            return _integer(field, in_query, blank)
        case Decimal():
            limits = {"minimum": -DECIMAL_LIMIT, "maximum": DECIMAL_LIMIT}
            return {"type": ["number", "string"], **limits, "pattern": _whole(DECIMAL, blank)}
        case Choice():
            return {"enum": [*field.choices, *([""] if blank else [])]}
        case Timestamp() | Date() if blank:
            kind = "date-time" if isinstance(field, Timestamp) else "date"
            return {"anyOf": [{"format": kind}, {"const": ""}]}
        case Email():
            return {"format": "email", "minLength": 1}
        case String(pattern=str()):
            return {"pattern": _whole(str(field.pattern), blank)}
        case String() if field.required or (in_query and isinstance(field.parent, Array)):
            return {"minLength": 1, "pattern": NOT_BLANK}
        case String():
            return {"pattern": NO_NUL}
        case Array() if field.required and isinstance(field.root, InForm):
            return {"minItems": 1}  # the empty array has one blank element: `tags=`
        case Array() | Timestamp() | Date():
            return {}
    return None


def _integer(field: Integer, in_query: bool, blank: bool) -> dict[str, Any]:
    """Describe a whole number: in a body also as text."""
    types = ["integer"] if in_query else ["integer", "string"]
    if "enum" in field.metadata:
        choices = field.metadata["enum"]
        texts = [str(choice) for choice in choices] + ([""] if blank else [])
        return {"type": types, "enum": [*choices, *([] if in_query else texts)]}
    low, high = field.limits["min"], field.limits["max"]
    low = 1 if isinstance(field, Id) else low
    properties = {
        "type": types,
        "minimum": -INTEGER_MAX if low is None else low,
        "maximum": high,
    }
    return properties if in_query else {**properties, "pattern": _digits(low, high, blank)}


def _digits(low: int | None, high: int, blank: bool) -> str:
    if low is None:
        return _whole("[+-]?[0-9]{1,18}", blank)
    zero = "[+-]?0+|" if low == 0 else ""
    # No record has an id of more digits.
    numbers = ["[1-9][0-9]{0,17}"] if high == INTEGER_MAX else _up_to(str(high))
    return _whole(rf"{zero}\+?0*({'|'.join(numbers)})", blank)


def _up_to(high: str) -> list[str]:
    """Return patterns for the numbers from 1 to `high`, by the digit that differs first."""
    patterns = [f"[1-9][0-9]{{0,{len(high) - 2}}}", high]
    for place, digit in enumerate(high):
        first, last = (1 if place == 0 else 0), int(digit) - 1
        if first <= last:
            rest = "[0-9]" * (len(high) - place - 1)
            patterns.append(f"{high[:place]}[{first}-{last}]{rest}")
    return patterns


def _whole(pattern: str, blank: bool) -> str:
    return rf"^\s*({pattern}){'?' if blank else ''}\s*$"


def example(fields: dict[str, ma.fields.Field]) -> dict[str, Any]:
    """Return an object made of the examples of fields; those without one are left out."""
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if isinstance(field, ma.fields.Nested):
            found[field.data_key or name] = example(field.schema.dump_fields)
        elif "example" in field.metadata:
            found[field.data_key or name] = field.metadata["example"]
    return found
