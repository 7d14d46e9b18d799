"""Answers kept for a day, so that a repeated request gets the same one and does nothing."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import peewee

from .base import BaseModel, timestamp
from .queries.prepared import prepared

KEPT = datetime.timedelta(hours=24)


class Answer(NamedTuple):
    """The stored answer to a request; `fingerprint` identifies what the request asked."""

    fingerprint: str
    status: int
    headers: str
    body: bytes


class Idempotency(BaseModel):
    caller = peewee.TextField()
    key = peewee.TextField()
    fingerprint = peewee.TextField()
    status = peewee.IntegerField()
    headers = peewee.TextField()
    body = peewee.BlobField()
    created = peewee.TextField(index=True)

    class Meta:
        primary_key = peewee.CompositeKey("caller", "key")

    @classmethod
    def answer(cls, caller: str, key: str) -> Answer | None:
        """Return what the caller's request with that key was answered in the last 24 hours."""
        row = _find.one(caller, key, timestamp(_now() - KEPT))
        return None if row is None else Answer(*row)

    @classmethod
    def keep(cls, caller: str, key: str, answer: Answer) -> None:
        """Keep an answer, in the transaction of the change itself, and forget those of old."""
        moment = _now()
        _forget(timestamp(moment - KEPT))
        cls.insert_row(caller=caller, key=key, created=timestamp(moment), **answer._asdict())

    @classmethod
    def forget_old(cls, limit: int) -> int:
        """Forget so many answers of old; return how many there were."""
        keys = _old.all(timestamp(_now() - KEPT), limit)
        for caller, key in keys:
            _delete(caller, key)
        return len(keys)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@prepared
def _find(caller, key, since):
    return Idempotency.select(
        Idempotency.fingerprint, Idempotency.status, Idempotency.headers, Idempotency.body
    ).where(Idempotency.caller == caller, Idempotency.key == key, Idempotency.created > since)


@prepared
def _forget(before):
    return Idempotency.delete().where(Idempotency.created <= before)


@prepared
def _old(before, limit):
    rows = Idempotency.select(Idempotency.caller, Idempotency.key)
    return rows.where(Idempotency.created <= before).limit(limit)


@prepared
def _delete(caller, key):
    return Idempotency.delete().where(Idempotency.caller == caller, Idempotency.key == key)
