"""Events that are pruned before their turn."""

from __future__ import annotations

from conftest import expect_error
from senders import happen, local, make_webhook, prune, sending, webhook_of


def test_pruning_that_overtakes_a_webhook_disables_it_and_is_told(make_app, receive, caplog):
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url, types=["tag.*"])
    last = happen(api.app, 5, "tag.created")
    prune(api.app, last - 2)
    assert f"events up to {last - 2} were pruned" in caplog.text
    webhook = webhook_of(api)
    assert webhook["status"] == "disabled" and webhook["behind"] == 2
    assert "pruned" in webhook["last"]["error"] and webhook["last"]["event_id"] == last - 2
    prune(api.app, last - 1)  # it is told once
    (event,) = api.get("/events?type=webhook.disabled").get_json()["data"]
    assert "pruned" in event["changes"]["last.error"][1]
    # Where it stood is no longer kept: it can't go on there, but from what is left or from now.
    expect_error(
        api.patch("/webhooks/1", {"status": "active"}),
        *(422, None),
        position="The selected position is invalid.",
    )
    changed = api.patch("/webhooks/1", {"status": "active", "position": "oldest"})
    assert changed.get_json()["data"]["status"] == "active"
    with sending(api.app):
        receiver.wait(1)
    assert receiver.ids == [last]


def test_pruning_that_overtakes_a_disabled_webhook_is_told(make_app):
    api = local(make_app)
    make_webhook(api, "https://1.1.1.1/", types=["tag.*"])
    api.patch("/webhooks/1", {"status": "disabled"})
    last = happen(api.app, 3, "tag.created")
    prune(api.app, last - 1)
    assert "pruned" in webhook_of(api)["last"]["error"]


def test_pruning_what_a_webhook_does_not_want_moves_it_on(make_app):
    api = local(make_app)
    make_webhook(api, "https://1.1.1.1/", types=["tag.*"])
    last = happen(api.app, 3, "category.created")
    happen(api.app, 1, "tag.created")
    prune(api.app, last)
    webhook = webhook_of(api)
    assert webhook["status"] == "active" and webhook["last"] is None
    assert webhook["position"].startswith(f"{last}-") and webhook["behind"] == 1
