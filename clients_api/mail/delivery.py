"""The delivery of queued mail."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clients_api.models import Mail
from clients_api.models.engines import files
from clients_api.models.engines.current import database
from clients_api.models.engines.sqlite import Database
from clients_api.models.queries.record import Record

from .message import ascii_domain, compose, name_and_address
from .transports import Deferred, Folder, Rejected, Server, Unreachable, transport

log = logging.getLogger("clients_api")

Refusal = Rejected | Deferred


@contextlib.contextmanager
def alone(db: Database, *, wait: bool = False) -> Iterator[bool]:
    """Keep all others from delivering the mail of this database; tell whether that succeeded.

    In: `wait`, whether to wait until nobody else delivers. The lock is the kernel's, so that it
    goes with the process that holds it. Raises OSError, which says what to do.
    """
    descriptor = _open(Path(f"{db.database}-mail.lock"), Path(db.database))
    try:
        yield _lock(descriptor, wait)
    finally:
        os.close(descriptor)


def _open(path: Path, beside: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(path, flags, 0o600)
        except PermissionError:
            # Of another user, such as root, who once delivered by hand. In a folder of ours it
            # can be made anew; should that user be delivering now, some mail may go out twice.
            path.unlink()
            log.warning("The lock %s was another user's, and is made anew", path)
            descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{os.strerror(error.errno)}. Without this lock no mail is delivered: "
            "delete the file, or give it to the owner of the database.",
            str(path),
        ) from error
    files.give(descriptor, beside)
    return descriptor


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
    beside = Path(database.obj.database)
    with contextlib.closing(transport(settings["MAIL_URL"], beside)) as carrier:
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
        envelope = ascii_domain(name_and_address(sender)[1]), ascii_domain(mail["recipient"])
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
