"""The delivery of queued mail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clients_api.models import Mail
from clients_api.models.engines.current import database
from clients_api.models.queries.record import Record

from .message import ascii_domain, compose, name_and_address
from .transports import Deferred, Folder, Rejected, Server, Unreachable, transport

MAIL = "mail"  # what one process alone delivers

Refusal = Rejected | Deferred


def deliver(
    settings: Mapping[str, Any], ids: Iterable[int]
) -> Iterator[tuple[int, Refusal | None]]:
    """Try to deliver each of these mails once; say of each why it was not, or None if it was.

    In: the settings, of which MAIL_URL and MAIL_FROM say how; the ids of the mails.

    To be done `alone` with MAIL. A mail is noted as sent after it was sent: a crash in between
    lets it be sent twice, and never not at all; its Message-ID is the same both times. No
    transaction is open meanwhile. That nobody takes mail at the moment is found out once, for all
    of the round.
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
