"""One request to a receiver: to an address that was checked, and over after ten seconds."""

from __future__ import annotations

import datetime
import email.utils
import functools
import http.client
import socket
import ssl
import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from clients_api.version import __version__

from .addresses import PORTS, Forbidden, Target, parse, resolve

SECONDS = 10  # for all of it: the name, the connection, the request and the head of the answer


class Outcome(NamedTuple):
    """What came of a try: the status of the answer, or why there is none.

    `retry_after` is what the answer says of the next try, in seconds from now.
    """

    status: int | None
    error: str | None
    ms: int
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300


def send(url: str, headers: Mapping[str, str], body: bytes, exempt: Collection[str]) -> Outcome:
    """Post a body. In: the headers of its signature; the hosts of WEBHOOK_HOSTS.

    Raises nothing: whatever goes wrong is in what it returns, in a sentence without the URL's path,
    which may hold a secret.
    """
    started = time.monotonic()
    retry_after = status = error = None
    try:
        status, retry_after = _exchange(url, headers, body, exempt, started + SECONDS)
    except (OSError, http.client.HTTPException) as problem:
        error = _sentence(problem)
    ms = round((time.monotonic() - started) * 1000)
    return Outcome(status, error, ms, retry_after)


def _exchange(
    url: str, headers: Mapping[str, str], body: bytes, exempt: Collection[str], deadline: float
) -> tuple[int, float | None]:
    connection = _Connection(parse(url, exempt), deadline)
    try:
        connection.request("POST", connection.target.path, body, {**_HEADERS, **headers})
        # Of the answer nothing but its head is read: what it says is nobody's to know.
        answer = connection.getresponse()
        return answer.status, _seconds(answer.getheader("Retry-After"))
    finally:
        connection.close()


_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": f"clients-api/{__version__}",
    "Connection": "close",
}


class _Connection(http.client.HTTPConnection):
    """A connection to a checked address. It knows no proxies and follows no redirects."""

    def __init__(self, target: Target, deadline: float) -> None:
        super().__init__(target.host, target.port)
        self.target = target
        self.default_port = PORTS[target.scheme]  # which Host leaves out
        self._deadline = deadline

    def connect(self) -> None:
        """Resolve the name once, and connect to the first of its addresses that answers."""
        places = resolve(self.target, _left(self._deadline))
        for number, (family, kind, protocol, _, place) in enumerate(places, 1):
            connection = _Socket(family, kind, protocol)
            connection.deadline = self._deadline
            try:
                # One that is silent leaves time for the others.
                share = len(places) - number + 1
                connection.settimeout(_left(self._deadline) / share)
                connection.connect(place)
            except OSError:
                connection.close()
                if number == len(places):
                    raise
            else:
                break
        self.sock = self._secured(connection) if self.target.scheme == "https" else connection

    def _secured(self, connection: socket.socket) -> socket.socket:
        name = self.target.host.rstrip(".")  # of the root, which stands in no certificate
        secured: Any = _context(ssl.get_default_verify_paths()).wrap_socket(
            connection, server_hostname=name, do_handshake_on_connect=False
        )
        secured.deadline = self._deadline
        try:
            secured.hurry()
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured


class _Hurried:
    """What ends a socket's work at a deadline: its own time limit begins anew with each byte."""

    deadline = 0.0

    def hurry(self) -> None:
        """Let what follows take no longer than what is left. Raises TimeoutError."""
        self.settimeout(_left(self.deadline))  # type: ignore[attr-defined]

    def recv_into(self, *args: Any, **options: Any) -> int:
        self.hurry()
        return super().recv_into(*args, **options)  # type: ignore[misc]

    def send(self, *args: Any, **options: Any) -> int:
        self.hurry()
        return super().send(*args, **options)  # type: ignore[misc]

    def sendall(self, *args: Any, **options: Any) -> None:
        self.hurry()
        super().sendall(*args, **options)  # type: ignore[misc]


class _Socket(_Hurried, socket.socket):
    """A connection in the clear."""


class _TLSSocket(_Hurried, ssl.SSLSocket):
    """An encrypted one."""


@functools.lru_cache(maxsize=1)
def _context(authorities: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Make what encrypts; to read the system's authorities anew for each try takes 20 ms."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TLSSocket
    return context


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _seconds(header: str | None) -> float | None:
    """Return the seconds that Retry-After asks for (RFC 9110, section 10.2.3); None for nothing."""
    if header is None:
        return None
    if header.strip().isdecimal() and len(header) < 12:
        return float(header)
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())


def _sentence(problem: Exception) -> str:
    match problem:
        case Forbidden():
            return str(problem)
        case TimeoutError():
            return f"There was no answer within {SECONDS} seconds."
        case socket.gaierror():
            return "The name of the host can't be resolved."
        case ssl.SSLCertVerificationError():
            return f"The certificate is not valid: {problem.verify_message}."
        case ssl.SSLError():
            return "The connection could not be encrypted."
        case OSError() if problem.strerror:
            return f"{problem.strerror}."
        case OSError():  # of http.client, where nothing was answered
            return "The connection was lost."
    return "The answer was not HTTP."
