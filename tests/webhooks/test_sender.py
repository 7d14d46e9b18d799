"""Events to their receivers: each at least once, in order, whatever these answer."""

from __future__ import annotations

import json
import logging
import random
import socket
import struct
import time
from datetime import UTC, datetime, timedelta

import pytest
from conftest import free_port
from receivers import wait_for
from senders import happen, hurry, local, make_webhook, sending, webhook_of

from clients_api.models import Webhook
from clients_api.models.base import timestamp
from clients_api.models.engines.current import using
from clients_api.webhooks import sending as one_try


def set_columns(app, **columns):
    with using(app.database):
        Webhook.update_row(1, **columns)


def test_events_come_in_order_and_verify(make_app, receive):
    api, receiver = local(make_app), receive()
    made = make_webhook(api, receiver.url)
    with sending(api.app):
        happen(api.app, 20)
        deliveries = receiver.wait(20)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    ids = receiver.ids
    assert ids == list(range(ids[0], ids[0] + 20))
    for delivery in deliveries:
        body = delivery.verify(made["secret"])
        assert list(body) == ["type", "timestamp", "data"]
        assert list(body["data"]) == ["event", "object"]
        assert body["type"] == "client.updated" == delivery.event["type"]
        assert body["timestamp"] == delivery.event["time"]
        shown = api.get(f"/events/{delivery.event['id']}").get_json()["data"]
        assert shown == delivery.event
        assert delivery.headers["webhook-id"] == f"evt_{delivery.event['id']}"
    webhook = webhook_of(api)
    assert webhook["last"]["event_id"] == ids[-1] and webhook["last"]["status"] == 204
    assert webhook["position"].startswith(f"{ids[-1]}-")
    assert webhook["retry_at"] is None and webhook["skipped"] == []


def test_an_event_is_sent_at_once(make_app, receive):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url)
    with sending(api.app):
        happen(api.app)
        receiver.wait(1)
        time.sleep(0.3)
        started = time.monotonic()
        happen(api.app)
        assert receiver.wait(2)[1].at - started < 1.5


def reset(handler):
    """Break the connection off, so that the other side is told of a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def stall(handler):
    time.sleep(0.6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_fails_each_event_arrives_in_order(make_app, receive, monkeypatch, seed):
    hurry(monkeypatch)
    monkeypatch.setattr(one_try, "SECONDS", 0.3)
    chance = random.Random(seed)
    failures = [500, (429, {"Retry-After": "0"}), 503, 301, 307, 408, reset, stall]
    taken = []

    def answer(handler):
        failure = chance.choice(failures)
        if chance.random() < 0.5:
            return failure(handler) if callable(failure) else failure
        taken.append(handler.server.received[-1].event["id"])
        return chance.choice([200, 204])

    api, receiver = local(make_app), receive(answer)
    secret = make_webhook(api, receiver.url)["secret"]
    with sending(api.app):
        for _ in range(10):
            happen(api.app, 4)
            time.sleep(0.02)
        wait_for(lambda: webhook_of(api)["behind"] == 0, 60)
    # An answer that comes too late is none: what was taken then is sent once more.
    assert list(dict.fromkeys(taken)) == list(range(taken[0], taken[0] + 40))
    assert taken == sorted(taken)
    assert sorted(receiver.ids) == receiver.ids  # a later event is not even tried before
    assert len(receiver.received) > 50
    for delivery in receiver.received:
        delivery.verify(secret)
    assert len({delivery.headers["webhook-id"] for delivery in receiver.received}) == 40


def test_a_port_that_was_closed_gets_what_it_missed(make_app, receive, monkeypatch):
    hurry(monkeypatch)
    port = free_port()
    api = local(make_app)
    make_webhook(api, f"http://127.0.0.1:{port}/hook")
    with sending(api.app):
        happen(api.app, 3)
        wait_for(lambda: webhook_of(api)["last"])
        failed = webhook_of(api)
        assert failed["last"]["status"] is None
        assert failed["last"]["error"] == "Connection refused." and failed["retry_at"]
        assert failed["behind"] == 3
        receiver = receive(port=port)
        receiver.wait(3)
    assert receiver.ids == sorted(receiver.ids)


def test_five_refusals_skip_an_event_and_are_told(make_app, receive, monkeypatch, caplog):
    hurry(monkeypatch)
    caplog.set_level(logging.INFO, logger="clients_api")
    api = local(make_app)
    receiver = receive(lambda handler: 404 if len(receiver.received) <= 5 else 204)
    make_webhook(api, f"{receiver.url}/s3cret")
    with sending(api.app):
        happen(api.app, 2)
        receiver.wait(6)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    first, second = sorted(set(receiver.ids))
    assert receiver.ids == [first] * 5 + [second]
    assert webhook_of(api)["skipped"] == [first]
    assert webhook_of(api)["status"] == "active"
    assert f"Webhook 1 (127.0.0.1) skips event {first}: It answered 404." in caplog.messages
    assert "s3cret" not in caplog.text


def test_the_last_hundred_skipped_are_kept(make_app, receive):
    api, receiver = local(make_app), receive(lambda handler: 422)
    make_webhook(api, receiver.url)
    set_columns(api.app, skipped=str(list(range(1000, 1100))), refusals=4, tries=4)
    with sending(api.app):
        happen(api.app)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    skipped = webhook_of(api)["skipped"]
    assert len(skipped) == 100 and skipped[:-1] == list(range(1001, 1100))
    assert skipped[-1] == receiver.ids[0]


def test_gone_disables_at_once_and_is_told(make_app, receive, caplog):
    api, receiver = local(make_app), receive(lambda handler: 410)
    make_webhook(api, receiver.url)
    with sending(api.app):
        happen(api.app, 2)
        wait_for(lambda: webhook_of(api)["status"] == "disabled")
        time.sleep(0.2)
    assert len(receiver.received) == 1
    assert webhook_of(api)["behind"] == 2 and webhook_of(api)["retry_at"] is None
    assert "Webhook 1 (127.0.0.1) is disabled: It answered 410." in caplog.messages
    (event,) = api.get("/events?type=webhook.disabled").get_json()["data"]
    assert event["changes"]["status"] == ["active", "disabled"]
    assert event["changes"]["last.error"] == [None, "It answered 410."]
    assert event["actor"] == {"type": "command", "id": None, "name": "webhooks"}


def test_five_days_without_success_disable(make_app, receive):
    api, receiver = local(make_app), receive(lambda handler: 500)
    make_webhook(api, receiver.url)
    long_ago = timestamp(datetime.now(UTC) - timedelta(days=5))
    set_columns(api.app, failing_since=long_ago, tries=40)
    with sending(api.app):
        happen(api.app)
        wait_for(lambda: webhook_of(api)["status"] == "disabled")
    # Somebody has mended it: it goes on where it stood, and with patience anew.
    receiver.answer = lambda handler: 500
    assert api.patch("/webhooks/1", {"status": "active"}).get_json()["data"]["behind"] == 1
    with sending(api.app):
        receiver.wait(2)
        wait_for(lambda: webhook_of(api)["retry_at"])
        assert webhook_of(api)["status"] == "active"
        receiver.answer = lambda handler: 204
        api.patch("/webhooks/1", {"status": "active"})
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    assert len(set(receiver.ids)) == 1


def test_retry_after_is_heeded_and_told(make_app, receive):
    api, receiver = local(make_app), receive(lambda handler: (503, {"Retry-After": "3600"}))
    make_webhook(api, receiver.url)
    with sending(api.app):
        happen(api.app)
        wait_for(lambda: webhook_of(api)["retry_at"])
        time.sleep(1.2)
    assert len(receiver.received) == 1
    pause = datetime.fromisoformat(webhook_of(api)["retry_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < pause < timedelta(minutes=61)


def test_a_dead_receiver_delays_no_other(make_app, receive):
    api = local(make_app)
    hanging, alive = receive(lambda handler: time.sleep(3)), receive()
    for receiver in (hanging, hanging, alive):
        make_webhook(api, receiver.url)
    with sending(api.app):
        happen(api.app, 50)
        started = time.monotonic()
        alive.wait(50)
        assert time.monotonic() - started < 3
        assert len(hanging.received) == 2
        wait_for(lambda: webhook_of(api, 3)["behind"] == 0)
        assert webhook_of(api, 1)["behind"] == 50


def test_of_several_senders_one_sends(make_app, receive):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url)
    with sending(api.app), sending(api.app), sending(api.app):
        happen(api.app, 30)
        receiver.wait(30)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
        time.sleep(0.2)
    assert receiver.ids == sorted(set(receiver.ids)) and len(receiver.ids) == 30


def test_when_the_sender_ends_another_goes_on(make_app, receive, monkeypatch):
    monkeypatch.setattr("clients_api.webhooks.sender.POLL_SECONDS", 0.2)
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url)
    with sending(api.app) as first:
        happen(api.app)
        receiver.wait(1)
        with sending(api.app):
            first.stop()
            happen(api.app)
            receiver.wait(2)
            wait_for(lambda: webhook_of(api)["behind"] == 0)
    assert receiver.ids == sorted(set(receiver.ids))  # neither has sent what the other had


def test_replay_of_a_thousand_events_brings_each_once_in_order(make_app, receive):
    api, receiver = local(make_app), receive()
    happen(api.app, 1000)
    make_webhook(api, receiver.url, types=["client.*"])
    with sending(api.app):
        time.sleep(0.3)
        assert receiver.received == []
        api.patch("/webhooks/1", {"position": "oldest"})
        receiver.wait(1000, 60)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    assert receiver.ids == list(range(receiver.ids[0], receiver.ids[0] + 1000))


def test_a_replay_that_is_asked_for_during_a_try_is_not_lost(make_app, receive):
    # What came of the try must not move the cursor that was moved meanwhile.
    def answer(handler):
        if len(receiver.received) == 3:
            api.patch("/webhooks/1", {"position": "oldest"})
        return 204

    api, receiver = local(make_app), receive(answer)
    make_webhook(api, receiver.url, types=["client.*"])
    with sending(api.app):
        happen(api.app, 3)
        receiver.wait(6)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    assert receiver.ids == sorted(set(receiver.ids)) * 2


def test_a_webhook_that_is_deleted_during_a_try_ends_quietly(make_app, receive, caplog):
    def answer(handler):
        api.delete("/webhooks/1")
        return 500

    api, receiver = local(make_app), receive(answer)
    make_webhook(api, receiver.url)
    with sending(api.app):
        happen(api.app, 2)
        receiver.wait(1)
        time.sleep(0.5)
    assert len(receiver.received) == 1
    assert not [record for record in caplog.records if record.exc_info]


def test_only_the_types_that_are_wanted_are_sent_and_the_cursor_follows(make_app, receive):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url, types=["tag.*"])
    with sending(api.app):
        happen(api.app, 1, "tag.created")
        happen(api.app, 150, "category.created")
        receiver.wait(1)
        # Now and then: each move is a write.
        wait_for(lambda: int(webhook_of(api)["position"].split("-")[0]) > receiver.ids[0])
        happen(api.app, 1, "tag.deleted")
        receiver.wait(2)
    assert [delivery.event["type"] for delivery in receiver.received] == [
        "tag.created",
        "tag.deleted",
    ]


def test_after_a_rotation_both_secrets_verify_for_a_day(make_app, receive):
    api, receiver = local(make_app), receive()
    former = make_webhook(api, receiver.url)["secret"]
    present = api.post("/webhooks/1/rotate").get_json()["data"]["secret"]

    def delivered():
        count = len(receiver.received)
        with sending(api.app):
            happen(api.app)
            receiver.wait(count + 1)
        return receiver.received[-1]

    both = delivered()
    assert both.verify(former) == both.verify(present)
    with using(api.app.database):
        epoch = Webhook.find(1)["epoch"]
    set_columns(api.app, epoch=epoch - 24 * 3600 * 10**6)  # when it was made
    assert len(delivered().headers["webhook-signature"].split()) == 1


def test_a_hostile_address_is_refused_when_sent_too(make_app, receive, monkeypatch):
    hurry(monkeypatch)
    api, receiver = local(make_app), receive()
    make_webhook(api, "https://n8n.example/hook")
    port = receiver.server_address[1]
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with sending(api.app):
        happen(api.app)
        wait_for(lambda: webhook_of(api)["last"])
    assert webhook_of(api)["last"]["error"] == "n8n.example is at an address that is not public."
    assert webhook_of(api)["behind"] == 1 and not receiver.received


def test_an_unexpected_fault_of_one_webhook_stops_no_other(make_app, receive, caplog):
    api, refusing, taking = local(make_app), receive(lambda handler: 404), receive()
    for receiver in (refusing, taking):
        make_webhook(api, receiver.url)
    set_columns(api.app, skipped="no JSON", refusals=4, tries=4)
    with sending(api.app):
        happen(api.app)
        taking.wait(1)
        wait_for(lambda: "Webhook 1 can't be sent" in caplog.messages)
        time.sleep(1.2)
    assert len(refusing.received) == 1  # it rests


def test_the_object_is_the_record_as_it_is_when_it_is_sent(make_app, receive):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url, types=["*.*", "key.*", "webhook.*"])
    person = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    client = api.post("/clients", {**person, "tags": ["new"]}).get_json()["data"]
    api.put(f"/clients/{client['id']}/status", {"status": "suspended"})
    gone = api.post("/contacts", {**person, "email": "x@acme.example", "clientid": client["id"]})
    api.delete(f"/contacts/{gone.get_json()['data']['id']}")
    api.post("/categories", {"category_name": "Retail", "category_type": "client"})
    api.post("/team", {**person, "email": "t@acme.example", "role_id": 3})
    api.post("/custom-fields", {"title": "Code", "type": "text"})
    api.post("/keys", {"name": "n8n"})
    with sending(api.app):
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    told = [json.loads(delivery.body) for delivery in receiver.received]
    assert [one["data"]["event"] for one in told] == [
        event
        for event in api.get("/events?limit=1000").get_json()["data"]
        if event["id"] >= told[0]["data"]["event"]["id"]
    ]
    objects = {
        **{"client": "clients", "contact": "contacts", "category": "categories", "tag": "tags"},
        **{"team_member": "team", "custom_field": "custom-fields", "webhook": "webhooks"},
    }
    seen = set()
    for one in told:
        event, object = one["data"]["event"], one["data"]["object"]
        seen.add(event["object"])
        if event["object"] == "key":
            assert object["name"] == "n8n" and "key" not in object
            continue
        shown = api.get(f"/{objects[event['object']]}/{event['object_id']}").get_json()
        if event["object"] == "webhook":
            shown["data"]["url"] = object["url"]
        elif "data" in shown:
            assert object == shown["data"]
        else:
            assert object is None
    assert seen == {*objects, "key"}
    assert "contact.deleted" in {one["type"] for one in told}
