"""The service in a host's process."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask

from clients_api.mail.deliverer import Deliverer
from clients_api.models.mail import queued
from clients_api.models.webhook import delivery
from clients_api.service import Service, register
from clients_api.web.auth import HostAuthenticator, HostLogin
from clients_api.webhooks.sender import Sender

from .users import Users


class Embedded(Service):
    """A service in a process that is not ours: it sees to its own mail and webhooks.

    A host that is being tested (Flask's TESTING) gets no threads for them, and nothing is sent.
    """

    migrating_command = "flask clients-api migrate"

    def __init__(
        self,
        settings: Mapping[str, Any],
        instance: Path,
        host: flask.Flask,
        login: HostLogin | None,
        keys: bool,
    ) -> None:
        super().__init__(settings, instance)
        self._host = host
        self.announcer.sender = host
        self._deliverers: tuple[Deliverer | Sender, ...] = ()
        self._beginning = threading.Lock()
        self._delivered = False  # before this process began to fork
        self.takes_keys = keys
        self.users = Users()
        if login is not None:
            self.authenticate = HostAuthenticator(host, login, keys=keys)
        register(self)

    def begin(self) -> None:
        super().begin()
        atexit.register(self.close)
        queued.connect(self._on_queued, sender=self.database)
        if self._on_commit not in self.database.on_commit:
            self.database.on_commit.append(self._on_commit)

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        answer = super().wsgi_app(environ, start_response)
        if self._is_prepared:
            self._deliver()
        return answer

    def _on_queued(self, database: Any) -> None:
        self._deliver()

    def _on_commit(self, written: Any) -> None:
        if not self._deliverers and delivery.any_active():
            self._deliver()

    def _deliver(self) -> None:
        """Begin to deliver: with the first request, or where a session has left something to do.

        Not sooner: a server may fork between making the application and its first request, and
        not all take care of threads (uWSGI).
        """
        if not self._deliverers and not self._host.testing:
            with self._beginning:
                if not self._deliverers:
                    given = self.database, self.config, self.prepare
                    made = Deliverer(*given), Sender(*given)
                    for deliverer in made:
                        deliverer.start()
                    self._deliverers = made

    def close(self) -> None:
        """Stop to deliver, and close the database; whoever uses it again opens it again."""
        self.leave_to_parent()
        self._rest()
        self.database.close_all()
        self._is_prepared = False

    def _rest(self) -> bool:
        """Stop to deliver; tell whether anything was delivered."""
        deliverers, self._deliverers = self._deliverers, ()
        for deliverer in deliverers:
            deliverer.stop()
        return bool(deliverers)

    def before_fork(self) -> bool:
        """Leave nothing under way in this process; tell whether a child may use the database."""
        if self.database.in_transaction():
            return False
        self._delivered = self._rest()
        has_left = self.users.shut()
        self.database.close()
        return has_left

    def after_fork_in_parent(self) -> None:
        """Go on where `before_fork` has stopped."""
        self.users.open()
        if self._delivered:
            self._delivered = False
            self._deliver()

    def leave_to_parent(self) -> None:
        """Have the end of this process close nothing; in a child, what is open is its parent's."""
        atexit.unregister(self.close)
