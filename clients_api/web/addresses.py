"""The address of a request: whether it is the one that its caller meant."""

from __future__ import annotations

import re
from urllib.parse import unquote

import flask
from werkzeug.exceptions import NotFound

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
