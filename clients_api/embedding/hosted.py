"""The service in a host's process."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask

from clients_api.mail.deliverer import Deliverer
from clients_api.service import Service, register
from clients_api.web.auth import HostAuthenticator, HostLogin


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
        self.takes_keys = keys
        if login is not None:
            self.authenticate = HostAuthenticator(host, login, keys=keys)
        register(self)

    def begin(self) -> None:
        super().begin()
        if not self._host.testing:
            # Not sooner: a server may fork between making the application and its first request.
            self._deliverer = Deliverer(self.database, self.config, self.prepare)
            self._deliverer.start()
            atexit.register(self.close)

    def close(self) -> None:
        """Stop to deliver mail, and close the database; whoever uses it again opens it again."""
        self.forget()
        if self._deliverer is not None:
            self._deliverer.stop()
        self.database.close_all()
        self._is_prepared = False

    def forget(self) -> None:
        """Leave what this service has open to the process that opened it."""
        atexit.unregister(self.close)
