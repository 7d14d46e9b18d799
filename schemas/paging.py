"""The parameters that every list takes, and what its answer says of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields

from .base import Schema
from .fields import Choice, Integer, String

LIMIT_MAX = 100


class PageQuerySchema(Schema):
    default_sort: ClassVar[str]
    default_order: ClassVar[str]

    page = Integer(min=1, metadata={"description": "Number of the page, from 1.", "example": 1})
    limit = Integer(
        min=1,
        metadata={
            "description": f"Records a page; above {LIMIT_MAX} it is {LIMIT_MAX}.",
            "example": 25,
        },
    )
    cursor = String(
        metadata={
            "description": "Empty for the first page, then `meta.next_cursor` of the last answer. "
            "No total is counted, and a page costs the same at any depth.",
        },
    )
    order = Choice(("asc", "desc"), metadata={"description": "Direction of the sort."})


def list_query(
    name: str, sorts: Mapping[str, str], default: str, order: str, **filters: fields.Field
) -> type[PageQuerySchema]:
    """Make the schema of a list's query string.

    In: `sorts`, the words of the parameter `sort` with the model's words for them; the `default`
    one and its `order`; `filters`, the fields of the resource's own.
    """
    members: dict[str, Any] = {
        "sort": Choice(
            sorts, metadata={"description": f"What to sort by; `{default}` if not given."}
        ),
        "default_sort": sorts[default],
        "default_order": order,
        **filters,
    }
    return type(name, (PageQuerySchema,), members)


class MetaSchema(Schema):
    """What a list says of its pages; with a cursor only `per_page` and `next_cursor`."""

    current_page = fields.Integer(metadata={"example": 1})
    per_page = fields.Integer(required=True, metadata={"example": 25})
    total = fields.Integer(metadata={"example": 1})
    last_page = fields.Integer(metadata={"example": 1})
    next_cursor = fields.String(allow_none=True)
