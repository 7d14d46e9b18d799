"""One webhook on its way along the log: event after event, until none is left or one fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from clients_api.models.engines.current import database
from clients_api.models.queries.record import Record
from clients_api.models.webhook import delivery, live_epochs

from . import signing
from .addresses import host_of
from .message import compose
from .sending import Outcome, send

log = logging.getLogger("clients_api")


def follow(id: int, settings: Mapping[str, Any], stopping: threading.Event) -> None:
    """Send a webhook what it waits for, in order, until a try fails or nothing is left.

    The cursor moves after an event was taken: a crash in between lets it be sent twice, and never
    not at all. No transaction is open while something is sent. Raises NoSecretKey.
    """
    key = signing.secret_key(settings["SECRET_KEY"])
    while not stopping.is_set():
        webhook = delivery.cursor(id)
        if webhook is None or not delivery.is_due(webhook):
            return
        event = delivery.next_event(webhook)
        if event is None:
            return
        body = compose(event)
        headers = signing.headers(key, id, live_epochs(webhook), f"evt_{event['id']}", body)
        outcome = send(webhook["url"], headers, body, settings["WEBHOOK_HOSTS"])
        if not _note(webhook, event, outcome):
            return


def _note(webhook: Record, event: Record, outcome: Outcome) -> bool:
    """Write down what came of a try; tell whether the next event may be sent at once."""
    with database.obj.writing(patiently=True):
        if outcome.is_success:
            delivery.note_success(webhook, event, outcome.status)
            return True
        verdict = delivery.note_failure(
            webhook, event, outcome.status, outcome.error, outcome.retry_after
        )
    if verdict is None:  # somebody has changed the webhook meanwhile
        return True
    said = outcome.error or f"It answered {outcome.status}."
    place = webhook["id"], host_of(webhook["url"])
    match verdict.then:
        case "again":
            log.info("Webhook %s (%s) did not take event %s: %s", *place, event["id"], said)
        case "skip":
            log.warning("Webhook %s (%s) skips event %s: %s", *place, event["id"], said)
        case "disable":
            log.warning("Webhook %s (%s) is disabled: %s", *place, said)
    return verdict.then == "skip"
