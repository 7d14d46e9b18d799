"""Taking changes back: by an event, which is undone by what makes another one (contract: undo).

`updates.py` gives members their former values, `deletions.py` brings back what was deleted, and
`merges.py` parts what became one client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from clients_api.models import events
from clients_api.models.errors import Conflict
from clients_api.models.queries.record import Record

from . import deletions, merges, updates


class Undone(NamedTuple):
    """What was undone: what kind of record, what it is now, and what could not be brought back."""

    object: str
    record: Record
    left_out: list[str]


# By object and action: what undoes an event. In: the event, and which users are left out.
_UNDOING: dict[tuple[str, str], Callable[[Record, Sequence[int]], tuple[Record, list[str]]]] = {
    **{(object, "updated"): undo for object, undo in updates.UNDOING.items()},
    **{(object, "deleted"): undo for object, undo in deletions.UNDOING.items()},
    (events.CATEGORY, "migrated"): updates.migrated,
    (events.TAG, "merged"): deletions.tag_merged,
    (events.CLIENT, "merged"): merges.merged,
    (events.CLIENT, "restored"): merges.restored,
    **{(object, "created"): deletions.again for object in deletions.UNDOING},
}


def undo(event: Record, without: Sequence[int] = ()) -> Undone:
    """Undo an event, as an event of its own.

    In: `without`, the ids of users that are not to come back with a client. Raises Conflict where
    something stands in the way, Gone where it is too late, and Invalid for `without`.
    """
    action = event["type"].partition(".")[2]
    undoing = _UNDOING.get((event["object"], action))
    if undoing is None or event["changes"] is None:
        raise Conflict("A change of this kind can't be undone.")
    events.affect()
    with events.undoing(event["id"]):
        record, left_out = undoing(event, without)
    return Undone(event["object"], record, left_out)
