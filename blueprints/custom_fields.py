"""Custom fields of clients."""

from __future__ import annotations

from clients_api.models import CustomField
from clients_api.schemas.base import DeletedRecordSchema
from clients_api.schemas.custom_field import (
    CustomFieldChangeSchema,
    CustomFieldCreateSchema,
    CustomFieldListQuerySchema,
    CustomFieldSchema,
)
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "custom-fields",
    __name__,
    resource=Resource("custom field", CustomFieldSchema, CustomField.find, write="admin"),
    description="What an administrator adds to every client.",
)


@blp.get("/custom-fields")
@blp.arguments(CustomFieldListQuerySchema, location="query")
@blp.response(200, CustomFieldSchema, message="Custom fields retrieved successfully.", many=True)
def list_custom_fields(query):
    """List custom fields."""
    return CustomField.matching(**query)


@blp.get("/custom-fields/<id:id>")
@blp.response(200, CustomFieldSchema, message="Custom field retrieved successfully.")
def get_custom_field(id):
    """Get a custom field."""
    return CustomField.find(id)


@blp.post("/custom-fields")
@blp.arguments(CustomFieldCreateSchema, rules=CustomField.problems)
@blp.response(201, CustomFieldSchema, message="Custom field created successfully.", location=True)
def create_custom_field(body):
    """Define a custom field."""
    return CustomField.create(**body)


@blp.patch("/custom-fields/<id:id>")
@blp.arguments(CustomFieldChangeSchema)
@blp.response(200, CustomFieldSchema, message="Custom field updated successfully.")
def update_custom_field(body, id):
    """Update a custom field; its type and name never change."""
    return CustomField.change(id, **body)


@blp.put("/custom-fields/<id:id>")
@blp.arguments(CustomFieldChangeSchema)
@blp.response(200, CustomFieldSchema, message="Custom field updated successfully.")
def put_custom_field(body, id):
    """Same as PATCH."""
    return CustomField.change(id, **body)


@blp.delete("/custom-fields/<id:id>")
@blp.response(200, DeletedRecordSchema, message="Custom field deleted successfully.")
def delete_custom_field(id):
    """Delete a custom field with all its values."""
    return CustomField.remove(id)
