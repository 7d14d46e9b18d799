"""Tags: what comes in and what goes out."""

from __future__ import annotations

from marshmallow import fields

from .base import DatesSchema, Group, Schema
from .client import TAG_LENGTH
from .fields import String
from .paging import list_query
from .texts import Title


class TagSchema(Schema):
    """A tag, with the number of clients that have it."""

    id = fields.Integer(metadata={"example": 5})
    title = fields.String(metadata={"example": "priority"})
    count = fields.Integer(metadata={"example": 12})
    dates = Group(DatesSchema)


class TagChangeSchema(Schema):
    title = Title(required=True, max=TAG_LENGTH, metadata={"example": "priority"})


TagListQuerySchema = list_query(
    "TagListQuerySchema",
    sorts={name: name for name in ("title", "count", "created")},
    default="title",
    order="asc",
    search=String(metadata={"description": "A part of the title."}),
)
