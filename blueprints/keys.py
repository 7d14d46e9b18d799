"""API keys."""

from __future__ import annotations

from clients_api.models import ApiKey
from clients_api.schemas.base import DeletedRecordSchema
from clients_api.schemas.key import CreatedKeySchema, KeyCreateSchema, KeyListQuerySchema, KeySchema
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "keys",
    __name__,
    resource=Resource("key", KeySchema, ApiKey.find, read="admin", write="admin"),
    description="What callers identify themselves with. Only a hash of a key is stored.",
)


@blp.get("/keys")
@blp.arguments(KeyListQuerySchema, location="query")
@blp.response(200, KeySchema, message="Keys retrieved successfully.", many=True)
def list_keys(query):
    """List the keys that are not revoked."""
    return ApiKey.matching()


@blp.post("/keys")
@blp.arguments(KeyCreateSchema)
@blp.response(201, CreatedKeySchema, message="Key created successfully.", secret=("key",))
def create_key(body):
    """Make a key; the answer shows it this once."""
    return ApiKey.issue(**body)


@blp.delete("/keys/<id:id>")
@blp.response(200, DeletedRecordSchema, message="Key revoked successfully.")
def revoke_key(id):
    """Revoke a key for good."""
    return ApiKey.revoke(id)
