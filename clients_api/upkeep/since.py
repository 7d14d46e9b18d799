"""What has happened in a database since a backup of it, and would be undone by restoring that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from clients_api.models import ApiKey, Mail
from clients_api.models.base import now
from clients_api.models.engines.current import using
from clients_api.models.engines.engine import Engine

AT_ONCE = 500  # ids that are looked up together


class Undone(NamedTuple):
    """What comes back with a backup.

    The keys that are live in it and were revoked since, with the time when they were; the ids of
    the mail that waits in it and was sent since.
    """

    keys: list[tuple[str, str, str]]  # prefix, name, time
    mails: list[int]


def undone(replaced: Engine, copy: Engine) -> Undone:
    """Compare a database with the backup that is to replace it. Raises what their `errors` are.

    The two are of one service if they have a key in common; otherwise nothing comes back.
    """
    with using(copy):
        keys = {row[0]: row for row in _keys()}
        pending = {row[0]: row[1:] for row in _mails(Mail.status == "pending")}
    with using(replaced):
        theirs = {hash: revoked for hash, _, _, revoked in _keys() if hash in keys}
        if not theirs:
            return Undone([], [])
        waiting = set(_still_waiting(pending))
    back = [
        (prefix, name, since)
        for hash, prefix, name, revoked in keys.values()
        if revoked is None and (since := theirs.get(hash))
    ]
    return Undone(back, [id for id in pending if id not in waiting])


def withhold(copy: Engine, what: Undone) -> None:
    """Revoke these keys in a backup, and note the mail as sent. Raises what their `errors` are."""
    with using(copy), copy.atomic():
        for prefix, _, revoked in what.keys:
            ApiKey.update({ApiKey.revoked: revoked, ApiKey.updated: now()}).where(
                ApiKey.prefix == prefix
            ).execute()
        for id in what.mails:
            Mail.note_sent(id)


def _keys() -> list[tuple[str, str, str, str | None]]:
    return list(
        ApiKey.select(ApiKey.hash, ApiKey.prefix, ApiKey.name, ApiKey.revoked)
        .order_by(ApiKey.id)
        .tuples()
    )


def _mails(condition: Any) -> Iterator[tuple[int, str, str]]:
    query = Mail.select(Mail.id, Mail.recipient, Mail.created).where(condition)
    return query.order_by(Mail.id).tuples().iterator()


def _still_waiting(pending: dict[int, tuple[str, str]]) -> Iterator[int]:
    """Yield the ids of the mail that was not sent: what was is noted, or forgotten after a time."""
    ids = list(pending)
    for start in range(0, len(ids), AT_ONCE):
        part = Mail.id.in_(ids[start : start + AT_ONCE])
        for id, *mail in _mails(part & (Mail.status != "sent")):
            if tuple(mail) == tuple(pending[id]):
                yield id
