"""The example of a receiver, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from conftest import ROOT, free_port
from receivers import wait_for
from senders import happen, local, make_webhook, sending, webhook_of

from clients_api.webhooks.sending import send

FOLDER = ROOT / "examples" / "webhook_receiver"


@pytest.fixture
def start_example(tmp_path):
    started = []

    def start(port, secret):
        path = tmp_path / f"receiver{len(started)}.log"
        environment = {"WEBHOOK_SECRET": secret, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
        with path.open("w") as log:
            started.append(
                subprocess.Popen(
                    command, cwd=FOLDER, env=os.environ | environment, stdout=log, stderr=log
                )
            )
        return path

    yield start
    for process in started:
        process.terminate()
        process.wait()


def test_the_example_takes_every_delivery(make_app, start_example):
    api, port = local(make_app), free_port()
    made = make_webhook(api, f"http://127.0.0.1:{port}/")
    log = start_example(port, made["secret"])
    wait_for(lambda: api.post("/webhooks/1/test").get_json()["data"]["status"] == 204)
    with sending(api.app):
        happen(api.app, 5)
        wait_for(lambda: webhook_of(api)["behind"] == 0)
    assert webhook_of(api)["last"]["status"] == 204
    lines = log.read_text().splitlines()
    assert len([line for line in lines if line.startswith("client.updated ")]) == 5


def test_the_example_refuses_what_others_have_signed(make_app, start_example):
    api, port = local(make_app), free_port()
    make_webhook(api, f"http://127.0.0.1:{port}/")
    start_example(port, make_webhook(api, "https://1.1.1.1/")["secret"])
    wait_for(lambda: api.post("/webhooks/1/test").get_json()["data"]["status"] == 401)
    for signature in ("", "v1", "v1,", "v1,=", "v2,x", "v1,é"):
        headers = {"webhook-id": "evt_1", "webhook-timestamp": str(int(time.time()))}
        outcome = send(
            f"http://127.0.0.1:{port}/",
            headers | {"webhook-signature": signature.encode("latin-1")},
            b"{}",
            ["127.0.0.1"],
        )
        assert outcome.status == 401, signature


def test_the_example_is_short():
    assert len((FOLDER / "app.py").read_text().splitlines()) <= 30
