"""What is kept for a time only: events, what undoes deletions, names of the deleted."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import NamedTuple

from clients_api.models.base import now, timestamp
from clients_api.models.engines.current import database
from clients_api.models.events import Event
from clients_api.models.events.kept import EventUndo
from clients_api.models.idempotency import Idempotency
from clients_api.models.mail import Mail
from clients_api.models.queries.prepared import prepared
from clients_api.models.user import User
from clients_api.models.webhook import delivery

AT_ONCE = 1000  # rows that one transaction forgets: others write in between
NAMELESS = {
    **dict.fromkeys(("first_name", "first_name_key", "last_name", "last_name_key", "email"), ""),
    **dict.fromkeys(("phone", "job_position", "facebook", "twitter", "linkedin"), None),
    **dict.fromkeys(("github", "dribbble", "words"), None),
}


class Tidied(NamedTuple):
    """How many of each were forgotten."""

    events: int
    deletions: int  # that can't be undone any more
    people: int  # who were deleted, and lost their names and addresses
    mails: int  # that were sent
    answers: int  # that were stored for repeats


def tidy() -> Tidied:
    """Forget what was kept long enough, as the database's `events_days` and `trash_days` say.

    In many small transactions, so that nobody who writes waits long.
    """
    db = database.obj
    if db.has_log_to_empty:
        db.empty_log()
    events = _events_before(db.events_days) if db.events_days else 0
    return Tidied(
        events,
        _all(lambda: int(_forget_undo(now(), AT_ONCE).rowcount)),
        _all(lambda: _forget_names(_ago(db.trash_days), AT_ONCE)),
        _all(lambda: Mail.forget_sent(AT_ONCE)),
        _all(lambda: Idempotency.forget_old(AT_ONCE)),
    )


def _all(forget: Callable[[], int]) -> int:
    """Forget in transactions of AT_ONCE, and return how many that were in all."""
    total = 0
    while True:
        with database.obj.writing(patiently=True):
            count = forget()
        total += count
        if count < AT_ONCE:
            return total


def _ago(days: int) -> str:
    return timestamp(datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days))


def _events_before(days: int) -> int:
    """Forget the events of before; return how many there were.

    They are looked at from the oldest on, as long as there are such: times follow ids but for where
    a clock was set. The newest stays, so that ids go on from there, and positions can be told from
    another log's. A webhook that still waits for one of them is disabled, and says so.
    """
    before, newest = _ago(days), Event.last_id()
    total, last = 0, 0
    while True:
        rows = _events_after.all(last, newest, AT_ONCE)
        old = [id for id, time in rows if time < before]
        if not old:
            return total
        with database.obj.writing(patiently=True):
            delivery.overtake(old[-1])
            for id in old:
                Event.delete_row(id)
        total += len(old)
        last = rows[-1][0]


def _forget_names(before: str, limit: int) -> int:
    ids = [id for (id,) in _named.all(before, limit)]
    for id in ids:
        User.update_row(id, **NAMELESS)
    return len(ids)


@prepared
def _events_after(id, newest, limit):
    rows = Event.select(Event.id, Event.time).where(Event.id > id, Event.id < newest)
    return rows.order_by(Event.id).limit(limit)


@prepared
def _forget_undo(moment, limit):
    expired = EventUndo.select(EventUndo.event).where(EventUndo.expires <= moment).limit(limit)
    return EventUndo.delete().where(EventUndo.event.in_(expired))


@prepared
def _named(before, limit):
    return (
        User.select(User.id)
        .where(User.status == "deleted", User.updated <= before, User.email != "")
        .limit(limit)
    )
