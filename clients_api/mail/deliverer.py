"""The thread that delivers queued mail by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clients_api.models import Mail
from clients_api.models.engines.current import using
from clients_api.models.engines.locks import alone
from clients_api.models.engines.sqlite import Database
from clients_api.models.forgetting.tidying import tidy
from clients_api.models.mail import queued

log = logging.getLogger("clients_api")

POLL_SECONDS = 5  # until mail is seen that another process has queued, or that has become due
REST_SECONDS = 60  # after a round that could not be made
STOP_SECONDS = 5  # for the mail under way
TIDY_SECONDS = 3600  # between two looks for what was kept long enough


class Deliverer:
    """A thread that delivers mail when it was queued in this process, and looks for more.

    Each process that serves may have one: whoever comes first makes the round, and the others
    leave it to that one. To be started after a fork, since threads do not survive it.

    In: the database; the settings, of which MAIL_URL and MAIL_FROM say how mail leaves; and what
    gets the database ready, before each round.
    """

    def __init__(
        self, database: Database, settings: Mapping[str, Any], prepare: Callable[[], None]
    ) -> None:
        self._database = database
        self._settings = settings
        self._prepare = prepare
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._tidy_at = time.monotonic()

    def start(self) -> None:
        """Begin to deliver."""
        queued.connect(self._on_queued, sender=self._database)
        # A server that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the mail under way, for some seconds at most, and end."""
        if self._thread is None:
            return
        queued.disconnect(self._on_queued, sender=self._database)
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _on_queued(self, database: Any) -> None:
        self._wake.set()

    def _run(self) -> None:
        with using(self._database):
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    self._round()
                    rest = POLL_SECONDS
                except OSError as error:
                    place = f"{error.filename}: " if error.filename else ""
                    log.error("Mail can't be delivered: %s%s", place, error.strerror or error)
                    rest = REST_SECONDS
                except Exception:
                    # Whatever it was may pass: a full disk, a locked database. If this thread
                    # ended, no mail would be sent any more.
                    log.exception("Mail can't be delivered")
                    rest = REST_SECONDS
                self._wake.wait(rest)
            self._database.close()

    def _round(self) -> None:
        self._prepare()
        if Mail.due_ids():
            self._deliver_due()
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS
            tidy()

    def _deliver_due(self) -> None:
        # Late: most processes never have mail, and what writes and sends it takes a megabyte.
        from .delivery import MAIL, deliver

        with alone(self._database, MAIL) as is_alone:
            if is_alone:
                for id, refusal in deliver(self._settings, self._due_ids()):
                    if refusal is None:
                        log.info("Mail %s is sent", id)
                    else:
                        log.warning("Mail %s is not sent: %s", id, refusal)

    def _due_ids(self) -> Iterator[int]:
        # Until there are none: others leave to this round also what they queue meanwhile.
        while ids := Mail.due_ids():
            for id in ids:
                if self._stopping.is_set():
                    return
                yield id
