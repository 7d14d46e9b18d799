"""The delivery of queued mail: one round of it, and the thread that makes rounds by itself."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .mail import ascii_domain, compose
from .models import Mail
from .models.base import Record, using
from .models.mail import queued
from .service import Service
from .transports import Deferred, Folder, Rejected, Server, Unreachable, transport

Refusal = Rejected | Deferred

log = logging.getLogger("clients_api")

POLL_SECONDS = 5  # until mail is seen that another process has queued, or that has become due
REST_SECONDS = 60  # after a round that could not be made
STOP_SECONDS = 5  # for the mail under way
TIDY_SECONDS = 3600  # between two looks for mail that was sent long ago


@contextlib.contextmanager
def alone(app: Service, *, wait: bool = False) -> Iterator[bool]:
    """Keep all others from delivering the mail of this database; tell whether that succeeded.

    In: `wait`, whether to wait until nobody else delivers. The lock is the kernel's, so that it
    goes with the process that holds it. Raises OSError.
    """
    path = f"{app.database.database}-mail.lock"
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


def deliver(app: Service, ids: Iterable[int]) -> Iterator[tuple[int, Refusal | None]]:
    """Try to deliver each of these mails once; say of each why it was not, or None if it was.

    To be done `alone`. A mail is noted as sent after it was sent: a crash in between lets it be
    sent twice, and never not at all; its Message-ID is the same both times. No transaction is
    open meanwhile. That nobody takes mail at the moment is found out once, for all of the round.
    """
    unreachable: Unreachable | None = None
    with contextlib.closing(transport(app.config["MAIL_URL"])) as carrier:
        for id in ids:
            mail = Mail.begin_attempt(id)
            if mail is None:
                continue
            refusal = unreachable or _attempt(mail, app.config["MAIL_FROM"], carrier)
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


class Deliverer:
    """A thread that delivers mail when it was queued in this process, and looks for more.

    Each process that serves may have one: whoever comes first makes the round, and the others
    leave it to that one. To be started after a fork, since threads do not survive it.
    """

    def __init__(self, app: Service) -> None:
        self._app = app
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._tidy_at = time.monotonic()

    def start(self) -> None:
        """Begin to deliver."""
        queued.connect(self._on_queued, sender=self._app.database)
        # A server that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the mail under way, for some seconds at most, and end."""
        if self._thread is None:
            return
        queued.disconnect(self._on_queued, sender=self._app.database)
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _on_queued(self, database: Any) -> None:
        self._wake.set()

    def _run(self) -> None:
        with using(self._app.database):
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    self._round()
                    rest = POLL_SECONDS
                except Exception:
                    # Whatever it was may pass: a full disk, a locked database. If this thread
                    # ended, no mail would be sent any more.
                    log.exception("Mail can't be delivered")
                    rest = REST_SECONDS
                self._wake.wait(rest)
            self._app.database.close()

    def _round(self) -> None:
        self._app.prepare()
        if Mail.due_ids():
            self._deliver_due()
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS
            Mail.forget_sent()

    def _deliver_due(self) -> None:
        with alone(self._app) as is_alone:
            if is_alone:
                # Again, since others may have sent some until now.
                ids = itertools.takewhile(lambda _: not self._stopping.is_set(), Mail.due_ids())
                for id, refusal in deliver(self._app, ids):
                    if refusal is None:
                        log.info("Mail %s is sent", id)
                    else:
                        log.warning("Mail %s is not sent: %s", id, refusal)
