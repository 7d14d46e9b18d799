"""Categories: each client is filed under one, and team members may look after some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import peewee

from . import events
from .assignment import CategoryUser
from .base import BaseModel, now
from .errors import Conflict, Invalid
from .events.kept import keep
from .queries.folding import fold, plain, slug
from .queries.prepared import prepared
from .queries.reader import Reader
from .queries.record import Record
from .queries.selection import Selection


class Category(BaseModel):
    name = peewee.TextField()
    name_key = peewee.TextField()
    name_plain = peewee.TextField(index=True)
    type = peewee.TextField()
    visibility = peewee.TextField()
    description = peewee.TextField(null=True)
    icon = peewee.TextField(null=True)
    system_default = peewee.TextField()
    slug = peewee.TextField()
    created = peewee.TextField(index=True)
    updated = peewee.TextField()

    class Meta:
        indexes = ((("type", "name_key"), True),)

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one category with its counts. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(cls, search: str | None = None, **equal: Any) -> Selection:
        """Return the categories of a `type` and `visibility` whose name contains `search`."""
        return reader.matching(search, **equal)

    @classmethod
    def exists(cls, id: int) -> bool:
        """Tell whether there is a category of that id."""
        return _exists.one(id) is not None

    @classmethod
    def default_id(cls) -> int:
        """Return the id of the category of clients for which none was chosen."""
        return _default_id.scalar()

    @classmethod
    def create(
        cls,
        *,
        name: str,
        type: str,
        visibility: str | None = None,
        description: str | None = None,
        icon: str | None = None,
    ) -> Record:
        """Make a category. Raises Invalid for a name that its type has already."""
        moment = now()
        try:
            id = cls.insert_row(
                name=name,
                name_key=fold(name),
                name_plain=plain(name),
                type=type,
                visibility=visibility or "everyone",
                description=description,
                icon=icon,
                system_default="no",
                slug=slug(name),
                created=moment,
                updated=moment,
            )
        except peewee.IntegrityError as error:
            raise Invalid(name="name_taken") from error
        category = cls.find(id)
        events.write(events.CATEGORY, "created", id, events.created(category), time=moment)
        return category

    @classmethod
    def named(cls, name: str) -> int:
        """Return the id of the category of clients of that name; a new name makes a category."""
        id = _id_by_name.scalar("client", fold(name))
        return cls.create(name=name, type="client")["id"] if id is None else id

    @classmethod
    def change(cls, id: int | None, **columns: Any) -> Record:
        """Set columns of a category; the rest stays. Raises NotFound, Invalid for a taken name."""
        before = cls.find(id)
        if "visibility" in columns:
            columns["visibility"] = columns["visibility"] or "everyone"
        columns = events.differing(before, columns)
        if not columns:
            return before
        if "name" in columns:
            name = columns["name"]
            columns |= {"name_key": fold(name), "name_plain": plain(name), "slug": slug(name)}
        moment = now()
        try:
            cls.update_row(id, **columns, updated=moment)
        except peewee.IntegrityError as error:
            raise Invalid(name="name_taken") from error
        after = cls.find(id)
        events.write(events.CATEGORY, "updated", id, events.updated(before, after), time=moment)
        return after

    @classmethod
    def problems(cls, name: str | None = None, but: int | None = None) -> dict[str, str]:
        """Return the rule that the name breaks, as far as only the database knows it."""
        owner = None if name is None else _id_by_name.scalar("client", fold(name))
        return {} if owner is None or owner == but else {"name": "name_taken"}

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Delete an empty category and return what it was. Raises NotFound and Conflict."""
        category = cls.find(id)
        if category["system_default"] == "yes":
            raise Conflict(
                "The system default category can't be deleted. "
                "To empty it, migrate its clients to another category."
            )
        kept = {"category": cls.rows("id", id), "users": CategoryUser.of_category(id)}
        try:
            cls.delete_row(id)
        except peewee.IntegrityError as error:
            raise Conflict(
                "The category still has clients. Migrate them to another category first."
            ) from error
        events.affect()
        gone = events.deleted(category)
        keep(events.write(events.CATEGORY, "deleted", id, gone, time=now()), kept)
        return category

    @classmethod
    def restore(cls, row: Mapping[str, Any], users: Iterable[int]) -> Record:
        """Bring a category back whose row was kept. Raises peewee.IntegrityError for its name.

        In: also the team members who looked after it, of whom some may be gone.
        """
        id, moment = row["id"], now()
        keys = {"name_key": fold(row["name"]), "name_plain": plain(row["name"])}
        cls.insert_kept(row, **keys, updated=moment)
        category = cls.find(id)
        events.write(events.CATEGORY, "created", id, events.created(category), time=moment)
        for user_id in users:
            CategoryUser.assign(id, user_id)
        cls._team_changed(id, [])
        return cls.find(id)

    @classmethod
    def assign_team(cls, id: int | None, user_ids: Iterable[int]) -> Record:
        """Make these team members the only ones of a category. Raises NotFound, Invalid."""
        cls.find(id)
        former = CategoryUser.of_category(id)
        if former == sorted(set(user_ids := list(user_ids))):
            return cls.find(id)
        CategoryUser.clear(id)
        unknown = {
            f"users.{index}": "exists"
            for index, user_id in enumerate(dict.fromkeys(user_ids))
            if not CategoryUser.assign(id, user_id)
        }
        if unknown:
            raise Invalid(**unknown)
        cls._team_changed(id, former)
        return cls.find(id)

    @classmethod
    def _team_changed(cls, id: int | None, before: list[int]) -> None:
        after = CategoryUser.of_category(id)
        if before == after:
            return
        moment = now()
        cls.update_row(id, updated=moment)
        # The API shows their number; who they are is told for those who take the change back.
        changes: dict[str, list[Any]] = {"users": [before, after]}
        if len(before) != len(after):
            changes["users_count"] = [len(before), len(after)]
        events.write(events.CATEGORY, "updated", id, changes, time=moment)

    @classmethod
    def migrate(cls, id: int | None, target_id: int) -> Record:
        """Move all clients to another category. Raises NotFound, and Invalid for the target.

        Returns the category that was emptied.
        """
        category = cls.find(id)
        if target_id == id or not cls.exists(target_id):
            raise Invalid(target_id="exists")
        clients = [client_id for (client_id,) in _clients_of.all(id)]
        if not clients:
            return category
        moment = now()
        _move_clients(target_id, moment, id)
        for touched in (id, target_id):
            cls.update_row(touched, updated=moment)
        changes = {"target_id": [None, target_id]}
        event_id = events.write(
            events.CATEGORY, "migrated", id, changes, time=moment, clients=len(clients)
        )
        keep(event_id, {"clients": clients})
        return cls.find(id)


@prepared
def _exists(id):
    return Category.select(Category.id).where(Category.id == id)


@prepared
def _default_id():
    # Written out, not bound: for a bound value SQLite plans anew, each time, to see whether the
    # partial index has the row.
    is_default = Category.system_default == peewee.SQL("'yes'")
    return Category.select(Category.id).where(Category.type == "client", is_default)


@prepared
def _id_by_name(type, key):
    return Category.select(Category.id).where(Category.type == type, Category.name_key == key)


# The model of clients is built on this one, so here the table stands for it.
_clients = peewee.Table("client", ("id", "category_id", "updated"))


@prepared
def _clients_of(id):
    return _clients.select(_clients.id).where(_clients.category_id == id).order_by(_clients.id)


@prepared
def _move_clients(target, moment, source):
    return _clients.update({_clients.category_id: target, _clients.updated: moment}).where(
        _clients.category_id == source
    )


_totals = peewee.Table("client_total", ("category_id", "count"))
_COUNT = _totals.select(peewee.fn.COALESCE(peewee.fn.SUM(_totals.count), 0)).where(
    _totals.category_id == Category.id
)
_USERS = CategoryUser.select(peewee.fn.COUNT(peewee.SQL("*"))).where(
    CategoryUser.category == Category.id
)

reader = Reader(
    "category",
    Category,
    (
        Category.id,
        Category.name,
        Category.description,
        Category.type,
        Category.visibility,
        Category.icon,
        Category.system_default,
        # A name of signs alone leaves no words to follow the id.
        peewee.fn.RTRIM(Category.id.cast("TEXT").concat("-").concat(Category.slug), "-").alias(
            "slug"
        ),
        _COUNT.alias("count"),
        _USERS.alias("users_count"),
        Category.created,
        Category.updated,
    ),
    conditions={
        "type": lambda value: Category.type == value,
        "visibility": lambda value: Category.visibility == value,
        "search": lambda needle: peewee.fn.INSTR(Category.name_plain, needle) > 0,
    },
    sorts={"name": Category.name_plain, "type": Category.type, "created": Category.created},
)
