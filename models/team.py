"""The team: staff users. They log in nowhere here, so that no password is stored."""

from __future__ import annotations

from typing import Any

import peewee

from .assignment import CategoryUser
from .category import Category
from .errors import Invalid
from .mail import Mail
from .queries.reader import Reader
from .queries.record import Record
from .queries.selection import Selection
from .user import User, person_columns, person_conditions, person_needles, person_sorts


class TeamMember(User):
    class Meta:
        table_name = "user"

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one team member; a deleted one is no more. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(cls, search: str | None = None, **equal: Any) -> Selection:
        """Return the members that meet all filters.

        In: `search`, a part of a name, the e-mail address or the phone number; `status`,
        `role_id`.
        """
        return reader.matching(search, **equal)

    @classmethod
    def create(cls, *, email: str, send_email: str = "no", **columns: Any) -> Record:
        """Make a team member. Raises Invalid for a taken address."""
        try:
            id = User.add(type="team", email=email, **columns)
        except peewee.IntegrityError as error:
            raise Invalid(email="taken") from error
        if send_email == "yes":
            Mail.queue_welcome(email, columns["first_name"], columns["last_name"], None)
        return cls.find(id)

    @classmethod
    def problems(cls, email: str | None = None, but: int | None = None) -> dict[str, str]:
        """Return the rule that each of the values breaks, as far as only the database knows it."""
        return {"email": "taken"} if email is not None and User.is_taken(email, but) else {}

    @classmethod
    def change(cls, id: int | None, **columns: Any) -> Record:
        """Set columns of a member; the rest stays. Raises NotFound, Invalid."""
        cls.find(id)
        super().change(id, **columns)
        return cls.find(id)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Mark a member as deleted, free the address, take it off categories; return what it was.

        Raises NotFound.
        """
        member = cls.find(id)
        categories = CategoryUser.of_user(id)
        cls.mark_deleted(id, categories=categories)
        for category_id in categories:
            team = CategoryUser.of_category(category_id)
            Category.assign_team(category_id, [user_id for user_id in team if user_id != id])
        return member


reader = Reader(
    "team member",
    TeamMember,
    (*person_columns(TeamMember), peewee.Value("yes").alias("dashboard_access")),
    scope=(TeamMember.type == "team") & (TeamMember.status != "deleted"),
    conditions=person_conditions(TeamMember)
    | {"role_id": lambda value: TeamMember.role_id == value},
    needles=person_needles,
    sorts=person_sorts(TeamMember),
)
