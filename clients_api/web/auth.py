"""Who calls, and what the call may do: `Authorization: Bearer <key>`, and scopes."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import flask
import peewee

from clients_api.models.engines.errors import Trouble
from clients_api.models.events import Actor
from clients_api.models.key import LAST_USED_STEP, SCOPES, ApiKey, Identity, use_is_stale

from . import current_app
from .errors import cross_site, forbidden, unauthorized

log = logging.getLogger("clients_api")

# What a host's own login says of a request: a scope, with or without a name, or None for nobody.
HostLogin = Callable[[flask.Request], str | tuple[str | None, object] | None]

HOST = "host"  # the type of an actor who is logged in to the host
CALLER = "clients_api.caller"  # in the WSGI environment, for whoever serves it: who called
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, section 9.2.1


class Caller(NamedTuple):
    """Whom a request comes from.

    `name` tells callers apart where something is counted or kept for each: the prefix of a key,
    or what a host's own login makes of it. `actor` is what events call it.
    """

    name: str
    scope: str
    actor: Actor

    def may(self, scope: str) -> bool:
        """Tell whether the caller's scope includes `scope`."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class KeyAuthenticator:
    """Authenticates a request by its API key, and notes the key's use at most once a minute."""

    wanted = "A valid API key is required."
    takes_keys = True

    def __init__(self) -> None:
        self._noted: dict[int, float] = {}
        self._lock = threading.Lock()

    def __call__(self, request: flask.Request) -> Caller | None:
        """Return who calls; None for a key that is missing, malformed, unknown or expired."""
        kind, _, key = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        key = key.strip()
        if kind.lower() != "bearer" or not key or not (key.isascii() and key.isprintable()):
            return None
        identity = ApiKey.identify(key)
        if identity is None:
            return None
        if use_is_stale(identity.last_used):
            self._note_use(identity)
        return Caller(identity.prefix, identity.scope, Actor("key", identity.id, identity.name))

    def _note_use(self, identity: Identity) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(identity.id, float("-inf")) < LAST_USED_STEP.total_seconds():
                return
            self._noted[identity.id] = now
        database = current_app.database
        try:
            with database.not_waiting():
                ApiKey.note_use(identity.id)
        except peewee.OperationalError as error:
            # A full disk or a busy writer must not keep anybody from reading.
            is_busy = database.trouble(error) is Trouble.BUSY
            level = logging.DEBUG if is_busy else logging.WARNING
            log.log(level, "The last use of key %s was not noted: %s", identity.prefix, error)


class HostAuthenticator:
    """Takes API keys, unless there are none, and for calls without one asks the host who calls.

    In: the host application, whose function is called in its own request context; `keys`, whether
    keys are taken. A key wins: a browser sends a login along without being asked.

    The host sees the request without its body: read by the host, it would be lost to the API.

    A browser sends the host's cookies along whichever page makes the call. So a call that comes
    from another origin, as browsers tell in Sec-Fetch-Site (Fetch Metadata) and Origin, changes
    nothing, unless that is one of CORS_ORIGINS.
    """

    def __init__(self, host: flask.Flask, authenticate: HostLogin, *, keys: bool) -> None:
        self._host = host
        self._authenticate = authenticate
        self._keys = KeyAuthenticator() if keys else None
        self.takes_keys = keys
        self.wanted = "Please log in, or send a valid API key." if keys else "Please log in."

    def __call__(self, request: flask.Request) -> Caller | None:
        """Return the key's caller, or one of the scope that the host names; None for neither.

        Raises Refused, 403, for a change that a page of another origin asks for, and ValueError for
        a scope that is none.
        """
        if self._keys is not None and (caller := self._keys(request)) is not None:
            return caller
        if _is_forged(request):
            raise cross_site()
        environ = request.environ | {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
        with self._host.request_context(environ):
            answer = self._authenticate(flask.request)
        scope, name = answer if isinstance(answer, tuple) else (answer, None)
        if scope is None:
            return None
        if scope not in SCOPES:
            raise ValueError(f"authenticate= returned {scope!r}, not one of {', '.join(SCOPES)}")
        # Who has no name is one caller with all others of that scope.
        called = f"host:{scope}" if name is None else f"host:user:{name}"
        return Caller(called, scope, Actor(HOST, None, None if name is None else str(name)))


def _is_forged(request: flask.Request) -> bool:
    """Tell whether a page of another origin has a browser ask for a change.

    The rule is that of CrossOriginProtection in Go's net/http.
    """
    if request.method in SAFE:
        return False
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in ("same-origin", "none"):
        return False
    # A browser of before 2023 tells the origin alone, and what is no browser nothing.
    hosts = (request.host, request.headers.get("Host"))
    if not site and (not origin or _host_of(origin) in hosts):
        return False
    return origin not in current_app.config["CORS_ORIGINS"]


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc or origin  # `null`, which is no host's
    except ValueError:
        return origin


def require(caller: Caller | None, scope: str, wanted: str = "") -> Caller:
    """Return the caller if it may do what needs `scope`. Raises Refused: 401 or 403.

    In: the sentence that says what is `wanted` of a call by nobody.
    """
    if caller is None:
        raise unauthorized(wanted)
    if not caller.may(scope):
        raise forbidden("Your login" if caller.actor.type == HOST else "This API key")
    return caller
