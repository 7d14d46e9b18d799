"""What is to be delivered, and what came of it: the cursors, moved in the sender's transactions."""

from __future__ import annotations

import datetime
import json
import logging
from typing import Any

import peewee

from clients_api.models.base import now, timestamp
from clients_api.models.events import Event
from clients_api.models.events.reading import reader as events
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.record import Record, column_names

from . import AFRESH, Webhook, wants
from .schedule import Verdict, is_refusal, jitter, verdict

log = logging.getLogger("clients_api")

SKIPPED_KEPT = 100  # ids
IDLE_STEP = 100  # events that a cursor may lag behind where none is wanted: each move is a write


def waiting() -> list[int]:
    """Return the ids of the active webhooks that have an event to send, and may try it now."""
    return [id for (id,) in _waiting.all(now())]


def any_active() -> bool:
    """Tell whether there is a webhook that is not disabled."""
    return _any_active.one() is not None


def cursor(id: int) -> Record | None:
    """Return what a sender has to know of a webhook; None if there is none."""
    row = _cursor.one(id)
    return None if row is None else Record(COLUMNS, row)


def is_due(webhook: Record) -> bool:
    """Tell whether a webhook may be sent something now."""
    return webhook["status"] == "active" and (webhook["retry_at"] or "") <= now()


def next_event(webhook: Record) -> Record | None:
    """Return the first event behind the cursor that the webhook wants; None if there is none."""
    id = _next_id.scalar(webhook["event_id"], webhook["types"])
    return None if id is None else events.find(id)


def pass_unwanted() -> int:
    """Move the cursors that lag far behind and have nothing to send; return how many."""
    if _any_lags.one(IDLE_STEP) is None:  # to look takes no lock
        return 0
    return _pass_unwanted(IDLE_STEP).rowcount


def overtake(last: int) -> None:
    """Prepare the webhooks for the pruning of the events up to the id `last`, in its transaction.

    Those that still wait for one of these are disabled, which an event, a line in the log and
    `last.error` tell. The others, who want none of them, go on behind them.
    """
    error = "Events up to this one were pruned before they were sent."
    told = {"last_time": now(), "last_event_id": last, "last_status": None, "last_error": error}
    for (id,) in _waiting_for.all(last):
        Webhook.disable(id, error, is_overtaken=1, **told)
        log.warning(
            "Webhook %s is disabled: events up to %s were pruned before their turn", id, last
        )
    _pass_pruned(last)


def note_success(webhook: Record, event: Record, status: int | None) -> None:
    """Write down that an event was taken. Nothing, if the cursor was moved meanwhile."""
    _update(webhook, _tried(event, status, None) | _at(event) | AFRESH)


def note_failure(
    webhook: Record,
    event: Record,
    status: int | None,
    error: str | None,
    retry_after: float | None = None,
) -> Verdict | None:
    """Write down that a try failed, and return what follows; None if the cursor was moved."""
    moment = datetime.datetime.now(datetime.UTC)
    since = webhook["failing_since"] or timestamp(moment)
    counts = {
        "tries": webhook["tries"] + 1,
        "refusals": webhook["refusals"] + is_refusal(status),
    }
    failing_for = moment - datetime.datetime.fromisoformat(since)
    answer = verdict(status, retry_after, **counts, failing_for=failing_for, jitter=jitter())
    columns = _tried(event, status, error) | counts | {"failing_since": since}
    match answer.then:
        case "again":
            columns["retry_at"] = timestamp(moment + answer.pause)
        case "skip":
            skipped = [*json.loads(webhook["skipped"]), event["id"]][-SKIPPED_KEPT:]
            columns |= _at(event) | AFRESH | {"failing_since": since}
            columns["skipped"] = json.dumps(skipped)
        case "disable":
            columns["retry_at"] = None
    if not _update(webhook, columns):
        return None
    if answer.then == "disable":
        Webhook.disable(webhook["id"], error or f"It answered {status}.")
    return answer


def _tried(event: Record, status: int | None, error: str | None) -> dict[str, Any]:
    return {
        "last_time": now(),
        "last_event_id": event["id"],
        "last_status": status,
        "last_error": error,
    }


def _at(event: Record) -> dict[str, Any]:
    return {"event_id": event["id"], "nonce": event["position"].partition("-")[2]}


def _update(webhook: Record, columns: dict[str, Any]) -> bool:
    """Set these columns, if the webhook is still as it was before the try; tell whether it was."""
    names, values = tuple(columns), columns.values()
    was = (webhook["id"], webhook["event_id"], webhook["nonce"], webhook["updated"])
    return bool(_update_as_it_was(*values, *was, columns=names).rowcount)


@prepared
def _update_as_it_was(*values, columns):
    *new, id, event_id, nonce, updated = values
    return Webhook.update(
        {Webhook._meta.columns[name]: value for name, value in zip(columns, new, strict=True)}
    ).where(
        Webhook.id == id,
        Webhook.status == "active",
        Webhook.event_id == event_id,
        Webhook.nonce == nonce,
        Webhook.updated == updated,
    )


def _unsent() -> peewee.Expression:
    return peewee.fn.EXISTS(
        Event.select(Event.id).where(Event.id > Webhook.event_id, wants(Webhook.types, Event))
    )


@prepared
def _waiting(moment):
    return (
        Webhook.select(Webhook.id)
        .where(
            Webhook.status == "active",
            Webhook.retry_at.is_null() | (Webhook.retry_at <= moment),
            _unsent(),
        )
        .order_by(Webhook.id)
    )


@prepared
def _waiting_for(last):
    pruned = Event.select(Event.id).where(
        Event.id > Webhook.event_id, Event.id <= last, wants(Webhook.types, Event)
    )
    return Webhook.select(Webhook.id).where(
        Webhook.is_overtaken == 0, Webhook.event_id < last, peewee.fn.EXISTS(pruned)
    )


@prepared
def _pass_pruned(last):
    nonce = Event.select(Event.nonce).where(Event.id == last)
    return Webhook.update({Webhook.event_id: last, Webhook.nonce: nonce}).where(
        Webhook.is_overtaken == 0, Webhook.event_id < last
    )


@prepared
def _any_active():
    return Webhook.select(Webhook.id).where(Webhook.status == "active").limit(1)


@prepared
def _next_id(event_id, types):
    return (
        Event.select(Event.id)
        .where(Event.id > event_id, wants(types, Event))
        .order_by(Event.id)
        .limit(1)
    )


# All that is stored, but not how many events it is behind: to count them for each would take long.
_FIELDS = (
    Webhook.id,
    Webhook.url,
    Webhook.types,
    Webhook.status,
    Webhook.event_id,
    Webhook.nonce,
    Webhook.epoch,
    Webhook.former_epoch,
    Webhook.tries,
    Webhook.refusals,
    Webhook.failing_since,
    Webhook.retry_at,
    Webhook.skipped,
    Webhook.updated,
)
COLUMNS = column_names(_FIELDS)


@prepared
def _cursor(id):
    return Webhook.select(*_FIELDS).where(Webhook.id == id)


_newest = Event.alias()
_last = _newest.select(peewee.fn.MAX(_newest.id))


def _lags(step: Any) -> peewee.Expression:
    return (Webhook.status == "active") & (Webhook.event_id + step <= _last) & ~_unsent()


@prepared
def _any_lags(step):
    return Webhook.select(Webhook.id).where(_lags(step)).limit(1)


@prepared
def _pass_unwanted(step):
    nonce = _newest.select(_newest.nonce).order_by(_newest.id.desc()).limit(1)
    return Webhook.update({Webhook.event_id: _last, Webhook.nonce: nonce}).where(_lags(step))
