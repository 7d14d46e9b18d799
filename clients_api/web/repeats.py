"""Safe repeats: the header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import flask
import orjson
from werkzeug.http import parse_options_header

from clients_api.models.engines.turns import Turns
from clients_api.models.idempotency import Answer, Idempotency
from clients_api.openapi import MULTIPART

from . import current_app
from .errors import Refused, unprocessable
from .messages import ignored_header

WAIT_SECONDS = 5
LENGTH = 255
KEPT_HEADERS = ("Location", "ETag", "Event-Position")


class Repeats:
    """Which requests with an Idempotency-Key are running in this process."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._running: set[tuple[str, str]] = set()
        self._changed = threading.Condition()

    @contextmanager
    def one_at_a_time(self, caller: str, key: str) -> Iterator[None]:
        """Wait for a running request with the same key. Raises Refused, 409, if it takes long.

        Between processes the database's write lock does the same.
        """
        mark = caller, key
        with self._changed:
            if not self._wait_for(mark):
                raise Refused(
                    409,
                    "A request with this Idempotency-Key is still running. "
                    "Please try again in a moment.",
                    headers={"Retry-After": "1"},
                )
            self._running.add(mark)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(mark)
                self._changed.notify_all()

    def _wait_for(self, mark: tuple[str, str]) -> bool:
        def come(seconds: float = 0) -> bool:
            return self._changed.wait_for(lambda: mark not in self._running, seconds)

        # What runs waits to write itself, perhaps, and who waits for it takes a thread as well.
        return come() or self._turns.wait(come, time.monotonic() + WAIT_SECONDS)


def key_of(request: Any) -> str | None:
    """Return the Idempotency-Key of a request, or None. Raises Refused, 422, for a bad one."""
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or not (request.method == "POST" or request.is_overridden):
        return None
    key = key.strip()
    if not 0 < len(key) <= LENGTH or not key.isascii() or not key.isprintable():
        raise unprocessable(
            {"Idempotency-Key": [f"The Idempotency-Key must be 1 to {LENGTH} ASCII characters."]}
        )
    return key


def fingerprint(request: flask.Request, body: bytes) -> str:
    """Identify what a request asks by what was sent, byte for byte.

    But for the boundary of a multipart form, which clients make up anew for each try. In: the
    body, or a digest of it.
    """
    kind, options = parse_options_header(request.environ.get("CONTENT_TYPE", ""))
    if kind.lower() == MULTIPART and (boundary := options.pop("boundary", "")):
        body = body.replace(boundary.encode("latin-1", "replace"), b"")
    sent = (request.method, request.path, request.environ.get("QUERY_STRING", ""), kind, options)
    digest = hashlib.blake2b(repr(sent).encode("utf-8", "surrogateescape"), digest_size=16)
    digest.update(body)
    return digest.hexdigest()


def stored(caller: str, key: str, asked: str) -> flask.Response | None:
    """Return the stored answer to a repeat. Raises Refused, 422, if it asks something else."""
    answer = Idempotency.answer(caller, key)
    if answer is None:
        return None
    if answer.fingerprint != asked:
        raise unprocessable(
            {"Idempotency-Key": ["The Idempotency-Key was used for another request already."]}
        )
    headers = orjson.loads(answer.headers) | {"Idempotency-Replayed": "true"}
    return current_app.response_class(
        answer.body, answer.status, headers, content_type="application/json"
    )


def keep(
    caller: str,
    key: str,
    asked: str,
    request: Any,
    response: flask.Response,
    secret: Iterable[str],
) -> None:
    """Store an answer, in the transaction of the change that it tells of.

    In: `secret`, the members of its data that are shown once and stored nowhere.
    """
    body = response.get_data()
    if secret:
        payload = orjson.loads(body)
        payload["data"] = {n: v for n, v in payload["data"].items() if n not in secret}
        body = orjson.dumps(payload)
    headers = {n: response.headers[n] for n in KEPT_HEADERS if n in response.headers}
    if request.ignored:
        headers["Ignored-Parameters"] = ignored_header(request.ignored)
    answer = Answer(asked, response.status_code, orjson.dumps(headers).decode(), body)
    Idempotency.keep(caller, key, answer)
