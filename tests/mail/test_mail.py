"""The message that a queued mail becomes, and the outbox that it waits in."""

from __future__ import annotations

import email
import json
import time
from datetime import timedelta
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postbox import deliver_due, eml_files, mails, make_deliverer, make_due, parse, queue

from clients_api import config
from clients_api.mail.message import BOUNDARY, SUBJECT, compose
from clients_api.models import Mail
from clients_api.models.engines.current import using
from clients_api.models.mail import JITTER, MOST_ATTEMPTS, pause


def stored(**columns: Any) -> dict[str, Any]:
    """Make a queued mail as it is stored."""
    context = '{"first_name": "Jane", "last_name": "Doe", "company_name": "Acme Inc"}'
    moment = "2026-06-15T09:30:00.123456Z"
    mail = {"id": 7, "template": "welcome", "recipient": "jane@acme.example", "created": moment}
    return {**mail, "context": context, **columns}


def named(first_name: str, last_name: str, company_name: str | None = None) -> dict[str, Any]:
    names = {"first_name": first_name, "last_name": last_name, "company_name": company_name}
    return stored(context=json.dumps(names))


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


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("clients@acme.example", ""),
        ("<clients@acme.example>", ""),
        ("Acme Ltd <clients@acme.example>", "Acme Ltd"),
        ("Acme Ltd<clients@acme.example>", "Acme Ltd"),
        ('"Acme, Ltd" <clients@acme.example>', "Acme, Ltd"),
        (r'"The \"Acme\" <Group>" <clients@acme.example>', 'The "Acme" <Group>'),
        ("Acme, Ltd (London); est. 1900 <clients@acme.example>", "Acme, Ltd (London); est. 1900"),
        ("Käse & Söhne 株式会社 <clients@acme.example>", "Käse & Söhne 株式会社"),
        ("=?utf-8?q?Bcc=3A_x=40y?= <clients@acme.example>", "=?utf-8?q?Bcc=3A_x=40y?="),
        ("é" * 100 + " <clients@acme.example>", "é" * 100),
    ],
)
def test_the_sender_may_have_a_name(tmp_path, sender, name):
    """Only a plain address used to be taken."""
    setting = config.load(tmp_path, {"MAIL_FROM": sender})["MAIL_FROM"]
    message = email.message_from_bytes(compose(stored(), setting).as_bytes())
    shown, _, address = message["From"].rpartition("<")
    assert address.rstrip(">") == "clients@acme.example"
    assert str(make_header(decode_header(shown.strip()))) == name
    assert message["Message-ID"].endswith("@acme.example>")
    assert sorted(message.keys()) == sorted(compose(stored(), "a@b.example").keys())


def test_the_sender_must_be_one_address(tmp_path):
    for sender in ("me", "a@b, c@d", "a b@c", "Me <a@b", "Me a@b", "Me <a@b>, <c@d>", '"Me <a@b>'):
        with pytest.raises(config.BadSetting, match="MAIL_FROM"):
            config.load(tmp_path, {"MAIL_FROM": sender})


# The outbox


def test_mail_of_a_request_that_fails_is_not_queued(app, api, make_client):
    make_client(email="jane@acme.example")
    body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    assert api.post("/clients", {**body, "send_email": "yes"}).status_code == 422
    assert mails(app) == []


def test_mail_that_is_rolled_back_is_neither_queued_nor_announced(app):
    deliverer = make_deliverer(app)
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
    body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    needed = {"/contacts": {"type": "contact"}, "/team": {"role_id": 1}}.get(path, {})
    assert api.post(path, {**body, **needed, "send_email": "yes"}).status_code == 201
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
