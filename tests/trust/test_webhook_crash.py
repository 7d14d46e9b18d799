"""A server that is killed while it sends: each event arrives at least once, and in order."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import threading
import time
from typing import Any

import pytest
from conftest import Server
from receivers import wait_for
from test_crash import Line

pytestmark = pytest.mark.slow

KILLS = 4


def call(server: Server, *request: Any) -> Any:
    """Return the data of an answer, which has to be good."""
    line = Line(server)
    with contextlib.closing(line.connection):
        status, answer = line.call(*request)
    assert status in (200, 201), answer
    return answer["data"]


def person(number: int) -> dict[str, str]:
    return {"first_name": "N", "last_name": "X", "email": f"n{number}@acme.example"}


def write_until_dead(server: Server, numbers: list[int]) -> None:
    line = Line(server)
    with (
        contextlib.closing(line.connection),
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        while True:
            numbers.append(len(numbers))
            line.call("POST", "/clients", person(numbers[-1]))
            time.sleep(0.01)


@pytest.mark.parametrize("workers", ["1", "3"])
def test_after_any_number_of_kills_nothing_is_lost_and_only_the_last_repeated(
    start_server, receive, tmp_path, workers
):
    chance, refused = random.Random(1), {7, 60}  # each of which costs a pause of five seconds
    receiver = receive(lambda handler: 500 if len(receiver.received) in refused else 204)
    settings = {"folder": tmp_path / "server", "WEBHOOK_HOSTS": receiver.host}
    server = first = start_server("--workers", workers, RATELIMIT_ENABLED="false", **settings)
    hook = {"url": receiver.url, "types": ["client.*"]}
    secret = call(server, "POST", "/webhooks", hook)["secret"]
    numbers: list[int] = []
    for _ in range(KILLS):
        before = len(receiver.received)
        writer = threading.Thread(target=write_until_dead, args=(server, numbers))
        writer.start()
        receiver.wait(before + 20, 30)
        time.sleep(chance.random() / 5)
        server.stop(signal.SIGKILL)
        writer.join()
        server = start_server("--workers", workers, RATELIMIT_ENABLED="false", **settings)
        server.key = first.key
    wait_for(lambda: call(server, "GET", "/webhooks/1")["behind"] == 0, 90)
    logged = [e["id"] for e in call(server, "GET", "/events?object=client&limit=1000")]
    assert len(logged) > 20 * KILLS
    assert receiver.ids == sorted(receiver.ids), "in order"
    assert sorted(set(receiver.ids)) == logged, "each, and no other"
    repeated = len(receiver.ids) - len(logged)
    assert repeated <= KILLS + len(refused), "a crash repeats the last one"
    for delivery in receiver.received:
        delivery.verify(secret)
    print(f"{len(logged)} events, {KILLS} kills, {len(refused)} refused, {repeated} repeated")
    assert server.stop() == 0


def test_a_restart_repeats_nothing(start_server, receive):
    receiver = receive()
    server = start_server(WEBHOOK_HOSTS=receiver.host, RATELIMIT_ENABLED="false")
    call(server, "POST", "/webhooks", {"url": receiver.url, "types": ["client.*"]})
    for number in range(60):
        if number % 20 == 10:
            server.process.send_signal(signal.SIGHUP)
        call(server, "POST", "/clients", person(number))
    wait_for(lambda: len(receiver.received) >= 60, 30)
    time.sleep(0.5)
    assert receiver.ids == sorted(set(receiver.ids)) and len(receiver.ids) == 60
    assert server.stop() == 0


def test_a_receiver_that_hangs_does_not_keep_the_server_from_ending(start_server, receive):
    receiver = receive(lambda handler: time.sleep(15))
    server = start_server(WEBHOOK_HOSTS=receiver.host)
    call(server, "POST", "/webhooks", {"url": receiver.url})
    call(server, "POST", "/clients", person(1))
    receiver.wait(1)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 15
