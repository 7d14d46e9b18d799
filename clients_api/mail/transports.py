"""How mail leaves: written to a folder, or handed to an SMTP server.

A transport opens itself with the first message and is closed by its user. Its `send` raises
Rejected, Deferred or Unreachable.
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import tempfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from clients_api.models.engines import disk

from .message import POLICY, one_line

log = logging.getLogger("clients_api")

# How long a server may take (RFC 5321, section 4.5.3.2). Whoever hangs up sooner on one that is
# slow to say that it has the mail sends it again, and the mail is there twice.
GREETING_SECONDS = 300  # to connect, and to say hello; for each command that is not named below
COMMAND_SECONDS = {"data": 120}
CONTENT_SECONDS = 180  # to take the message
TAKEN_SECONDS = 600  # to say that it has taken it
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Rejected(Exception):
    """The message will never be taken; the text says why."""


class Deferred(Exception):
    """The message was not taken now, but may be later; the text says why."""


class Unreachable(Deferred):
    """No message can be handed over at the moment; the text says why."""


def transport(url: str, database: Path) -> Folder | Server:
    """Return what the setting MAIL_URL names; whom the database belongs to gets what is made."""
    if url.startswith("file://"):
        return Folder(Path(url.removeprefix("file://")), database)
    return Server(url)


class Folder:
    """Writes each message as an .eml file, named like its Message-ID; the folder is made.

    What was written outlasts a power cut: it is noted as sent, and not written again.
    """

    def __init__(self, path: Path, database: Path) -> None:
        self._path = path
        self._database = database

    def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Write a message, whole or not at all; one that is there already is replaced."""
        name = message["Message-ID"].strip("<>").partition("@")[0] + ".eml"
        is_ascii = (sender + recipient).isascii()
        content = message.as_bytes(policy=POLICY.clone(utf8=not is_ascii))
        try:
            if not self._path.is_dir():
                self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
                disk.give(self._path, self._database)
                disk.sync(self._path.parent)
            self._write(self._path / name, content)
            disk.sync(self._path)
        except OSError as error:
            raise Unreachable(f"The folder {self._path} can't be written: {error}") from error

    def _write(self, path: Path, content: bytes) -> None:
        # Made for its owner alone (mkstemp), and hidden until it is complete.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                disk.give(file.fileno(), self._database)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
                raise

    def close(self) -> None:
        """Do nothing: each file is closed when it is written."""


class _SMTP(smtplib.SMTP):
    """Has smtplib wait for each answer as long as it may take; by itself it knows one time only."""

    def putcmd(self, cmd: str, args: str = "") -> None:
        self._wait(COMMAND_SECONDS.get(cmd.lower(), GREETING_SECONDS))
        super().putcmd(cmd, args)

    def send(self, s: Any) -> None:
        is_content = not isinstance(s, str)
        if is_content:
            self._wait(CONTENT_SECONDS)
        super().send(s)
        if is_content:
            self._wait(TAKEN_SECONDS)

    def _wait(self, seconds: float) -> None:
        if self.sock is not None:  # else what follows says that nobody is there
            self.sock.settimeout(seconds)


class _SMTPS(smtplib.SMTP_SSL, _SMTP):
    """The same, over TLS from the start."""


class Server:
    """Hands messages to an SMTP server, one connection for all of them.

    In: `smtp://` or `smtps://`, with `user:password@` (percent-encoded) for a login. With smtp://
    TLS is used if the server offers it. Certificates are checked against the system's
    authorities, or those of the file that SSL_CERT_FILE names. A password leaves this machine
    only encrypted, and is in no error.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._smtp: smtplib.SMTP | None = None

    def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Hand over a message; when this returns, the server has taken charge of it."""
        if self._smtp is None or self._smtp.sock is None:  # smtplib drops it after a 421
            self._smtp = self._connect()
        try:
            self._smtp.send_message(message, sender, [recipient])
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(*error.recipients[recipient]) from error
        except smtplib.SMTPSenderRefused as error:
            # MAIL_FROM or the login is wrong, not this mail: the operator may mend it.
            raise Deferred(f"The sender was refused: {_reason(error)}") from error
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Rejected(one_line(str(error))) from error
        except OSError as error:  # also of smtplib: the connection is lost
            self.close()
            raise Deferred(f"The mail server broke off: {_reason(error)}") from error

    def close(self) -> None:
        """Take leave of the server."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            smtp.quit()
        except OSError as error:
            log.debug("The mail server did not say goodbye: %s", error)
        finally:
            smtp.close()

    def _connect(self) -> smtplib.SMTP:
        try:
            smtp = self._open()
            try:
                self._secure_and_log_in(smtp)
            except OSError:
                smtp.close()
                raise
        except (OSError, UnicodeError) as error:  # the latter from a host that is no name
            place = self._url.netloc.rpartition("@")[2]
            raise Unreachable(f"The mail server {place}: {_reason(error)}") from error
        return smtp

    def _open(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or 0  # 0: the usual one
        if self._url.scheme == "smtp":
            return _SMTP(host, port, timeout=GREETING_SECONDS)
        context = ssl.create_default_context()
        return _SMTPS(host, port, timeout=GREETING_SECONDS, context=context)

    def _secure_and_log_in(self, smtp: smtplib.SMTP) -> None:
        is_private = self._url.scheme == "smtps" or self._url.hostname in LOOPBACK
        smtp.ehlo_or_helo_if_needed()
        if self._url.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
            is_private = True
        if self._url.username is None:
            return
        if not is_private:
            raise OSError("it offers no encryption, and the password is not sent without.")
        user, password = unquote(self._url.username), unquote(self._url.password or "")
        if not (user + password).isascii():
            raise OSError("a login can only be made with a user and password in ASCII.")
        smtp.login(user, password)


def _refusal(code: int, reply: bytes | str) -> Rejected | Deferred:
    kind = Rejected if code >= 500 else Deferred  # RFC 5321, section 4.2.1
    return kind(_quote(code, reply))


def _reason(error: Exception) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            # The reply may repeat what was sent.
            return f"the login was refused ({error.smtp_code})."
        case smtplib.SMTPResponseException():
            return _quote(error.smtp_code, error.smtp_error)
    return one_line(str(error)) or type(error).__name__


def _quote(code: int, reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return f"{code} {one_line(text)[:500]}"
