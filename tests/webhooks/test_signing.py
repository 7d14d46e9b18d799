"""Signatures and secrets: the specification's own example, and where the key is."""

from __future__ import annotations

import os
import threading
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from clients_api.webhooks import signing

KEY = "a key of enough characters"


def test_the_specifications_own_example_holds():
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '{"test": 2432232314}'
    moment = datetime.fromtimestamp(1614265330, UTC)
    signature = Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_signed_verifies_with_the_secret_that_was_given():
    key = signing.secret_key(KEY)
    body = '{"type": "client.created", "name": "Łódź"}'.encode()
    headers = signing.headers(key, 7, [2, 1], "evt_1", body)
    for epoch in (1, 2):
        assert Webhook(signing.secret(key, 7, epoch)).verify(body, headers)["name"] == "Łódź"
    for other in (signing.secret(key, 8, 1), signing.secret(key, 7, 3)):
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.secret(key, 7, 1)).verify(body + b" ", headers)


def test_a_secret_has_the_form_and_length_that_the_specification_asks_for():
    secret = signing.secret(signing.secret_key(KEY), 1, 1)
    assert secret.startswith("whsec_")
    assert 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


def test_the_key_is_made_at_first_need_for_its_owner_alone(tmp_path):
    path = tmp_path / "key"
    key = signing.secret_key(f"file://{path}")
    assert len(key) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing.secret_key(f"file://{path}") == key
    assert os.listdir(tmp_path) == ["key"]


def test_all_who_need_the_key_first_at_once_get_the_same(tmp_path):
    found, barrier = [], threading.Barrier(8)

    def need() -> None:
        barrier.wait()
        found.append(signing.secret_key(f"file://{tmp_path / 'key'}"))

    threads = [threading.Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize("content", [b"", b"short", None])
def test_a_file_with_no_key_is_told_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "key"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(signing.NoSecretKey, match="SECRET_KEY"):
        signing.secret_key(f"file://{path}")
    assert content is None or path.read_bytes() == content
