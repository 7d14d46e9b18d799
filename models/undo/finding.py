"""Whether what an undo is about is still there."""

from __future__ import annotations

from collections.abc import Callable

from clients_api.models import events
from clients_api.models.category import Category
from clients_api.models.client import Client
from clients_api.models.contact import Contact
from clients_api.models.custom_field import CustomField
from clients_api.models.errors import Conflict, NotFound
from clients_api.models.queries.record import Record
from clients_api.models.tag import Tag
from clients_api.models.team import TeamMember

MODELS = {
    events.CLIENT: Client,
    events.CONTACT: Contact,
    events.CATEGORY: Category,
    events.TEAM_MEMBER: TeamMember,
    events.TAG: Tag,
    events.CUSTOM_FIELD: CustomField,
}


def found(object: str, id: int) -> Record:
    """Return the record of that id as it is now. Raises Conflict where it is gone."""
    find: Callable[[int], Record] = MODELS[object].find
    try:
        return find(id)
    except NotFound as error:
        raise Conflict(f"Nothing was undone: the {object.replace('_', ' ')} is gone.") from error
