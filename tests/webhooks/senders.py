"""Webhooks of a service in this process, and who sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conftest import Caller, issue_key

from clients_api.models import Event, events
from clients_api.models.base import now
from clients_api.models.engines.current import using
from clients_api.models.events import Position
from clients_api.models.forgetting.tidying import tidy
from clients_api.models.webhook import schedule
from clients_api.service import Service
from clients_api.webhooks import sender


def happen(app: Service, count: int = 1, type: str = "client.updated") -> int:
    """Let so many events of a type be written in one transaction; return the id of the last."""
    object, _, action = type.partition(".")
    with using(app.database), app.database.writing():
        for number in range(count):
            events.write(object, action, 1, {"status": [number, number + 1]}, time=now())
        return Position.newest().id


@contextmanager
def sending(app: Service) -> Iterator[sender.Sender]:
    """Have a service's webhooks sent meanwhile."""
    made = sender.Sender(app.database, app.config, app.prepare)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        made._thread.join(15)  # its connections must be gone before the database is


def make_webhook(api: Caller, url: str, **overrides: Any) -> dict[str, Any]:
    """Make a webhook over HTTP, and return it with its secret."""
    response = api.post("/webhooks", {"url": url, **overrides})
    assert response.status_code == 201, response.get_json()
    return response.get_json()["data"]


def webhook_of(api: Caller, id: int = 1) -> dict[str, Any]:
    return api.get(f"/webhooks/{id}").get_json()["data"]


def local(make_app: Any, **settings: Any) -> Caller:
    """Make a service whose webhooks may lead to the loopback address; return a caller of it."""
    app = make_app(WEBHOOK_HOSTS=["127.0.0.1"], **settings)
    return Caller(app, issue_key(app))


def hurry(monkeypatch: Any) -> None:
    """Let pauses after failures be short."""
    monkeypatch.setattr(schedule, "pause_after", lambda tries: schedule.FIRST_PAUSE / 100)
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0.05)


def prune(app: Service, last: int) -> None:
    """Let the events up to an id be old, and be pruned as the service does each day."""
    with using(app.database):
        Event.update(time="2020-01-01T00:00:00.000000Z").where(Event.id <= last).execute()
        tidy()
        assert Event.select().where(Event.id <= last).count() == 0
