"""The message that a queued mail becomes: plain text and HTML, with headers nobody can inject."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from email import policy
from email.header import Header
from email.headerregistry import UnstructuredHeader
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import email_validator
from markupsafe import Markup


class AsWritten:
    """A header factory (email.policy) that leaves headers as they are.

    The email package parses what is set, and again whenever it is read. For a message that is
    written here, and read by nobody, that takes longer than all else that sends it.
    """

    def __call__(self, name: str, value: str) -> str:
        return value

    def __getitem__(self, name: str) -> type[UnstructuredHeader]:
        return UnstructuredHeader  # it is asked only how many of a name there may be


POLICY = policy.SMTP.clone(refold_source="none", header_factory=AsWritten())
PLAIN_NAME = re.compile(r"[A-Za-z0-9 '-]{1,60}")

BOUNDARY = "=_part"  # RFC 2045, section 6.7: "=_" is in nothing that is quoted-printable

SUBJECT = "Welcome to your new account"  # constant: what is in a name can't get into it
TEXT = """\
Hello {name},

welcome! An account{whose} has been opened for you with the address
{email}.

There is nothing that you need to do. If you did not expect this message,
you can ignore it.
"""
HTML = Markup("""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="margin: 2em auto; max-width: 36em; padding: 0 1em;
 color: #222; font-family: sans-serif; line-height: 1.5">
<p>Hello {name},</p>
<p>welcome! An account{whose} has been opened for you with the address {email}.</p>
<p>There is nothing that you need to do. If you did not expect this message,
you can ignore it.</p>
</body>
</html>
""")


def compose(mail: Mapping[str, Any], sender: str) -> EmailMessage:
    """Write the message of a queued mail, with the same Message-ID and Date whenever it is asked.

    In: the mail as stored, and the sender as in MAIL_FROM. Raises LookupError for a template that
    there is not, and ValueError for an address that is none.
    """
    subject, text, html = {"welcome": _welcome}[mail["template"]](mail)
    moment = mail["created"]
    sender_name, sender = name_and_address(sender)
    sender, recipient = ascii_domain(sender), ascii_domain(mail["recipient"])
    message = EmailMessage(policy=POLICY)
    message["Message-ID"] = f"<{_digits(moment)}.{mail['id']}@{sender.rpartition('@')[2]}>"
    message["Date"] = format_datetime(datetime.datetime.fromisoformat(moment))
    # Raw, since they may be folded.
    message.set_raw("From", _named("From", sender_name, sender) if sender_name else sender)
    message.set_raw("To", _named("To", _full_name(json.loads(mail["context"])), recipient))
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers from absence notices
    # Not 8bit, which not every server takes.
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.set_boundary(BOUNDARY)
    return message


def _welcome(mail: Mapping[str, Any]) -> tuple[str, str, str]:
    context = json.loads(mail["context"])
    name = _full_name(context)
    company = one_line(context["company_name"] or "")
    whose = f" for {company}" if company not in ("", name) else ""
    values = {"name": name, "whose": whose, "email": mail["recipient"]}
    return SUBJECT, TEXT.format(**values), str(HTML.format(subject=SUBJECT, **values))


def _full_name(context: Mapping[str, str]) -> str:
    return one_line(f"{context['first_name']} {context['last_name']}")


def one_line(text: str) -> str:
    """Put a single space in the place of each run of spaces, line ends and control characters."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def _digits(moment: str) -> str:
    return re.sub(r"\D", "", moment)


def name_and_address(sender: str) -> tuple[str, str]:
    """Take the setting MAIL_FROM apart: `Acme Ltd <clients@acme.example>`, or an address alone."""
    name, bracket, address = sender.rpartition("<")
    if not bracket:
        return "", sender
    name = name.strip()
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return one_line(name), address.removesuffix(">")


def _named(header: str, name: str, address: str) -> str:
    # As encoded words (RFC 2047), in which nothing has a meaning, unless it is words alone.
    if PLAIN_NAME.fullmatch(name):
        return f"{name} <{address}>"
    return f"{Header(name, 'utf-8', header_name=header).encode()}\n <{address}>"


def ascii_domain(address: str) -> str:
    """Write the domain of an address in its ASCII form; only its local part may need SMTPUTF8."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        domain = email_validator.validate_email(
            address, check_deliverability=False, test_environment=True
        ).ascii_domain
    return f"{local}@{domain}"
