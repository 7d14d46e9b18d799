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
from clients_api.service import Service, register
from clients_api.web.auth import HostAuthenticator, HostLogin

from .users import Users


class Embedded(Service):
    """A service in a process that is not ours: it sees to its own mail.

    A host that is being tested (Flask's TESTING) gets no thread for it, and no mail is sent.
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
        self._deliverer: Deliverer | None = None
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

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        answer = super().wsgi_app(environ, start_response)
        if self._is_prepared:
            self._deliver()
        return answer

    def _on_queued(self, database: Any) -> None:
        self._deliver()

    def _deliver(self) -> None:
        """Begin to deliver mail: with the first request, or where a session has queued some.

        Not sooner: a server may fork between making the application and its first request, and
        not all take care of threads (uWSGI).
        """
        if self._deliverer is None and not self._host.testing:
            with self._beginning:
                if self._deliverer is None:
                    self._deliverer = Deliverer(self.database, self.config, self.prepare)
                    self._deliverer.start()

    def close(self) -> None:
        """Stop to deliver mail, and close the database; whoever uses it again opens it again."""
        self.leave_to_parent()
        self._rest()
        self.database.close_all()
        self._is_prepared = False

    def _rest(self) -> bool:
        """Stop to deliver mail; tell whether any was delivered."""
        deliverer, self._deliverer = self._deliverer, None
        if deliverer is not None:
            deliverer.stop()
        return deliverer is not None

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
