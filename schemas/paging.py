"""The parameters that every list takes, and what its answer says of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields

from .base import AnswerSchema, QuerySchema
from .fields import Choice, Integer, String
from .fields.metadata import told

LIMIT_MAX = 100


class CursorQuerySchema(QuerySchema):
    """Which page of a list is wanted that has no numbers of pages."""

    default_sort: ClassVar[str]
    default_order: ClassVar[str]

    limit = Integer(
        min=1,
        metadata=told(f"Records a page; above {LIMIT_MAX} it is {LIMIT_MAX}.", 25),
    )
    cursor = String(
        metadata=told(
            "Empty for the first page, then `meta.next_cursor` of the last answer. "
            "No total is counted, and a page costs the same at any depth.",
            "",
        ),
    )


class PageQuerySchema(CursorQuerySchema):
    """Which page of a list is wanted."""

    page = Integer(min=1, metadata=told("Number of the page, from 1.", 1))
    order = Choice(("asc", "desc"), metadata=told("Direction of the sort."))


def list_query(
    name: str, sorts: Mapping[str, str], default: str, order: str, **filters: fields.Field
) -> type[PageQuerySchema]:
    """Make the schema of a list's query string.

    In: `sorts`, the words of the parameter `sort` with the model's words for them; the `default`
    one and its `order`; `filters`, the fields of the resource's own.
    """
    members: dict[str, Any] = {
        "sort": Choice(sorts, metadata=told(f"What to sort by; `{default}` if not given.")),
        "default_sort": sorts[default],
        "default_order": order,
        **filters,
    }
    return type(name, (PageQuerySchema,), members)


class ListMetaSchema(AnswerSchema):
    """What a list says of its pages; with a cursor only `per_page` and `next_cursor`."""

    per_page = fields.Integer(metadata=told("Records a page.", 25))
    current_page = fields.Integer(metadata=told("Number of this page, from 1.", 1, optional=True))
    total = fields.Integer(metadata=told("How many records there are.", 1, optional=True))
    last_page = fields.Integer(
        metadata=told("Number of the last page, at least 1.", 1, optional=True)
    )
    next_cursor = fields.String(
        allow_none=True,
        metadata=told("The `cursor` of the next page; null on the last.", optional=True),
    )
