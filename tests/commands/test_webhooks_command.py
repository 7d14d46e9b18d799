"""`clients-api webhooks list`, `test` and `replay`."""

from __future__ import annotations

import pytest
from conftest import free_port
from senders import happen, local, make_webhook, sending, webhook_of


@pytest.fixture
def api(make_app):
    return local(make_app)


@pytest.fixture
def app(api):
    return api.app


def test_webhooks_are_listed_with_what_is_wrong(api, run, receive):
    receiver = receive(lambda handler: 410)
    make_webhook(api, receiver.url)
    make_webhook(api, "https://1.1.1.1/", types=["tag.*"])
    with sending(api.app):
        happen(api.app)
        receiver.wait(1)
    head, first, second = run("webhooks", "list").stdout.splitlines()
    assert head.split() == ["ID", "STATUS", "BEHIND", "NEXT", "TRY", "URL", "LAST", "ERROR"]
    assert first.split() == ["1", "disabled", "1", "-", receiver.url, "It", "answered", "410."]
    assert second.split() == ["2", "active", "0", "-", "https://1.1.1.1/"]
    assert "whsec_" not in run("webhooks", "list").output


def test_a_test_says_what_came_of_it(api, run, receive):
    receiver = receive()
    make_webhook(api, receiver.url)
    make_webhook(api, f"http://127.0.0.1:{free_port()}/")
    result = run("webhooks", "test", "1")
    assert result.exit_code == 0 and result.stdout.startswith("It answered 204. (")
    assert len(receiver.received) == 1
    receiver.answer = lambda handler: 500
    assert run("webhooks", "test", "1").stderr.startswith("Error: It answered 500.")
    failed = run("webhooks", "test", "2")
    assert failed.exit_code == 1 and failed.stderr.startswith("Error: Connection refused. (")
    missing = run("webhooks", "test", "3")
    assert missing.exit_code == 1
    assert missing.stderr == "Error: The webhook could not be found.\n"


def test_replay_moves_the_cursor_and_begins_again(api, run, receive):
    make_webhook(api, receive().url, types=["client.*"])
    happen(api.app, 3)
    api.patch("/webhooks/1", {"position": "now", "status": "disabled"})
    result = run("webhooks", "replay", "1", "oldest")
    assert result.stdout == "Webhook 1 goes on behind 0-00000000: 3 to send.\n"
    assert webhook_of(api)["status"] == "active" and webhook_of(api)["behind"] == 3
    assert run("webhooks", "replay", "1", "now").stdout.endswith(": 0 to send.\n")


@pytest.mark.parametrize("position", ["x", "1-00000000", "", "999999-aaaaaaaa"])
def test_a_position_that_is_not_kept_is_wrong_usage(api, run, position):
    make_webhook(api, "https://1.1.1.1/")
    before = webhook_of(api)
    result = run("webhooks", "replay", "1", position)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert webhook_of(api) == before
