"""The thread that has webhooks sent, by one process for a database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from clients_api.models.engines.current import using
from clients_api.models.engines.locks import alone
from clients_api.models.engines.sqlite import Database
from clients_api.models.events import Actor, acting
from clients_api.models.webhook import delivery

log = logging.getLogger("clients_api")

WEBHOOKS = "webhooks"  # what one process alone delivers
LOOK_SECONDS = 1  # until events are seen that another process has written, or a try that is due
POLL_SECONDS = 5  # until a process looks whether there are webhooks, and whether it is to send them
BREATH_SECONDS = 0.05  # between two looks, however much is written
REST_SECONDS = 60  # after a round, or an event, that could not be seen to
STOP_SECONDS = 5  # for the tries under way


class Sender:
    """Looks for events that webhooks wait for, and has a thread for each webhook that has some.

    Each process that serves may have one: whoever comes first sends for as long as it lives, and
    the others wait for that to end. To be started after a fork, since threads do not survive it.

    In: the database; the settings, of which WEBHOOK_HOSTS and SECRET_KEY are used; and what gets
    the database ready.
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
        self._followers: dict[int, threading.Thread] = {}  # by the id of the webhook
        self._resting: dict[int, float] = {}  # until when, since something unexpected went wrong

    def start(self) -> None:
        """Begin to send."""
        self._database.on_commit.append(self._on_commit)
        # A receiver that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the tries under way, for some seconds at most, and end."""
        if self._thread is None:
            return
        if not self._stopping.is_set():
            self._database.on_commit.remove(self._on_commit)
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _on_commit(self, written: Any) -> None:
        self._wake.set()

    def _run(self) -> None:
        with using(self._database):
            while self._goes_on():
                rest, waking = POLL_SECONDS, self._wake
                try:
                    self._prepare()
                    if delivery.any_active() and not self._send_alone():
                        waking = self._stopping  # what happens here is for another to send
                except OSError as error:
                    place = f"{error.filename}: " if error.filename else ""
                    log.error("Webhooks can't be sent: %s%s", place, error.strerror or error)
                    rest, waking = REST_SECONDS, self._stopping
                except Exception:
                    # Whatever it was may pass: a full disk, a locked database. If this thread
                    # ended, nothing would be sent any more.
                    log.exception("Webhooks can't be sent")
                    rest, waking = REST_SECONDS, self._stopping
                if not self._stopping.is_set():
                    waking.wait(rest)
            self._database.close()

    def _goes_on(self) -> bool:
        self._wake.clear()  # first: whoever stops this sets both, and this one last
        return not self._stopping.is_set()

    def _send_alone(self) -> bool:
        """Send while there are webhooks. Nothing, and return False, if another process does."""
        with alone(self._database, WEBHOOKS) as is_alone:
            if not is_alone:
                return False
            try:
                while self._goes_on() and delivery.any_active():
                    self._look()
                    self._stopping.wait(BREATH_SECONDS)
                    self._wake.wait(LOOK_SECONDS)
            finally:
                # Only then may others begin: a webhook gets one event at a time.
                for thread in self._followers.values():
                    thread.join()
        return True

    def _look(self) -> None:
        self._followers = {id: one for id, one in self._followers.items() if one.is_alive()}
        for id in delivery.waiting():
            if id not in self._followers and self._resting.get(id, 0) <= time.monotonic():
                thread = threading.Thread(
                    target=self._follow, args=(id,), name=f"webhook-{id}", daemon=True
                )
                self._followers[id] = thread
                thread.start()
        delivery.pass_unwanted()

    def _follow(self, id: int) -> None:
        from .following import follow  # late: most processes never send

        with using(self._database), acting(Actor("command", None, WEBHOOKS)):
            try:
                follow(id, self._settings, self._stopping)
                return
            except OSError as error:  # the secret key can't be read
                log.error("Webhook %s can't be sent: %s", id, error)
            except Exception:
                # As above; and the other webhooks have nothing to do with it.
                log.exception("Webhook %s can't be sent", id)
            self._resting[id] = time.monotonic() + REST_SECONDS
