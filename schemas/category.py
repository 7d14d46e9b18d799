"""Categories: what comes in and what goes out."""

from __future__ import annotations

from marshmallow import fields

from .base import AnswerSchema, Group, RecordDatesSchema, Schema, text
from .fields import Array, Choice, Id, String
from .fields.metadata import told
from .fields.texts import Word
from .paging import list_query

# A word of the program that shows categories; nothing here depends on it.
VISIBILITY_LENGTH = 50
TYPE_LENGTH = 50


class CategorySchema(AnswerSchema):
    """A category, with the numbers of its clients and of the team members who look after it."""

    id = fields.Integer(metadata=told("The id of the category.", 3))
    name = fields.String(metadata=told("Its name.", "Retail"))
    description = text("What there is to know of it.")
    type = fields.String(metadata=told("What is filed under it.", "client", enum=["client"]))
    visibility = fields.String(metadata=told("Who is shown it.", "everyone"))
    icon = text("The name of its icon.")
    system_default = fields.String(
        metadata=told(
            "Whether clients are filed under it that were given none.", "no", enum=["yes", "no"]
        )
    )
    slug = fields.String(metadata=told("Its id and name, for addresses.", "3-retail"))
    count = fields.Integer(metadata=told("How many clients it has.", 12))
    users_count = fields.Integer(metadata=told("How many team members look after it.", 4))
    dates = Group(RecordDatesSchema)


class CategoryChangeSchema(Schema):
    """What may be changed of a category; what is left out stays as it is."""

    name = String(
        data_key="category_name",
        required=True,
        max=150,
        metadata=told("Its name, which no other has in whatever case.", "Retail"),
    )
    visibility = String(
        data_key="category_visibility",
        max=VISIBILITY_LENGTH,
        metadata=told("Who is to be shown it.", "everyone"),
    )
    description = String(
        data_key="category_description",
        max=65_535,
        metadata=told("What there is to know of it."),
    )
    icon = String(
        data_key="category_icon", max=150, metadata=told("The name of its icon.", "sl-icon-folder")
    )


class CategoryCreateSchema(CategoryChangeSchema):
    """A new category; only categories of clients can be stored here."""

    type = Choice(
        ("client",),
        data_key="category_type",
        required=True,
        metadata=told("What is to be filed under it.", "client"),
    )


class CategoryTeamSchema(Schema):
    """The team members who look after a category."""

    users = Array(
        Id(),
        required=True,
        max_items=1000,
        metadata=told("The ids of team members: the full set.", [7]),
    )


class CategoryMigrateSchema(Schema):
    """Where the clients of a category are to go."""

    target_id = Id(required=True, metadata=told("The category that takes over.", 2))


CategoryListQuerySchema = list_query(
    "CategoryListQuerySchema",
    sorts={
        "category_name": "name",
        "category_type": "type",
        "category_created": "created",
    },
    default="category_created",
    order="desc",
    type=Word(max=TYPE_LENGTH, metadata=told("Only those of this type; here all are `client`.")),
    visibility=Word(max=VISIBILITY_LENGTH, metadata=told("Only those that are shown to these.")),
    search=String(metadata=told("A part of the name.", "retail")),
)
