"""How mail leaves: into a folder, or to an SMTP server."""

from __future__ import annotations

import os
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import free_port
from postbox import Inbox, deliver_due, die_in_data, eml_files, mails, make_due, parse, queue

from clients_api.mail import transports
from clients_api.models import Mail
from clients_api.models.base import timestamp
from clients_api.models.engines.current import using
from clients_api.models.mail import MOST_ATTEMPTS


@pytest.fixture
def trusted(certificate: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context whose certificate is trusted in this test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    return certificate[1]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "GREETING_SECONDS", 0.3)


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
