"""Addresses: whether that of a request is the one that its caller meant, and those in answers."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import flask
from werkzeug.exceptions import NotFound

# A name, an IPv4 or an IPv6 address, and perhaps a port: nothing that could end an address early.
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_ESCAPED_SLASH = re.compile("%2f", re.IGNORECASE)


def require_meant(request: flask.Request, title: str, *, changes: bool) -> None:
    """Require of a path that it has not become the path of a record on its way.

    Clients fold `/clients/1/tags/..` to `/clients/1/` before they send it; who changes something
    there does not mean the client. And a slash that is escaped belongs to a text, and separates
    nothing. In: `title`, the text at the end of the path that may have slashes; whether the
    request `changes` the record whose path it is. Raises NotFound.
    """
    if changes and request.path.endswith("/"):
        raise NotFound
    # What was sent, as servers hand it on; PATH_INFO is without escapes.
    sent = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    before, *escaped = _ESCAPED_SLASH.split(sent.partition("?")[0], maxsplit=1)
    if escaped and not (title and request.path.removesuffix(title) in unquote(before)):
        raise NotFound


def origin(request: flask.Request) -> str:
    """Return the scheme and host by which the service is reached: of PUBLIC_URL or the request.

    It is empty where the request names no host that is one; addresses are relative then.
    """
    if public := flask.current_app.config["PUBLIC_URL"]:
        return public.removesuffix(urlsplit(public).path)
    if request.scheme not in ("http", "https") or not _HOST.fullmatch(request.host):
        return ""
    return f"{request.scheme}://{request.host}"


def mount(request: flask.Request) -> str:
    """Return the path below which the service is reached, empty where there is none.

    It is the path of PUBLIC_URL or, where that has none, what the proxies or the server say.
    """
    return urlsplit(flask.current_app.config["PUBLIC_URL"]).path or quote(request.script_root)


def root(request: flask.Request) -> str:
    """Return the address below which all paths of the service are, without a slash at its end."""
    return origin(request) + mount(request)
