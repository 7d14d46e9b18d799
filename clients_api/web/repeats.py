"""Safe repeats: the header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import flask
import orjson

from clients_api.models.idempotency import Answer, Idempotency

from . import current_app
from .errors import Refused, unprocessable

WAIT_SECONDS = 5
LENGTH = 255
KEPT_HEADERS = ("Location", "ETag")


class Repeats:
    """Which requests with an Idempotency-Key are running in this process."""

    def __init__(self) -> None:
        self._running: set[tuple[str, str]] = set()
        self._changed = threading.Condition()

    @contextmanager
    def one_at_a_time(self, caller: str, key: str) -> Iterator[None]:
        """Wait for a running request with the same key. Raises Refused, 409, if it takes long.

        Between processes the database's write lock does the same.
        """
        mark = caller, key
        with self._changed:
            if not self._changed.wait_for(lambda: mark not in self._running, WAIT_SECONDS):
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


def key_of(request: flask.Request) -> str | None:
    """Return the Idempotency-Key of a request, or None. Raises Refused, 422, for a bad one."""
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or request.method != "POST":
        return None
    key = key.strip()
    if not 0 < len(key) <= LENGTH or not key.isascii() or not key.isprintable():
        raise unprocessable(
            {"Idempotency-Key": [f"The Idempotency-Key must be 1 to {LENGTH} ASCII characters."]}
        )
    return key


def fingerprint(request: flask.Request, body: Mapping[str, Any]) -> str:
    """Identify what a request asks. In: its loaded body, the same whatever it was encoded as."""
    asked = [request.method, request.path, request.query_string.decode("latin-1"), body]
    data = orjson.dumps(
        asked,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
        default=lambda upload: upload.digest,  # of a body that is a file
    )
    return hashlib.blake2b(data, digest_size=16).hexdigest()


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
    caller: str, key: str, asked: str, response: flask.Response, secret: Iterable[str]
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
    answer = Answer(asked, response.status_code, orjson.dumps(headers).decode(), body)
    Idempotency.keep(caller, key, answer)
