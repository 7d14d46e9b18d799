"""Categories of clients."""

from __future__ import annotations

from clients_api.models import Category
from clients_api.schemas.base import DeletedRecordSchema
from clients_api.schemas.category import (
    CategoryChangeSchema,
    CategoryCreateSchema,
    CategoryListQuerySchema,
    CategoryMigrateSchema,
    CategorySchema,
    CategoryTeamSchema,
)
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "categories",
    __name__,
    resource=Resource("category", CategorySchema, Category.find),
    description="Each client is filed under one category.",
)


@blp.get("/categories")
@blp.arguments(CategoryListQuerySchema, location="query")
@blp.response(200, CategorySchema, message="Categories retrieved successfully.", many=True)
def list_categories(query):
    """List categories."""
    return Category.matching(**query)


@blp.get("/categories/<id:id>")
@blp.response(200, CategorySchema, message="Category retrieved successfully.")
def get_category(id):
    """Get a category."""
    return Category.find(id)


@blp.post("/categories")
@blp.arguments(CategoryCreateSchema, rules=Category.problems)
@blp.response(201, CategorySchema, message="Category created successfully.", location=True)
def create_category(body):
    """Create a category."""
    return Category.create(**body)


@blp.patch("/categories/<id:id>")
@blp.arguments(CategoryChangeSchema, rules=Category.problems)
@blp.response(200, CategorySchema, message="Category updated successfully.")
def update_category(body, id):
    """Update a category; what is left out stays as it is."""
    return Category.change(id, **body)


@blp.put("/categories/<id:id>")
@blp.arguments(CategoryChangeSchema, rules=Category.problems)
@blp.response(200, CategorySchema, message="Category updated successfully.")
def put_category(body, id):
    """Same as PATCH."""
    return Category.change(id, **body)


@blp.delete("/categories/<id:id>")
@blp.response(200, DeletedRecordSchema, message="Category deleted successfully.")
def delete_category(id):
    """Delete a category that has no clients."""
    return Category.remove(id)


@blp.put("/categories/<id:id>/team")
@blp.arguments(CategoryTeamSchema)
@blp.response(200, CategorySchema, message="Category team updated successfully.")
def set_category_team(body, id):
    """Replace the team members of a category."""
    return Category.assign_team(id, body["users"])


@blp.put("/categories/<id:id>/migrate")
@blp.arguments(CategoryMigrateSchema)
@blp.response(200, CategorySchema, message="Category resources migrated successfully.")
def migrate_category(body, id):
    """Move all clients of a category to another."""
    return Category.migrate(id, body["target_id"])
