"""Tags: what comes in and what goes out."""

from __future__ import annotations

from marshmallow import fields

from .base import AnswerSchema, Group, RecordDatesSchema, Schema
from .client import TAG_LENGTH
from .fields import String
from .fields.metadata import told
from .fields.texts import Title
from .paging import list_query


class ClientTagSchema(AnswerSchema):
    """A tag, with the number of clients that have it."""

    id = fields.Integer(metadata=told("The id of the tag.", 5))
    title = fields.String(metadata=told("What it says.", "priority"))
    count = fields.Integer(metadata=told("How many clients have it.", 12))
    dates = Group(RecordDatesSchema)


class TagRenameSchema(Schema):
    """The new title of a tag."""

    title = Title(required=True, max=TAG_LENGTH, metadata=told("What it is to say.", "priority"))


TagListQuerySchema = list_query(
    "TagListQuerySchema",
    sorts={name: name for name in ("title", "count", "created")},
    default="title",
    order="asc",
    search=String(metadata=told("A part of the title.", "prio")),
)
