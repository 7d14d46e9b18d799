"""Mail: the message, its way to a folder or an SMTP server, and who delivers it when."""

from __future__ import annotations

import contextlib
import email
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner, Result
from conftest import Caller, Server, free_port, issue_key
from hypothesis import given, settings
from hypothesis import strategies as st

from clients_api import config, create_app, transports
from clients_api.cli import cli
from clients_api.deliverer import POLL_SECONDS, Deliverer
from clients_api.delivery import alone, deliver
from clients_api.mail import BOUNDARY, SUBJECT, compose
from clients_api.models import Mail
from clients_api.models.base import Record, timestamp, using
from clients_api.models.mail import JITTER, MOST_ATTEMPTS, pause
from clients_api.service import Service

# The factories


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
        return [error and str(error) for _, error in deliver(app, Mail.due_ids())]


def make_due(app: Service, **columns: Any) -> None:
    """Let time pass until the only mail is due again."""
    with using(app.database):
        Mail.update_row(1, due=timestamp(datetime.now(UTC)), **columns)


def eml_files(app: Service) -> list[Path]:
    return sorted((Path(app.instance_path) / "mail").glob("*"))


def parse(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=policy.default)


def stored(**columns: Any) -> dict[str, Any]:
    """Make a queued mail as it is stored."""
    context = '{"first_name": "Jane", "last_name": "Doe", "company_name": "Acme Inc"}'
    moment = "2026-06-15T09:30:00.123456Z"
    mail = {"id": 7, "template": "welcome", "recipient": "jane@acme.example", "created": moment}
    return {**mail, "context": context, **columns}


def named(first_name: str, last_name: str, company_name: str | None = None) -> dict[str, Any]:
    names = {"first_name": first_name, "last_name": last_name, "company_name": company_name}
    return stored(context=json.dumps(names))


def wait_for(condition: Callable[[], Any], seconds: float = 8) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


# Servers to send to


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


@pytest.fixture
def serve_smtp() -> Iterator[Callable[..., int]]:
    """Start SMTP servers on the loopback address; what they do is an Inbox. Returns the port."""
    started: list[Controller] = []

    def start(inbox: Inbox, **options: Any) -> int:
        options.setdefault("server_hostname", "mail.example")
        controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        started.append(controller)
        return controller.port

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., int]]:
    """Listen on the loopback address; `talk` has each connection. Returns the port."""
    listeners: list[socket.socket] = []
    connections: list[socket.socket] = []

    def start(talk: Callable[[socket.socket], None] = lambda connection: None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test has ended
                connections.append(connection)
                talk(connection)

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for connection in connections:
        connection.close()


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


@pytest.fixture
def trusted(certificate: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context whose certificate is trusted in this test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    return certificate[1]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "TIMEOUT_SECONDS", 0.3)


# The message


def test_the_message_has_the_headers_of_a_good_mail():
    message = compose(stored(), "clients@example.org")
    assert message["Message-ID"] == "<20260615093000123456.7@example.org>"
    assert message["Date"] == "Mon, 15 Jun 2026 09:30:00 +0000"
    assert message["From"] == "clients@example.org"
    assert message["To"] == "Jane Doe <jane@acme.example>"
    assert message["Subject"] == SUBJECT
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"


def test_the_message_says_the_same_as_text_and_as_html():
    message = compose(stored(), "clients@example.org")
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    for sentence in ("Hello Jane Doe,", "An account for Acme Inc has been opened"):
        assert sentence in text
        assert sentence in html
    assert "jane@acme.example" in text and "jane@acme.example" in html


def test_a_person_without_a_company_is_told_of_none():
    for company in (None, "Jane Doe"):
        message = compose(named("Jane", "Doe", company), "clients@example.org")
        assert "An account has been opened" in message.get_body(("plain",)).get_content()


def test_names_are_escaped_in_html_only():
    message = compose(named("<b>Jane", "O'Neil \"&", "A <script>"), "clients@example.org")
    html = message.get_body(("html",)).get_content()
    assert "<b>" not in html and "<script>" not in html
    assert "&lt;b&gt;Jane O&#39;Neil &#34;&amp;" in html
    assert "Hello <b>Jane O'Neil \"&," in message.get_body(("plain",)).get_content()


def test_the_message_is_ascii_whatever_the_names_are():
    message = compose(named("Zoë", "山田", "Ünïted"), "clients@example.org")
    assert message.as_bytes().isascii()
    parsed = parse(message.as_bytes())
    assert parsed["To"].addresses[0].display_name == "Zoë 山田"
    assert "Zoë 山田" in parsed.get_body(("plain",)).get_content()
    assert "Ünïted" in parsed.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("Jane\r\nBcc: eve@evil.example", "Doe"),
        ("Jane\n\nThe body", "Doe"),
        ("Jane\u2028Bcc: eve@evil.example", "\x85X: y"),
        ("eve@evil.example,", "Doe"),
        ('" <eve@evil.example>, "', "Doe"),
        ("=?utf-8?q?=0ABcc:_eve@evil.example?=", "Doe"),
        ("Jane\x00", "\x1b[31m"),
        ("a" * 100, "é, " * 33),
        ("a, " * 30, "Doe"),
        ('"' + "a b " * 20, "Doe"),
        ("\n--=_part\n", "--=_part--"),
    ],
)
def test_a_name_adds_no_header_and_no_recipient(first: str, last: str):
    message = compose(named(first, last, first), "clients@example.org")
    assert_one_recipient(message)


@pytest.mark.parametrize("length", range(76))
def test_no_name_ends_a_part_of_the_message(length: int):
    # Wherever the line that it is in is broken.
    name = f"{'a' * length} --{BOUNDARY}--"
    sent = compose(named(name, name), "clients@example.org").as_bytes()
    ends = [line for line in sent.splitlines() if line.startswith(f"--{BOUNDARY}".encode())]
    assert ends == [f"--{BOUNDARY}{end}".encode() for end in ("", "", "--")]
    for kind in ("plain", "html"):
        assert name in parse(sent).get_body((kind,)).get_content()


HOSTILE = [
    "=?utf-8?q?",
    "?=",
    "=0A",
    "Bcc=3A_",
    "_",
    "=",
    "?",
    " ",
    "\n",
    "\r",
    "\u2028",
    *'",;:<>()[]\\@.',
]


@settings(max_examples=100, deadline=None)
@given(
    first=st.text(st.characters(codec="utf-8"), max_size=100),
    last=st.lists(st.sampled_from([*HOSTILE, "eve@evil.example", "é", "日", "a"])).map("".join),
)
def test_no_name_at_all_adds_a_header_or_a_recipient(first: str, last: str):
    assert_one_recipient(compose(named(first, last), "clients@example.org"))


def test_an_address_that_looks_like_an_encoded_header_stays_an_address():
    address = "=?utf-8?q?=0ABcc=3A_eve=40evil.example?=@acme.example"
    content = compose(stored(recipient=address), "clients@example.org").as_bytes()
    assert f"\r\nTo: Jane Doe <{address}>\r\n".encode() in content
    assert b"\nBcc" not in content


def assert_one_recipient(message: EmailMessage) -> None:
    content = message.as_bytes()
    parsed = parse(content)
    expected = {"Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version"}
    assert set(parsed.keys()) == {*expected, "Content-Type"} and len(parsed.keys()) == 8
    assert [address.addr_spec for address in parsed["To"].addresses] == ["jane@acme.example"]
    assert len(list(parsed.iter_parts())) == 2
    assert max(map(len, content.splitlines())) <= 78


def test_a_name_comes_back_as_it_was():
    for name in ("Jane Doe", "Lee, PhD", '"', "O'Neil", "a, " * 30 + "a", "é" * 100, "=?x?q?y?="):
        content = compose(named(name, "Zoë"), "clients@example.org").as_bytes()
        header = email.message_from_bytes(content)["To"].rpartition("<")[0].rstrip()
        assert str(make_header(decode_header(header))) == f"{name} Zoë"


def test_a_domain_is_written_in_its_ascii_form():
    message = compose(stored(recipient="jane@straße.example"), "clients@exämple.org")
    assert message["To"] == "Jane Doe <jane@xn--strae-oqa.example>"
    assert message["From"] == "clients@xn--exmple-cua.org"


def test_the_sender_must_be_a_plain_address(tmp_path):
    for sender in ("me", "a@b, c@d", "Me <a@b>", "a b@c"):
        with pytest.raises(config.BadSetting, match="MAIL_FROM"):
            config.load(tmp_path, {"MAIL_FROM": sender})


# The outbox


def test_mail_of_a_request_that_fails_is_not_queued(app, api, make_client):
    make_client(email="jane@acme.example")
    body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    assert api.post("/clients", {**body, "send_email": "yes"}).status_code == 422
    assert mails(app) == []


def test_mail_that_is_rolled_back_is_neither_queued_nor_announced(app):
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        with using(app.database), pytest.raises(ZeroDivisionError), app.database.atomic():
            Mail.queue_welcome("jane@acme.example", "Jane", "Doe", None)
            raise ZeroDivisionError
        assert mails(app) == []
        time.sleep(0.2)
        assert eml_files(app) == []
    finally:
        deliverer.stop()


@pytest.mark.parametrize("path", ["/clients", "/contacts", "/team"])
def test_send_email_queues_one_mail(app, api, path):
    body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example", "role_id": 1}
    assert api.post(path, {**body, "send_email": "yes"}).status_code == 201
    (mail,) = mails(app)
    assert (mail["recipient"], mail["status"], mail["attempts"]) == (body["email"], "pending", 0)


def test_the_pauses_double_up_to_four_hours_and_make_a_day():
    pauses = [pause(attempts).total_seconds() / 60 for attempts in range(1, MOST_ATTEMPTS)]
    exact = [1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240, 240]
    assert pauses == pytest.approx(exact, rel=JITTER * 1.001)
    assert timedelta(hours=18) < timedelta(minutes=sum(pauses)) < timedelta(hours=26)


def test_mail_due_later_is_left_alone(app):
    queue(app)
    with using(app.database):
        Mail.begin_attempt(1)  # by a process that died
    assert deliver_due(app) == []
    make_due(app)
    assert deliver_due(app) == [None]


# Into a folder


def test_a_message_becomes_a_file_that_only_its_owner_reads(app):
    queue(app)
    assert deliver_due(app) == [None]
    (file,) = eml_files(app)
    assert file.suffix == ".eml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert parse(file.read_bytes())["To"] == "Jane Doe <jane@acme.example>"
    assert mails(app)[0]["status"] == "sent"


def test_a_file_and_its_name_are_on_the_disk_before_the_mail_is_noted_as_sent(app, monkeypatch):
    """Its name used to be in memory alone, for some seconds in which a power cut took it."""
    queue(app)
    folder = Path(app.instance_path) / "mail"
    synced: list[tuple[Path, int, str]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        file = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append((file, len(list(folder.glob("*.eml"))), mails(app)[0]["status"]))

    monkeypatch.setattr(os, "fsync", watched)
    assert deliver_due(app) == [None]
    made, content, name = synced
    assert made == (folder.parent, 0, "pending")
    assert (content[0].parent, *content[1:]) == (folder, 0, "pending")
    assert name == (folder, 1, "pending")
    assert mails(app)[0]["status"] == "sent"


def test_a_message_that_is_sent_again_replaces_its_file(app):
    queue(app)
    deliver_due(app)
    make_due(app, status="pending")
    assert deliver_due(app) == [None]
    assert len(eml_files(app)) == 1


def test_an_address_that_is_not_ascii_is_written_as_utf8(app):
    queue(app, "jörg@acme.example", "Jörg")
    deliver_due(app)
    content = eml_files(app)[0].read_bytes()
    assert "\r\n <jörg@acme.example>\r\n".encode() in content


def test_a_folder_that_cannot_be_made_defers_the_mail(make_app, tmp_path):
    (tmp_path / "file").touch()
    app = make_app(MAIL_URL=f"file://{tmp_path}/file/mail")
    queue(app)
    queue(app)
    assert all("can't be written" in error for error in deliver_due(app))
    assert [(m["status"], m["attempts"]) for m in mails(app)] == [("pending", 1)] * 2


def test_a_mail_that_cannot_be_written_fails_and_keeps_no_other_back(app):
    queue(app)
    queue(app, "kim@acme.example")
    with using(app.database):
        Mail.update_row(1, context="{}")
    errors = deliver_due(app)
    assert "KeyError" in errors[0] and errors[1] is None
    assert [mail["status"] for mail in mails(app)] == ["failed", "sent"]


# To an SMTP server


def test_mail_is_handed_to_the_server_in_one_connection(make_app, serve_smtp):
    inbox = Inbox()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}", MAIL_FROM="me@example.org")
    queue(app)
    queue(app, "kim@acme.example", "Kim", "Lee, PhD")
    assert deliver_due(app) == [None, None]
    assert [(s, r) for s, r, _ in inbox.received] == [
        ("me@example.org", ["jane@acme.example"]),
        ("me@example.org", ["kim@acme.example"]),
    ]
    assert parse(inbox.received[1][2])["To"].addresses[0].display_name == "Kim Lee, PhD"
    assert len(inbox.sessions) == 1
    assert [mail["status"] for mail in mails(app)] == ["sent", "sent"]


def test_a_name_never_becomes_a_recipient_of_the_envelope(make_app, serve_smtp):
    inbox = Inbox()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    queue(app, first_name="eve@evil.example,", last_name='"<eve@evil.example>\r\nRCPT TO:<e@x.y>')
    assert deliver_due(app) == [None]
    assert inbox.received[0][1] == ["jane@acme.example"]


def test_an_address_that_is_not_ascii_needs_smtputf8(make_app, serve_smtp):
    inbox = Inbox()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    queue(app, "jörg@acme.example", "Jörg")
    assert deliver_due(app) == [None]
    assert inbox.received[0][1] == ["jörg@acme.example"]
    old = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox, enable_SMTPUTF8=False)}")
    queue(old, "jörg@acme.example", "Jörg")
    assert "SMTPUTF8" in deliver_due(old)[0]
    assert mails(old)[0]["status"] == "failed"


def test_a_recipient_who_is_refused_for_good_fails_at_once(make_app, serve_smtp):
    inbox = Inbox(rcpt="550 5.1.1 No such user")
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    queue(app)
    assert deliver_due(app) == ["550 5.1.1 No such user"]
    (mail,) = mails(app)
    assert (mail["status"], mail["attempts"], mail["error"]) == (
        "failed",
        1,
        "550 5.1.1 No such user",
    )


def test_a_message_that_is_refused_for_good_fails_at_once(make_app, serve_smtp):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(Inbox(data='554 5.7.1 Spam'))}")
    queue(app)
    assert deliver_due(app) == ["554 5.7.1 Spam"]
    assert mails(app)[0]["status"] == "failed"


def test_a_recipient_who_is_put_off_is_tried_again(make_app, serve_smtp):
    inbox = Inbox(rcpt="451 4.7.1 Greylisted")
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    queue(app)
    assert deliver_due(app) == ["451 4.7.1 Greylisted"]
    (mail,) = mails(app)
    assert (mail["status"], mail["attempts"], mail["error"]) == (
        "pending",
        1,
        "451 4.7.1 Greylisted",
    )
    assert mail["due"] > timestamp(datetime.now(UTC) + timedelta(seconds=45))
    inbox.replies["rcpt"] = "250 OK"
    make_due(app)
    assert deliver_due(app) == [None]
    assert (mails(app)[0]["status"], mails(app)[0]["error"]) == ("sent", None)


def test_mail_fails_with_its_last_attempt(make_app, serve_smtp):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(Inbox(data='452 4.3.1 Full'))}")
    queue(app)
    make_due(app, attempts=MOST_ATTEMPTS - 2)
    deliver_due(app)
    assert mails(app)[0]["status"] == "pending"
    make_due(app)
    deliver_due(app)
    (mail,) = mails(app)
    assert (mail["status"], mail["error"]) == ("failed", "452 4.3.1 Full")


def test_a_sender_who_is_refused_is_a_matter_of_settings_and_tried_again(make_app, serve_smtp):
    inbox = Inbox(sender="530 5.7.0 Authentication required")
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    queue(app)
    assert deliver_due(app) == ["The sender was refused: 530 5.7.0 Authentication required"]
    assert mails(app)[0]["status"] == "pending"


def test_a_server_that_drops_the_connection_is_asked_anew_for_the_next_mail(make_app, serve_smtp):
    class Tired(Inbox):
        async def handle_RCPT(self, server, session, envelope, address, options):
            self.replies["rcpt"] = "421 4.3.2 Shutting down" if address[0] == "a" else "250 OK"
            return await super().handle_RCPT(server, session, envelope, address, options)

    inbox = Tired()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    queue(app, "a@acme.example")
    queue(app, "b@acme.example")
    assert deliver_due(app) == ["421 4.3.2 Shutting down", None]


def test_a_server_that_is_not_there_is_tried_once_a_round(make_app):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{free_port()}")
    queue(app)
    queue(app)
    assert all("Connection refused" in error for error in deliver_due(app))
    assert [(m["status"], m["attempts"]) for m in mails(app)] == [("pending", 1)] * 2


def test_a_server_that_hangs_costs_a_round_one_timeout(make_app, listen, impatient):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{listen()}")
    for _ in range(10):
        queue(app)
    started = time.monotonic()
    assert all("timed out" in error for error in deliver_due(app))
    assert time.monotonic() - started < 1.5
    assert {mail["status"] for mail in mails(app)} == {"pending"}


def test_a_server_that_dies_within_a_message_is_tried_again(make_app, listen, serve_smtp):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{listen(die_in_data)}")
    queue(app)
    assert deliver_due(app)[0].startswith("The mail server broke off: ")
    assert mails(app)[0]["status"] == "pending"
    inbox = Inbox()
    app.config["MAIL_URL"] = f"smtp://127.0.0.1:{serve_smtp(inbox)}"
    make_due(app)
    assert deliver_due(app) == [None]
    assert len(inbox.received) == 1


def test_the_network_is_not_touched_within_a_transaction(make_app, serve_smtp):
    depths = []

    class Watching(Inbox):
        async def handle_DATA(self, server, session, envelope):
            # Another connection can write, so that no transaction holds the lock.
            with using(app.database), app.database.atomic():
                depths.append(app.database.transaction_depth())
            app.database.close()
            return await super().handle_DATA(server, session, envelope)

    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(Watching())}")
    queue(app)
    assert deliver_due(app) == [None]
    assert depths == [1]


def test_a_host_that_is_no_name_defers_the_mail(make_app):
    app = make_app(MAIL_URL=f"smtp://{'a' * 70}.example")
    queue(app)
    assert deliver_due(app)[0].startswith("The mail server aaaa")
    assert mails(app)[0]["status"] == "pending"


# TLS and login


def test_starttls_is_used_where_it_is_offered_and_the_login_goes_inside(
    make_app, serve_smtp, trusted
):
    inbox = Inbox()
    options = {"require_starttls": True, "auth_required": True}
    port = serve_smtp(inbox, tls_context=trusted, authenticator=inbox.authenticate, **options)
    app = make_app(MAIL_URL=f"smtp://us%40er:pass%20word%401@127.0.0.1:{port}")
    queue(app)
    assert deliver_due(app) == [None]
    assert inbox.logins == [(b"us@er", b"pass word@1", True)]
    assert len(inbox.received) == 1


def test_smtps_is_encrypted_from_the_start(make_app, serve_smtp, trusted):
    inbox = Inbox()
    port = serve_smtp(inbox, ssl_context=trusted)
    app = make_app(MAIL_URL=f"smtps://127.0.0.1:{port}")
    queue(app)
    assert deliver_due(app) == [None]
    assert len(inbox.received) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    make_app, serve_smtp, certificate, scheme
):
    inbox = Inbox()
    kind = "tls_context" if scheme == "smtp" else "ssl_context"
    port = serve_smtp(inbox, **{kind: certificate[1]})
    app = make_app(MAIL_URL=f"{scheme}://127.0.0.1:{port}")
    queue(app)
    assert "certificate verify failed" in deliver_due(app)[0]
    assert inbox.received == []


def test_a_password_that_is_refused_stands_in_no_error_and_no_log(
    make_app, serve_smtp, trusted, caplog
):
    inbox = Inbox()
    port = serve_smtp(inbox, tls_context=trusted, authenticator=inbox.authenticate)
    app = make_app(MAIL_URL=f"smtp://user:wr0ng@127.0.0.1:{port}")
    queue(app)
    (error,) = deliver_due(app)
    assert error == f"The mail server 127.0.0.1:{port}: the login was refused (535)."
    assert "wr0ng" not in caplog.text and mails(app)[0]["status"] == "pending"


def test_a_password_is_not_sent_in_the_clear_to_another_machine(make_app, serve_smtp):
    inbox = Inbox()
    port = serve_smtp(inbox)
    app = make_app(MAIL_URL=f"smtp://user:secret@0.0.0.0:{port}")  # which is here, but may not be
    queue(app)
    (error,) = deliver_due(app)
    assert "offers no encryption" in error and "secret" not in error
    assert inbox.received == []


# Who delivers


def test_a_queued_mail_is_delivered_in_the_background_at_once(app, api):
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
        started = time.monotonic()
        api.post("/clients", {**body, "send_email": "yes"})
        wait_for(lambda: mails(app)[0]["status"] == "sent")
        assert time.monotonic() - started < 2
        assert len(eml_files(app)) == 1
    finally:
        deliverer.stop()


def test_mail_that_was_left_is_delivered_at_the_start(app):
    queue(app)
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: mails(app)[0]["status"] == "sent")
    finally:
        deliverer.stop()
    assert [parse(file.read_bytes())["Subject"] for file in eml_files(app)] == [SUBJECT]


def test_mail_that_was_sent_a_month_ago_is_forgotten(app):
    # It was kept for ever, with names and addresses of people who may be deleted since.
    month = timedelta(days=30)
    ages = {
        "old": month + timedelta(minutes=1),
        "new": month - timedelta(minutes=1),
        "bad": month * 2,
    }
    for number, (name, age) in enumerate(ages.items(), 1):
        queue(app, f"{name}@acme.example")
        status = "failed" if name == "bad" else "sent"
        with using(app.database):
            Mail.update_row(number, status=status, updated=timestamp(datetime.now(UTC) - age))
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: len(mails(app)) < 3)
    finally:
        deliverer.stop()
    left = [mail["recipient"] for mail in mails(app)]
    assert left == ["new@acme.example", "bad@acme.example"]


def test_a_server_that_hangs_neither_slows_nor_fails_a_request(make_app, listen, monkeypatch):
    monkeypatch.setattr("clients_api.deliverer.STOP_SECONDS", 0.1)
    monkeypatch.setattr(transports, "TIMEOUT_SECONDS", 1.5)
    connected = threading.Event()
    port = listen(lambda connection: connected.set())
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{port}")
    api = Caller(app, issue_key(app))
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        queue(app)
        assert connected.wait(3)
        for number in range(5):
            body = {"first_name": "Jane", "last_name": "Doe", "email": f"j{number}@acme.example"}
            started = time.monotonic()
            assert api.post("/clients", {**body, "send_email": "yes"}).status_code == 201
            assert time.monotonic() - started < 0.5
    finally:
        deliverer.stop()
    deliverer._thread.join()  # its connection must be gone before the database is


def test_two_deliverers_send_each_mail_once(make_app, serve_smtp):
    inbox = Inbox()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    deliverers = [Deliverer(app), Deliverer(app)]
    for deliverer in deliverers:
        deliverer.start()
    try:
        for number in range(20):
            queue(app, f"jane{number}@acme.example")
        wait_for(lambda: all(mail["status"] == "sent" for mail in mails(app)))
    finally:
        for deliverer in deliverers:
            deliverer.stop()
    assert len(inbox.received) == 20
    assert len({recipients[0] for _, recipients, _ in inbox.received}) == 20


def test_mail_that_another_process_queues_meanwhile_goes_with_the_round(make_app, serve_smtp):
    class Busy(Inbox):
        async def handle_DATA(self, server, session, envelope):
            if not self.received:
                queue(other, "late@acme.example")
            return await super().handle_DATA(server, session, envelope)

    inbox = Busy()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(inbox)}")
    other = create_app({"INSTANCE_PATH": Path(app.database.database).parent})
    queue(app)
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: len(inbox.received) == 2, POLL_SECONDS / 2)  # before the next look
    finally:
        deliverer.stop()
        other.database.close_all()
    assert [recipients for _, recipients, _ in inbox.received] == [
        ["jane@acme.example"],
        ["late@acme.example"],
    ]


def test_whoever_delivers_is_alone_until_it_ends_or_dies(app):
    path = f"{app.database.database}-mail.lock"
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('locked', flush=True); input()"
    )
    command = [sys.executable, "-c", code, path]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with alone(app) as is_alone:
            assert not is_alone
        other.kill()
        other.wait()
    with alone(app) as is_alone:
        assert is_alone
        with alone(app) as is_alone:
            assert not is_alone


def test_delivery_by_hand_waits_for_whoever_delivers(app):
    queue(app)
    results: list[Result] = []
    by_hand = threading.Thread(target=lambda: results.append(outbox(app, "deliver")))
    with alone(app):
        by_hand.start()
        time.sleep(0.2)
        assert results == []
        with using(app.database):
            Mail.note_sent(1)
    by_hand.join(10)
    assert results[0].stdout == "Delivered 0 of 0.\n"


def test_a_broken_database_does_not_end_the_deliverer(app, monkeypatch, caplog):
    monkeypatch.setattr("clients_api.deliverer.REST_SECONDS", 0.05)
    app.database.execute_sql("ALTER TABLE mail RENAME TO post")
    deliverer = Deliverer(app)
    deliverer.start()
    try:
        wait_for(lambda: "Mail can't be delivered" in caplog.text)
        app.database.execute_sql("ALTER TABLE post RENAME TO mail")
        queue(app)
        wait_for(lambda: mails(app)[0]["status"] == "sent")
    finally:
        deliverer.stop()
    assert len(eml_files(app)) == 1


# By hand


def outbox(app: Service, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["outbox", *arguments], obj=app)
    app.database.close()
    return result


def test_the_outbox_is_listed(make_app, serve_smtp):
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{serve_smtp(Inbox(rcpt='550 No such user'))}")
    queue(app)
    deliver_due(app)
    queue(app, "kim@acme.example")
    for arguments in ((), ("list",)):
        result = outbox(app, *arguments)
        assert result.exit_code == 0
        _, first, second = result.stdout.splitlines()
        assert re.fullmatch(r" +1 failed +1 - +jane@acme.example +550 No such user", first)
        assert re.fullmatch(r" +2 pending +0 2\S+Z +kim@acme.example", second)
    assert len(outbox(app, "list", "--status", "failed").stdout.splitlines()) == 2


def test_the_outbox_is_delivered_by_hand(app):
    queue(app)
    queue(app)
    result = outbox(app, "deliver")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Delivered 2 of 2.\n", "")
    assert len(eml_files(app)) == 2
    assert outbox(app, "deliver").stdout == "Delivered 0 of 0.\n"


def test_delivery_by_hand_says_in_one_line_what_went_wrong(make_app):
    port = free_port()
    app = make_app(MAIL_URL=f"smtp://127.0.0.1:{port}")
    queue(app)
    queue(app)
    result = outbox(app, "deliver")
    assert (result.exit_code, result.stdout) == (1, "Delivered 0 of 2.\n")
    assert re.fullmatch(rf"Error: The mail server 127.0.0.1:{port}: .*\n", result.stderr)


def test_mail_that_is_not_due_or_has_failed_is_delivered_on_demand(app):
    queue(app)
    queue(app)
    with using(app.database):
        Mail.begin_attempt(1)
        Mail.note_failed(2, "550 No such user")
    assert outbox(app, "deliver").stdout == "Delivered 0 of 0.\n"
    assert outbox(app, "deliver", "--all").stdout == "Delivered 1 of 1.\n"
    assert outbox(app, "deliver", "--retry-failed").stdout == "Delivered 1 of 1.\n"
    assert [mail["status"] for mail in mails(app)] == ["sent", "sent"]


# With real processes


def create(server: Server, number: int) -> int:
    """Make a client with a welcome mail and return the status of the answer."""
    body = {"first_name": "Jane", "last_name": "Doe", "email": f"jane{number}@acme.example"}
    request = urllib.request.Request(
        f"{server.url}/api/clients",
        json.dumps({**body, "send_email": "yes"}).encode(),
        {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


@pytest.mark.slow
def test_two_workers_deliver_each_mail_once(start_server):
    server = start_server("--workers", "2")
    for number in range(20):
        assert create(server, number) == 201
    folder = server.folder / "mail"
    wait_for(lambda: len(list(folder.glob("*.eml"))) == 20, 15)
    time.sleep(0.5)
    recipients = [parse(f.read_bytes())["To"].addresses[0].addr_spec for f in folder.iterdir()]
    assert sorted(recipients) == sorted(f"jane{number}@acme.example" for number in range(20))
    assert server.log.read_text().count(" is sent") == 20
    assert server.stop() == 0


@pytest.mark.slow
def test_mail_goes_on_when_a_worker_is_killed(start_server, serve_smtp):
    inbox = Inbox()
    url = f"smtp://127.0.0.1:{serve_smtp(inbox)}"
    server = start_server("--workers", "2", MAIL_URL=url)
    assert create(server, 0) == 201
    wait_for(lambda: len(inbox.received) == 1)
    parent = server.process.pid
    list_of_workers = Path(f"/proc/{parent}/task/{parent}/children")
    wait_for(lambda: len(list_of_workers.read_text().split()) == 2)
    os.kill(int(list_of_workers.read_text().split()[0]), signal.SIGKILL)
    assert create(server, 1) == 201
    wait_for(lambda: len(inbox.received) == 2, 15)
    assert server.stop() == 0


@pytest.mark.slow
def test_mail_whose_sender_dies_before_it_is_noted_is_sent_again(start_server, serve_smtp):
    class Deadly(Inbox):
        async def handle_DATA(self, server, session, envelope):
            reply = await super().handle_DATA(server, session, envelope)
            if len(self.received) == 1:
                os.killpg(process.pid, signal.SIGKILL)
            return reply

    inbox = Deadly()
    url = f"smtp://127.0.0.1:{serve_smtp(inbox)}"
    server = start_server(MAIL_URL=url)
    process = server.process
    with contextlib.suppress(OSError):  # it may die before it answers
        create(server, 0)
    process.wait(10)
    app = create_app({"INSTANCE_PATH": server.folder, "MAIL_URL": url})
    assert [(m["status"], m["attempts"]) for m in mails(app)] == [("pending", 1)]
    assert outbox(app, "deliver").stdout == "Delivered 0 of 0.\n"  # not at once
    assert outbox(app, "deliver", "--all").stdout == "Delivered 1 of 1.\n"
    first, second = (parse(content) for _, _, content in inbox.received)
    assert first["Message-ID"] == second["Message-ID"]
    app.database.close_all()


@pytest.mark.slow
def test_a_server_process_ends_in_time_while_the_mail_server_hangs(start_server, listen):
    connected = threading.Event()
    port = listen(lambda connection: connected.set())
    server = start_server(MAIL_URL=f"smtp://127.0.0.1:{port}")
    assert create(server, 0) == 201
    assert connected.wait(5)
    started = time.monotonic()
    assert create(server, 1) == 201
    assert time.monotonic() - started < 1
    assert server.stop() == 0
    assert time.monotonic() - started < 12
