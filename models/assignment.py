"""Which team members look after which categories."""

from __future__ import annotations

import peewee

from .base import BaseModel
from .queries.prepared import prepared
from .user import User


class CategoryUser(BaseModel):
    category = peewee.DeferredForeignKey("Category", on_delete="CASCADE", backref="+", index=False)
    user = peewee.ForeignKeyField(User, on_delete="CASCADE", backref="+")

    class Meta:
        primary_key = peewee.CompositeKey("category", "user")

    @classmethod
    def of_category(cls, id: int | None) -> list[int]:
        """Return the ids of the team members of a category."""
        return [user_id for (user_id,) in _of_category.all(id)]

    @classmethod
    def of_user(cls, user_id: int | None) -> list[int]:
        """Return the ids of the categories of a team member."""
        return [id for (id,) in _of_user.all(user_id)]

    @classmethod
    def assign(cls, id: int | None, user_id: int) -> bool:
        """Put a team member in charge of a category; tell whether it is one."""
        return bool(_assign(id, user_id).rowcount)

    @classmethod
    def clear(cls, id: int | None) -> None:
        """Take everybody off a category."""
        _clear(id)


@prepared
def _of_category(id):
    rows = CategoryUser.select(CategoryUser.user).where(CategoryUser.category == id)
    return rows.order_by(CategoryUser.user)


@prepared
def _of_user(user_id):
    rows = CategoryUser.select(CategoryUser.category).where(CategoryUser.user == user_id)
    return rows.order_by(CategoryUser.category)


@prepared
def _clear(id):
    return CategoryUser.delete().where(CategoryUser.category == id)


@prepared
def _assign(id, user_id):
    return CategoryUser.insert_from(
        User.select(id, User.id).where(
            User.id == user_id, User.type == "team", User.status != "deleted"
        ),
        (CategoryUser.category, CategoryUser.user),
    )
