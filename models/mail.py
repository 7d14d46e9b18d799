"""The outbox: mail is queued in the transaction of the change that causes it, and sent later."""

from __future__ import annotations

import datetime
import json
import random

import blinker
import peewee

from .base import BaseModel, now, timestamp
from .engines.current import database
from .queries.prepared import prepared
from .queries.record import Record, column_names

# Attempts follow each other after 1, 2, 4 … minutes, then every four hours: a day in all.
FIRST_PAUSE = datetime.timedelta(minutes=1)
LONGEST_PAUSE = datetime.timedelta(hours=4)
MOST_ATTEMPTS = 13
JITTER = 0.1  # of a pause: mail that failed together is not tried together for ever

KEPT = datetime.timedelta(days=30)  # after which nobody asks any more whether it was sent

STATUSES = ("pending", "sent", "failed")

queued = blinker.Signal("Sent when mail was queued and committed, by its database.")


class Mail(BaseModel):
    template = peewee.TextField()
    recipient = peewee.TextField()
    context = peewee.TextField()
    status = peewee.TextField()
    attempts = peewee.IntegerField()
    due = peewee.TextField()
    error = peewee.TextField(null=True)
    created = peewee.TextField()
    updated = peewee.TextField()

    @classmethod
    def queue_welcome(
        cls, email: str, first_name: str, last_name: str, company_name: str | None
    ) -> None:
        """Queue the welcome e-mail to a new user; it is sent if and when this is committed."""
        context = {
            "first_name": first_name,
            "last_name": last_name,
            "company_name": company_name,
        }
        moment = now()
        cls.insert_row(
            template="welcome",
            recipient=email,
            context=json.dumps(context, ensure_ascii=False),
            status="pending",
            attempts=0,
            due=moment,
            created=moment,
            updated=moment,
        )
        db = database.obj
        db.after_commit(lambda: queued.send(db))

    @classmethod
    def due_ids(cls) -> list[int]:
        """Return the ids of the mails that are to be sent by now, the longest due first."""
        return [id for (id,) in _due_before.all(now())]

    @classmethod
    def pending_ids(cls) -> list[int]:
        """Return the ids of all mails that are still to be sent, due or not, the next one first."""
        return [id for (id,) in _pending.all()]

    @classmethod
    def begin_attempt(cls, id: int) -> Record | None:
        """Count an attempt at a pending mail and return the mail; None if it is pending no more.

        The next attempt is put off before this one is made. So a process that dies in between,
        or can't store what came of it, repeats the attempt after a pause, not at once and for ever.
        """
        row = _pending_one.one(id)
        if row is None:
            return None
        mail = Record(COLUMNS, row)
        attempts = mail["attempts"] + 1
        due = timestamp(datetime.datetime.now(datetime.UTC) + pause(attempts))
        cls.update_row(id, attempts=attempts, due=due, updated=now())
        return mail

    @classmethod
    def note_sent(cls, id: int) -> None:
        """Write down that a mail has been taken by whoever delivers it."""
        cls.update_row(id, status="sent", error=None, updated=now())

    @classmethod
    def note_deferred(cls, id: int, error: str) -> None:
        """Write down why an attempt came to nothing; after the last one the mail has failed.

        The pause begins now: the attempt may have taken longer than it.
        """
        row = _pending_one.one(id)
        if row is not None:
            attempts = Record(COLUMNS, row)["attempts"]
            due = timestamp(datetime.datetime.now(datetime.UTC) + pause(attempts))
            _note_deferred(due, error, now(), id)

    @classmethod
    def note_failed(cls, id: int, error: str) -> None:
        """Write down that a mail will never be delivered, and why."""
        cls.update_row(id, status="failed", error=error, updated=now())

    @classmethod
    def forget_sent(cls, limit: int) -> int:
        """Delete so much mail that was sent more than 30 days ago; return how much there was."""
        before = timestamp(datetime.datetime.now(datetime.UTC) - KEPT)
        count: int = _forget_sent(before, limit).rowcount
        return count

    @classmethod
    def retry_failed(cls) -> None:
        """Make all mail that has failed pending and due, as if it was new."""
        moment = now()
        _retry_failed(moment, moment)

    @classmethod
    def listed(cls, status: str | None = None) -> list[Record]:
        """Return the mails, or those of one status, oldest first."""
        rows = _all.all() if status is None else _of_status.all(status)
        return [Record(COLUMNS, row) for row in rows]


def pause(attempts: int) -> datetime.timedelta:
    """Return how long to wait after that many attempts."""
    exact = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    return exact * random.uniform(1 - JITTER, 1 + JITTER)  # nosec B311 # no secret


_FIELDS = (
    Mail.id,
    Mail.template,
    Mail.recipient,
    Mail.context,
    Mail.status,
    Mail.attempts,
    Mail.due,
    Mail.error,
    Mail.created,
)
COLUMNS = column_names(_FIELDS)

# Written out, not bound: only so does SQLite know that the partial index has all these rows.
_IS_PENDING = peewee.SQL("status = 'pending'")


@prepared
def _due_before(moment):
    return Mail.select(Mail.id).where(_IS_PENDING, Mail.due <= moment).order_by(Mail.due, Mail.id)


@prepared
def _pending():
    return Mail.select(Mail.id).where(_IS_PENDING).order_by(Mail.due, Mail.id)


@prepared
def _pending_one(id):
    return Mail.select(*_FIELDS).where(Mail.id == id, _IS_PENDING)


@prepared
def _note_deferred(due, error, moment, id):
    is_last = Mail.attempts >= MOST_ATTEMPTS
    status = peewee.Case(None, [(is_last, "failed")], Mail.status)
    changes = {Mail.status: status, Mail.due: due, Mail.error: error, Mail.updated: moment}
    return Mail.update(changes).where(Mail.id == id)


@prepared
def _forget_sent(before, limit):
    old = Mail.select(Mail.id).where(Mail.status == "sent", Mail.updated < before).limit(limit)
    return Mail.delete().where(Mail.id.in_(old))


@prepared
def _retry_failed(due, moment):
    changes = {Mail.status: "pending", Mail.attempts: 0, Mail.due: due, Mail.updated: moment}
    return Mail.update(changes).where(Mail.status == "failed")


@prepared
def _all():
    return Mail.select(*_FIELDS).order_by(Mail.id)


@prepared
def _of_status(status):
    return Mail.select(*_FIELDS).where(Mail.status == status).order_by(Mail.id)
