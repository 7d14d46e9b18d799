"""Categories: what comes in and what goes out."""

from __future__ import annotations

from marshmallow import fields

from .base import DatesSchema, Group, Schema, text
from .fields import Array, Choice, Id, String
from .paging import list_query
from .texts import Word

# A word of the program that shows categories; nothing here depends on it.
VISIBILITY_LENGTH = 50


class CategorySchema(Schema):
    """A category, with the numbers of its clients and of the team members who look after it."""

    id = fields.Integer(metadata={"example": 3})
    name = fields.String(metadata={"example": "Retail"})
    description = text()
    type = fields.String(metadata={"example": "client"})
    visibility = fields.String(metadata={"example": "everyone"})
    icon = text()
    system_default = fields.String(metadata={"example": "no", "enum": ["yes", "no"]})
    slug = fields.String(metadata={"example": "3-retail"})
    count = fields.Integer(metadata={"example": 12})
    users_count = fields.Integer(metadata={"example": 4})
    dates = Group(DatesSchema)


class CategoryChangeSchema(Schema):
    """What may be changed of a category; what is left out stays as it is."""

    name = String(data_key="category_name", required=True, max=150, metadata={"example": "Retail"})
    visibility = String(
        data_key="category_visibility", max=VISIBILITY_LENGTH, metadata={"example": "everyone"}
    )
    description = String(data_key="category_description", max=65_535)
    icon = String(data_key="category_icon", max=150, metadata={"example": "sl-icon-folder"})


class CategoryCreateSchema(CategoryChangeSchema):
    """A new category; only categories of clients can be stored here."""

    type = Choice(
        ("client",), data_key="category_type", required=True, metadata={"example": "client"}
    )


class CategoryTeamSchema(Schema):
    users = Array(
        Id(),
        required=True,
        max_items=1000,
        metadata={"description": "The ids of team members: the full set.", "example": [7]},
    )


class CategoryMigrateSchema(Schema):
    target_id = Id(
        required=True, metadata={"example": 2, "description": "The category that takes over."}
    )


CategoryListQuerySchema = list_query(
    "CategoryListQuerySchema",
    sorts={
        "category_name": "name",
        "category_type": "type",
        "category_created": "created",
    },
    default="category_created",
    order="desc",
    type=Choice(("client",)),
    visibility=Word(max=VISIBILITY_LENGTH),
    search=String(metadata={"description": "A part of the name."}),
)
