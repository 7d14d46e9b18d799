"""Tags: words that clients are marked with."""

from __future__ import annotations

from clients_api.models import Tag
from clients_api.schemas.base import DeletedRecordSchema
from clients_api.schemas.tag import ClientTagSchema, TagListQuerySchema, TagRenameSchema
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "tags",
    __name__,
    resource=Resource("tag", ClientTagSchema, Tag.find),
    description="Words that clients are marked with. A new one is made by giving it to a client.",
)


@blp.get("/tags")
@blp.arguments(TagListQuerySchema, location="query")
@blp.response(200, ClientTagSchema, message="Tags retrieved successfully.", many=True)
def list_tags(query):
    """List tags."""
    return Tag.matching(**query)


@blp.get("/tags/<id:id>")
@blp.response(200, ClientTagSchema, message="Tag retrieved successfully.")
def get_tag(id):
    """Get a tag."""
    return Tag.find(id)


@blp.patch("/tags/<id:id>")
@blp.arguments(TagRenameSchema)
@blp.response(200, ClientTagSchema, message="Tag updated successfully.")
def rename_tag(body, id):
    """Rename a tag; onto another one's title merges the two."""
    return Tag.rename(id, body["title"])


@blp.put("/tags/<id:id>")
@blp.arguments(TagRenameSchema)
@blp.response(200, ClientTagSchema, message="Tag updated successfully.")
def put_tag(body, id):
    """Same as PATCH."""
    return Tag.rename(id, body["title"])


@blp.delete("/tags/<id:id>")
@blp.response(200, DeletedRecordSchema, message="Tag deleted successfully.")
def delete_tag(id):
    """Take a tag off every client."""
    return Tag.remove(id)
