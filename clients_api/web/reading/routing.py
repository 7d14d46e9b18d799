"""Which record and method a request means, and what addresses there are in answers."""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from clients_api.web import current_app
from clients_api.web.errors import Refused, unprocessable

from .bodies import read_body, read_bytes

LINE_BYTES = 16_384  # of a request line, and of one header: many tags in CJK take four and more

_HEADER = "HTTP_X_HTTP_METHOD_OVERRIDE"
PARAMETER = "_method"
OVERRIDING = ("PUT", "PATCH", "DELETE")  # what a POST may be meant as

# A name, an IPv4 or an IPv6 address, and perhaps a port: nothing that could end an address early.
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_ESCAPED_SLASH = re.compile("%2f", re.IGNORECASE)


def require_short(request: Any) -> None:
    """Require that an address is no longer than a request line may be. Raises Refused, 414."""
    environ = request.environ
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if len(sent or request.path + environ.get("QUERY_STRING", "")) > LINE_BYTES:
        raise Refused(414, f"The address may not be longer than {LINE_BYTES} bytes.")


def require_host(request: Any) -> None:
    """Require that what a request calls the service can be its name (RFC 9112, section 3.2).

    Answers have addresses with it. Raises Refused, 400.
    """
    host = request.environ.get("HTTP_HOST")
    if host and not _can_be_host(host):
        raise Refused(400, "The header Host is not valid.")


@functools.lru_cache(maxsize=256)
def _can_be_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None


def require_meant(request: Any, title: str, *, changes: bool) -> None:
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


def origin(request: Any) -> str:
    """Return the scheme and host by which the service is reached: of PUBLIC_URL or the request."""
    if public := current_app.config["PUBLIC_URL"]:
        return public.removesuffix(urlsplit(public).path)
    scheme = "https" if request.scheme == "https" else "http"  # whatever a proxy calls it
    return f"{scheme}://{request.host or 'localhost'}"


def root(request: Any) -> str:
    """Return the address below which all paths of the service are, without a slash at its end."""
    return origin(request) + request.mount


def may_be_overridden(request: Any) -> bool:
    """Tell whether a request may be meant as another method than it has: a POST to a record."""
    if request.method != "POST":
        return False
    rule = request.url_rule
    return rule is None or "<id:" in rule.rule or _HEADER in request.environ


def override(request: Any, adapter: Any) -> None:
    """Make a POST the request that it is meant as.

    The header says so everywhere, the parameter `_method` where the path is of one record. Raises
    Refused: 422 for a method that a POST can't stand for, and what there is for a body that is not
    what its type says.
    """
    method = None
    if header := request.environ.get(_HEADER, "").strip():
        method = _overriding(header, "X-HTTP-Method-Override")
    elif _is_of_record(request, adapter) and PARAMETER.encode() in read_bytes(request):
        method = _overriding(read_body(request, ()).get(PARAMETER), PARAMETER)
    if method is None:
        return
    request.method = request.environ["REQUEST_METHOD"] = method
    request.is_overridden = True
    request.routing_exception = None
    try:
        request.url_rule, request.view_args = adapter.match(method=method, return_rule=True)
    except HTTPException as error:
        request.routing_exception = error


def _is_of_record(request: Any, adapter: Any) -> bool:
    rule = request.url_rule
    if isinstance(request.routing_exception, MethodNotAllowed):
        rule, _ = adapter.match(method=adapter.allowed_methods()[0], return_rule=True)
    return rule is not None and "<id:" in rule.rule


def _overriding(value: Any, name: str) -> str | None:
    method = value.upper() if isinstance(value, str) else value
    if method in (None, "POST"):
        return None
    if method not in OVERRIDING:
        raise unprocessable({name: [f"The selected {name} is invalid."]})
    return method


def take_method(request: Any, params: dict[str, Any]) -> None:
    """Take the parameter `_method` out of a body, if it is what the request is.

    Raises MethodNotAllowed and Refused, 422, for a POST to no record that asks for another, and
    422 for one that its header makes another.
    """
    if PARAMETER not in params:
        return
    value = params[PARAMETER]
    if value is None or (isinstance(value, str) and value.upper() == request.method):
        del params[PARAMETER]
    elif request.is_overridden:
        told = f"The {PARAMETER} differs from the header X-HTTP-Method-Override."
        raise unprocessable({PARAMETER: [told]})
    elif request.method == "POST" and _overriding(value, PARAMETER):
        adapter = current_app.create_url_adapter(request)
        raise MethodNotAllowed(adapter.allowed_methods())
