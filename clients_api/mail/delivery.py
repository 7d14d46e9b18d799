"""The delivery of queued mail."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from clients_api.models import Mail
from clients_api.models.engines.sqlite import Database
from clients_api.models.queries.record import Record

from .message import ascii_domain, compose
from .transports import Deferred, Folder, Rejected, Server, Unreachable, transport

Refusal = Rejected | Deferred


@contextlib.contextmanager
def alone(database: Database, *, wait: bool = False) -> Iterator[bool]:
    """Keep all others from delivering the mail of this database; tell whether that succeeded.

    In: `wait`, whether to wait until nobody else delivers. The lock is the kernel's, so that it
    goes with the process that holds it. Raises OSError.
    """
    path = f"{database.database}-mail.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(descriptor, wait)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def deliver(
    settings: Mapping[str, Any], ids: Iterable[int]
) -> Iterator[tuple[int, Refusal | None]]:
    """Try to deliver each of these mails once; say of each why it was not, or None if it was.

    In: the settings, of which MAIL_URL and MAIL_FROM say how; the ids of the mails.

    To be done `alone`. A mail is noted as sent after it was sent: a crash in between lets it be
    sent twice, and never not at all; its Message-ID is the same both times. No transaction is
    open meanwhile. That nobody takes mail at the moment is found out once, for all of the round.
    """
    unreachable: Unreachable | None = None
    with contextlib.closing(transport(settings["MAIL_URL"])) as carrier:
        for id in ids:
            mail = Mail.begin_attempt(id)
            if mail is None:
                continue
            refusal = unreachable or _attempt(mail, settings["MAIL_FROM"], carrier)
            if isinstance(refusal, Unreachable):
                unreachable = refusal
            _note(id, refusal)
            yield id, refusal


def _attempt(mail: Record, sender: str, carrier: Folder | Server) -> Refusal | None:
    try:
        message = compose(mail, sender)
        envelope = ascii_domain(sender), ascii_domain(mail["recipient"])
    except (LookupError, ValueError) as error:
        return Rejected(f"It can't be written: {error!r}")
    try:
        carrier.send(message, *envelope)
    except (Rejected, Deferred) as refusal:
        return refusal
    return None


def _note(id: int, refusal: Refusal | None) -> None:
    match refusal:
        case None:
            Mail.note_sent(id)
        case Rejected():
            Mail.note_failed(id, str(refusal))
        case Deferred():
            Mail.note_deferred(id, str(refusal))
