"""How a value may be spelt besides as the document has it, which says so in words.

In the document each value has one type, since generators make a type of each spelling.
"""

from __future__ import annotations

import re
from typing import Any

from clients_api.schemas.base import cleaned

INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


def types_of(schema: dict[str, Any]) -> set[str]:
    """Return the names of the types that a schema of the document allows."""
    if "anyOf" in schema:
        return set().union(*(types_of(choice) for choice in schema["anyOf"]))
    types = schema["type"]
    return {types} if isinstance(types, str) else set(types)


def as_documented(schema: dict[str, Any], value: Any) -> Any:
    """Return what the service takes a value for, as the document has it.

    Text is trimmed, and null if nothing is left; text may be a number; blank elements of arrays
    are dropped. What is spelt as documented stays as it is.
    """
    value = cleaned(value)
    types = types_of(schema)
    if isinstance(value, list) and "array" in types:
        items = schema["items"]
        return [as_documented(items, element) for element in value if element is not None]
    if isinstance(value, str) and "string" not in types:
        if "integer" in types and INTEGER.fullmatch(value):
            return int(value)
        if "number" in types and DECIMAL.fullmatch(value):
            return float(value)
    return value
