"""The HTTP messages of the service (RFC 9110): Flask's request and response, and what is ours."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlsplit

import flask
from werkzeug.datastructures import Headers

from . import current_app, log
from .auth import Caller

# Of every answer that does not say otherwise.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store, no-transform"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
SPOOL_BYTES = 1024 * 1024  # that are kept in memory
IGNORED_BYTES = 4000  # many proxies and clients refuse headers of more than some kilobytes


class Request(flask.Request):
    """A request, with what is known of it on its way."""

    caller: Caller | None = None
    is_overridden = False  # a POST that is meant as another method
    is_counted = False  # whether it is known who calls, and the call counted
    body: bytes | None = None  # None until it is read
    upload: Any = None  # the file that the body is, when it has been received
    ignored: Iterable[str] = ()
    rate_headers: Mapping[str, str] = {}
    is_trial = False  # whether it is to tell what it would do, and to change nothing
    message: str | None = None  # of the answer, where it is not the usual one

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(environ, *args, **kwargs)
        self.started = time.perf_counter()
        self.id = log.request_id(environ, lambda: secrets.token_hex(8))
        self.spools: list[BinaryIO] = []

    @property
    def mount(self) -> str:
        """The path below which the service is reached, empty where there is none.

        It is the path of PUBLIC_URL or, where that has none, what the proxies or the server say.
        """
        public = current_app.config["PUBLIC_URL"]
        return (urlsplit(public).path if public else "") or quote(self.script_root)

    def close(self) -> None:
        """Let go of what was kept for the request."""
        super().close()
        for spool in self.spools:
            with suppress(OSError):  # of a full disk, which was told when it was written
                spool.close()

    def spool(self) -> BinaryIO:
        """Make a file for as long as the request takes; a large one lies on the disk."""
        spool = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115
        self.spools.append(cast(BinaryIO, spool))
        return self.spools[-1]


class Response(flask.Response):
    """An answer. What every answer has in its head is added when it leaves, to the plain list.

    werkzeug checks each header when it is set, looks for others of its name, and copies them all
    in the end: for a dozen headers as dear as the query of a record.
    """

    request: Request | None = None  # that it answers; None until it is about to leave

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Return the headers; werkzeug has to correct only those of a 304, which has no body."""
        return super().get_wsgi_headers(environ) if self.status_code == 304 else self.headers

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Any, str, list[tuple[str, str]]]:
        """Return the body, the status and the list of headers, for WSGI's start_response."""
        body, status, headers = super().get_wsgi_response(environ)
        given = {name for name, _ in headers}
        headers += [header for header in SECURITY_HEADERS if header[0] not in given]
        if self.request is not None:
            headers += self.request.rate_headers.items()
            headers.append(("X-Request-ID", self.request.id))
            if self.request.ignored:
                headers.append(("Ignored-Parameters", ignored_header(self.request.ignored)))
        return body, status, headers


def ignored_header(names: Iterable[str]) -> str:
    """Write the names of ignored parameters as a header; what no header may hold is escaped."""
    header = ", ".join(quote(name[:100], safe=" []()") for name in names)
    if len(header) <= IGNORED_BYTES:
        return header
    return header[:IGNORED_BYTES].rpartition(",")[0] + ", ..."
