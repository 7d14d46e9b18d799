"""What the host hears of the changes that calls make."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from conftest import expect_error
from hosts import JANE, PAIR, PREFIX, services, with_key

from clients_api import signals


@pytest.fixture
def heard(make_host) -> Iterator[tuple[flask.Flask, list[tuple[str, Any]]]]:
    """A host, and what its listeners have heard."""
    host = make_host()
    told: list[tuple[str, Any]] = []

    def listener(name: str) -> Callable[..., None]:
        def listen(sender: flask.Flask, client: dict[str, Any]) -> None:
            assert flask.current_app._get_current_object() is sender
            told.append((name, client))

        return listen

    listeners = {name: listener(name) for name in ("created", "updated", "deleted")}
    for name, listen in listeners.items():
        getattr(signals, f"client_{name}").connect(listen, sender=host)
    yield host, told


def test_each_change_of_a_client_is_told_to_the_hosts_listeners(heard):
    host, told = heard
    client = with_key(host)
    made = client.post(f"{PREFIX}/clients", json=JANE).get_json()["data"]
    path = f"{PREFIX}/clients/{made['id']}"
    changed = client.put(f"{path}/status", json={"status": "suspended"}).get_json()["data"]
    client.delete(path)
    assert told[:2] == [("created", made), ("updated", changed)]
    name, deleted = told[2]
    assert (name, deleted["id"]) == ("deleted", made["id"])
    assert len(told) == 3


def test_a_listener_finds_the_change_stored(make_host):
    host = make_host()
    client = with_key(host)
    totals = []

    def count(sender: flask.Flask, client: dict[str, Any]) -> None:
        def ask() -> None:
            totals.append(reader.get(f"{PREFIX}/clients").get_json()["meta"]["total"])

        reader = with_key(host)
        other = threading.Thread(target=ask)  # a connection of its own, which sees commits only
        other.start()
        other.join()

    with signals.client_created.connected_to(count, sender=host):
        client.post(f"{PREFIX}/clients", json=JANE)
    assert totals == [1]


def test_a_request_that_fails_tells_nobody(heard):
    host, told = heard
    client = with_key(host)
    assert client.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    told.clear()
    expect_error(client.post(f"{PREFIX}/clients", json=JANE), 422)
    expect_error(client.patch(f"{PREFIX}/clients/1", json={}), 422)
    expect_error(client.delete(f"{PREFIX}/clients/2"), 404)
    expect_error(
        client.patch(f"{PREFIX}/clients/1", json=PAIR, headers={"If-Match": '"other"'}), 412
    )
    assert told == []


def test_a_change_that_can_not_be_committed_tells_nobody(heard):
    host, told = heard
    client = with_key(host)
    # A foreign key that is checked only by COMMIT: the view has done its work by then.
    services(host)[PREFIX].database.execute_sql(
        "CREATE TABLE late (id INTEGER REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    services(host)[PREFIX].database.execute_sql(
        "CREATE TRIGGER too_late AFTER INSERT ON client BEGIN INSERT INTO late VALUES (99); END"
    )
    expect_error(client.post(f"{PREFIX}/clients", json=JANE), 500)
    assert client.get(f"{PREFIX}/clients").get_json()["data"] == []
    assert told == []


def test_a_repeat_of_a_request_is_told_once(heard):
    host, told = heard
    client = with_key(host)
    for _ in range(2):
        headers = {"Idempotency-Key": "once"}
        assert client.post(f"{PREFIX}/clients", json=JANE, headers=headers).status_code == 201
    assert [name for name, _ in told] == ["created"]


def test_a_listener_that_fails_does_not_undo_the_answer(make_host, caplog):
    host = make_host()

    def fail(sender: flask.Flask, client: dict[str, Any]) -> None:
        raise RuntimeError("no paper in the printer")

    with signals.client_created.connected_to(fail, sender=host):
        assert with_key(host).post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert "no paper in the printer" in caplog.text


def test_signals_of_one_host_are_not_heard_by_another(heard, make_host):
    _, told = heard
    assert with_key(make_host()).post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert told == []
