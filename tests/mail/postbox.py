"""What the tests of mail have in common: the outbox, and what an SMTP server does."""

from __future__ import annotations

import email
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner, Result

from clients_api.commands.cli import cli
from clients_api.mail.deliverer import Deliverer
from clients_api.mail.delivery import deliver
from clients_api.models import Mail
from clients_api.models.base import timestamp
from clients_api.models.engines.current import using
from clients_api.models.queries.record import Record
from clients_api.service import Service


def queue(
    app: Service,
    email: str = "jane@acme.example",
    first_name: str = "Jane",
    last_name: str = "Doe",
    company_name: str | None = None,
) -> None:
    with using(app.database), app.database.atomic():
        Mail.queue_welcome(email, first_name, last_name, company_name)


def mails(app: Service) -> list[Record]:
    with using(app.database):
        return Mail.listed()


def deliver_due(app: Service) -> list[str | None]:
    """Make a round and return the errors of its mails."""
    with using(app.database):
        return [error and str(error) for _, error in deliver(app.config, Mail.due_ids())]


def make_deliverer(app: Service) -> Deliverer:
    """Make what delivers the mail of a service; it is to be started, and stopped."""
    return Deliverer(app.database, app.config, app.prepare)


def make_due(app: Service, **columns: Any) -> None:
    """Let time pass until the only mail is due again."""
    with using(app.database):
        Mail.update_row(1, due=timestamp(datetime.now(UTC)), **columns)


def eml_files(app: Service) -> list[Path]:
    return sorted((Path(app.instance_path) / "mail").glob("*"))


def parse(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=policy.default)


def wait_for(condition: Callable[[], Any], seconds: float = 8) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def outbox(app: Service, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["outbox", *arguments], obj=app)
    app.database.close()
    return result


class Inbox:
    """What an SMTP server does with mail: by default it takes it."""

    def __init__(self, rcpt: str = "250 OK", data: str = "250 OK", sender: str = "250 OK") -> None:
        self.replies = {"rcpt": rcpt, "data": data, "sender": sender}
        self.received: list[tuple[str, list[str], bytes]] = []
        self.logins: list[tuple[bytes, bytes, bool]] = []
        self.sessions: set[Any] = set()

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.replies["sender"].startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.replies["sender"]

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.replies["rcpt"].startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.replies["rcpt"]

    async def handle_DATA(self, server, session, envelope):
        if self.replies["data"].startswith("250"):
            self.sessions.add(session.peer)
            self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.replies["data"]

    def authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        self.logins.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=data.password == b"pass word@1", handled=False)


def die_in_data(connection: socket.socket) -> None:
    """Speak SMTP up to the message, and hang up in the middle of that."""
    connection.sendall(b"220 mail.example\r\n")
    with connection.makefile("rb") as lines:
        for line in lines:
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                lines.readline()
                connection.shutdown(socket.SHUT_RDWR)
                return
            connection.sendall(b"250 mail.example\r\n")
