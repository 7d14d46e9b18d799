"""Webhooks, as the contract's section 11 describes them: how they are made and changed."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Caller, expect_error, free_port, issue_key
from hostile_addresses import ADDRESSES, URLS
from senders import happen, local, make_webhook, webhook_of

from clients_api.models import Webhook
from clients_api.models.engines.current import using
from clients_api.webhooks import sending

URL = "https://1.1.1.1/hook/7"
OBJECT = [
    *("id", "url", "types", "status", "position", "behind"),
    *("last", "retry_at", "skipped", "dates"),
]
BAD_ADDRESS = "The url must be an https address of a public host."


def test_a_webhook_is_made_and_its_secret_shown_once(api):
    response = api.post("/webhooks", {"url": URL, "types": ["client.*", "*.deleted"]})
    assert response.status_code == 201
    assert response.get_json()["message"] == "Webhook created successfully."
    assert response.headers["Location"].endswith("/api/webhooks/1")
    webhook = response.get_json()["data"]
    assert list(webhook) == [*OBJECT, "secret"]
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert webhook["types"] == ["client.*", "*.deleted"]
    assert (webhook["url"], webhook["status"], webhook["last"]) == (URL, "active", None)
    assert (webhook["behind"], webhook["skipped"], webhook["retry_at"]) == (0, [], None)
    for path in ("/webhooks/1", "/webhooks"):
        answer = api.get(path)
        assert secret not in answer.get_data(as_text=True)
        shown = answer.get_json()["data"]
        assert (shown[0] if isinstance(shown, list) else shown) == webhook | {
            "behind": shown[0]["behind"] if isinstance(shown, list) else shown["behind"]
        }


def test_without_types_it_is_told_of_all_but_keys_and_webhooks(api):
    assert make_webhook(api, URL)["types"] == ["*.*"]
    assert make_webhook(api, URL, types=[])["types"] == ["*.*"]


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        (["*.*"], {"client.created", "custom_field.deleted"}),
        (["client.*"], {"client.created"}),
        (["*.deleted"], {"custom_field.deleted"}),
        (["key.*"], {"key.created"}),
        (["*.deleted", "webhook.deleted"], {"custom_field.deleted", "webhook.deleted"}),
        (["category.*"], set()),
        (["*.*", "key.created"], {"client.created", "custom_field.deleted", "key.created"}),
    ],
)
def test_types_say_which_events_it_is_behind(api, types, wanted):
    webhook = make_webhook(api, URL, types=types)
    before = webhook_of(api)["behind"]
    for type in ("client.created", "key.created", "custom_field.deleted", "webhook.deleted"):
        happen(api.app, 1, type)
    assert webhook_of(api, webhook["id"])["behind"] - before == len(wanted)


@pytest.mark.parametrize(
    "type", ["client", "client.exploded", "*", "**", "CLIENT.*", '"*.*"', "x" * 5000, "%.%", "*."]
)
def test_a_type_that_is_none_is_refused(api, type):
    response = api.post("/webhooks", {"url": URL, "types": ["client.*", type]})
    expect_error(response, 422, **{"types.1": "The selected types.1 is invalid."})


@pytest.mark.parametrize("url", URLS)
def test_a_hostile_url_is_refused_when_made(shared_api, url):
    response = shared_api.post("/webhooks", {"url": url})
    body = expect_error(response, 422)
    (sentence,) = body["errors"]["url"]
    assert sentence in (BAD_ADDRESS, "The url contains characters that are not allowed.")
    assert shared_api.get("/webhooks").get_json()["data"] == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_that_leads_where_it_may_not_is_refused_when_made(shared_api, monkeypatch, address):
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    for found in ([address], ["1.1.1.1", address]):
        entries = [(kind, socket.SOCK_STREAM, 6, "", (one, 443)) for one in found]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=entries, **__: found)
        response = shared_api.post("/webhooks", {"url": "https://evil.example/"})
        expect_error(response, 422, url=BAD_ADDRESS)


def test_a_hostile_url_is_refused_when_changed(api):
    make_webhook(api, URL)
    response = api.patch("/webhooks/1", {"url": "https://127.1/"})
    expect_error(response, 422, url=BAD_ADDRESS)
    assert webhook_of(api)["url"] == URL


def test_a_name_that_does_not_resolve_yet_may_be_one(api):
    assert make_webhook(api, "https://n8n.example/hook")["url"] == "https://n8n.example/hook"


def test_a_slow_name_server_holds_up_no_change_by_others(api, make_client, monkeypatch):
    # To resolve a name within a transaction would keep everybody from writing.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1) or [])
    with ThreadPoolExecutor() as pool:
        made = pool.submit(make_webhook, api, "https://slow.example/")
        time.sleep(0.2)
        started = time.monotonic()
        make_client()
        assert time.monotonic() - started < 0.5 and not made.done()
        assert made.result()["id"] == 1


def test_of_what_is_wrong_all_is_said_at_once(api):
    body = {"url": "https://127.0.0.1/", "types": "client", "position": ["x"]}
    errors = expect_error(api.post("/webhooks", body), 422)["errors"]
    assert set(errors) == {"url", "types", "position"}
    expect_error(api.post("/webhooks", {}), 422, url="The url field is required.")
    expect_error(
        api.post("/webhooks", {"url": "https://1.1.1.1/" + "x" * 2000}),
        *(422, None),
        url="The url may not be greater than 2000 characters.",
    )


def test_there_are_twenty_at_most(api):
    for _ in range(20):
        make_webhook(api, URL)
    expect_error(api.post("/webhooks", {"url": URL}), 409)
    assert api.get("/webhooks?limit=100").get_json()["meta"]["total"] == 20
    api.delete("/webhooks/7")
    assert make_webhook(api, URL)["id"] == 21


def test_patch_changes_what_is_given_and_keeps_the_rest(api):
    made = make_webhook(api, URL, types=["tag.*"])
    for method in (api.patch, api.put):
        changed = method("/webhooks/1", {"types": ["client.created"]}).get_json()["data"]
        assert (changed["url"], changed["types"]) == (URL, ["client.created"])
    assert "secret" not in changed
    assert changed["dates"]["updated"] > made["dates"]["updated"]
    for field in ("url", "status", "position"):
        sentence = f"The {field} field is required."
        expect_error(api.patch("/webhooks/1", {field: None}), 422, **{field: sentence})


def test_position_goes_back_and_ahead(api):
    happen(api.app, 5, "tag.created")
    make_webhook(api, URL, types=["tag.*"])
    assert webhook_of(api)["behind"] == 0
    assert api.patch("/webhooks/1", {"position": "oldest"}).get_json()["data"]["behind"] == 5
    events = api.get("/events?type=tag.created").get_json()["data"]
    ids = [event["position"] for event in events]
    assert api.patch("/webhooks/1", {"position": ids[1]}).get_json()["data"]["behind"] == 3
    assert api.patch("/webhooks/1", {"position": "now"}).get_json()["data"]["behind"] == 0
    made = make_webhook(api, URL, types=["tag.*"], position=ids[3])
    assert made["behind"] == 1 and made["position"] == ids[3]


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        *((one, "The selected position is invalid.") for one in ("1-00000000", "999-9f3a21c4")),
        *(
            (one, "The position format is invalid.")
            for one in ("x", "-1", "9" * 30 + "-9f3a21c4", "①-9f3a21c4", "1", "later")
        ),
    ],
)
def test_a_position_that_is_not_kept_is_refused(api, position, sentence):
    happen(api.app)
    expect_error(api.post("/webhooks", {"url": URL, "position": position}), 422, position=sentence)
    make_webhook(api, URL)
    expect_error(api.patch("/webhooks/1", {"position": position}), 422, position=sentence)


def test_a_deleted_webhook_is_gone(api):
    make_webhook(api, URL)
    answer = api.delete("/webhooks/1").get_json()
    assert answer == {"data": {"id": 1}, "message": "Webhook deleted successfully."}
    expect_error(api.get("/webhooks/1"), 404, "The webhook could not be found.")
    assert make_webhook(api, URL)["id"] == 2


def test_rotate_shows_another_secret(api):
    made = make_webhook(api, URL)
    response = api.post("/webhooks/1/rotate")
    assert response.get_json()["message"] == "Webhook secret rotated successfully."
    rotated = response.get_json()["data"]
    assert rotated["secret"].startswith("whsec_") and rotated["secret"] != made["secret"]


@pytest.mark.file("every byte of it is read")
def test_the_secret_of_a_webhook_is_never_stored(api):
    headers = {"Idempotency-Key": "once"}
    first = api.post("/webhooks", {"url": URL}, headers=headers)
    second = api.post("/webhooks", {"url": URL}, headers=headers)
    assert second.headers["Idempotency-Replayed"] == "true"
    secret = first.get_json()["data"].pop("secret")
    assert "secret" not in second.get_json()["data"]
    dump = "\n".join(api.app.database.connection().iterdump())
    assert secret not in dump and secret.removeprefix("whsec_") not in dump


def test_without_a_readable_key_nothing_is_made(make_app, tmp_path):
    api = local(make_app, SECRET_KEY=f"file://{tmp_path}/none/key")
    expect_error(api.post("/webhooks", {"url": URL}), 503)
    assert api.get("/webhooks").get_json()["data"] == []


def test_a_test_is_sent_now_and_signed(make_app, receive):
    api, receiver = local(make_app), receive()
    secret = make_webhook(api, receiver.url)["secret"]
    response = api.post("/webhooks/1/test")
    assert response.get_json()["message"] == "Webhook tested."
    data = response.get_json()["data"]
    assert data.pop("ms") >= 0
    assert data == {"status": 204, "error": None}
    (delivery,) = receiver.received
    body = delivery.verify(secret)
    assert body["type"] == "webhook.test" and body["data"]["event"] is None
    assert body["data"]["object"]["url"] == receiver.url
    assert webhook_of(api)["last"] is None


def test_a_test_says_what_went_wrong(make_app):
    api = local(make_app)
    make_webhook(api, f"http://127.0.0.1:{free_port()}/")
    data = api.post("/webhooks/1/test").get_json()["data"]
    assert (data["status"], data["error"]) == (None, "Connection refused.")


def test_a_slow_test_holds_up_neither_changes_nor_other_threads(make_app, receive, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 1)
    api = local(make_app)
    receiver = receive(lambda handler: time.sleep(2))
    make_webhook(api, receiver.url)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(api.post, "/webhooks/1/test")
        receiver.wait(1)
        started = time.monotonic()
        body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
        assert api.post("/clients", body).status_code == 201
        expect_error(api.post("/webhooks/1/test"), 409)
        assert time.monotonic() - started < 0.5 and not slow.done()
        assert "within" in slow.result().get_json()["data"]["error"]


def test_a_test_that_is_repeated_with_its_key_is_sent_once(make_app, receive):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url)
    answers = [api.post("/webhooks/1/test", headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].get_data() == answers[1].get_data()
    assert len(receiver.received) == 1


def test_a_dry_run_of_a_test_sends_nothing(make_app, receive):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url)
    response = api.post("/webhooks/1/test?dry_run=yes")
    assert response.headers["Dry-Run"] == "yes"
    assert response.get_json()["data"]["error"] == "A dry run sends nothing."
    expect_error(api.post("/webhooks/2/test?dry_run=yes"), 404)
    assert not receiver.received


def test_webhooks_are_listed_by_when_they_were_made(api):
    for _ in range(3):
        make_webhook(api, URL)
    assert [one["id"] for one in api.get("/webhooks").get_json()["data"]] == [1, 2, 3]
    listed = api.get("/webhooks?sort=created&order=desc&limit=2").get_json()["data"]
    assert [one["id"] for one in listed] == [3, 2]
    with using(api.app.database):
        assert [one["id"] for one in Webhook.all()] == [1, 2, 3]


def test_what_is_done_with_webhooks_is_in_the_log_without_secrets(api):
    created = make_webhook(api, URL)
    rotated = api.post("/webhooks/1/rotate").get_json()["data"]
    api.patch("/webhooks/1", {"types": ["tag.*"], "position": "oldest"})
    api.delete("/webhooks/1")
    answer = api.get("/events?object=webhook")
    made, turned, changed, gone = answer.get_json()["data"]
    assert made["type"] == "webhook.created" and made["object_id"] == 1
    assert made["changes"]["url"] == [None, URL]
    assert made["changes"]["types"] == [None, ["*.*"]]
    assert turned["type"] == "webhook.updated" and turned["changes"] == {"secret": [None, None]}
    assert changed["changes"] == {
        "types": [["*.*"], ["tag.*"]],
        "position": [created["position"], "0-00000000"],
    }
    assert gone["type"] == "webhook.deleted" and gone["changes"]["url"] == [URL, None]
    assert gone["actor"]["type"] == "key"
    for secret in (created["secret"], rotated["secret"]):
        assert secret not in answer.get_data(as_text=True)


def test_only_administrators_see_events_of_webhooks(api):
    make_webhook(api, URL)
    reader = Caller(api.app, issue_key(api.app, scope="write"))
    assert reader.get("/events?object=webhook").get_json()["data"] == []
    assert len(api.get("/events?object=webhook").get_json()["data"]) == 1
