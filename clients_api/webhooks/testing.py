"""A try that is made on demand, to see whether a receiver answers."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any

from clients_api.models.errors import Conflict
from clients_api.models.queries.record import Record
from clients_api.models.webhook import live_epochs

from . import signing
from .message import compose_test
from .sending import send

_turn = threading.Lock()


COLUMNS = ("status", "ms", "error")


def untried() -> Record:
    """Return what a dry run says of a test, as `test` does."""
    return Record(COLUMNS, (None, 0, "A dry run sends nothing."))


def test(webhook: Record, settings: Mapping[str, Any]) -> Record:
    """Send `webhook.test`; return the status of the answer, the time it took, and what failed.

    In: the settings, of which SECRET_KEY and WEBHOOK_HOSTS are used. Raises NoSecretKey, and
    Conflict while another test is made: each takes a thread of the server, for ten seconds perhaps.
    """
    if not _turn.acquire(blocking=False):
        raise Conflict("Another test is under way. Please try again in a moment.")
    try:
        key = signing.secret_key(settings["SECRET_KEY"])
        body = compose_test(webhook)
        message_id = f"test_{secrets.token_hex(8)}"
        headers = signing.headers(key, webhook["id"], live_epochs(webhook), message_id, body)
        outcome = send(webhook["url"], headers, body, settings["WEBHOOK_HOSTS"])
    finally:
        _turn.release()
    return Record(COLUMNS, (outcome.status, outcome.ms, outcome.error))
