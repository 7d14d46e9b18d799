"""A server that is killed while it sends: each event arrives at least once, and in order."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import threading
import time

import pytest
from receivers import Receiver, wait_for
from test_crash import Line

pytestmark = pytest.mark.slow

KILLS = 4


def make(line: Line, url: str) -> str:
    status, answer = line.call("POST", "/webhooks", {"url": url, "types": ["client.*"]})
    assert status == 201, answer
    return answer["data"]["secret"]


def write_until_dead(server, numbers: list[int]) -> None:
    line = Line(server)
    with (
        contextlib.closing(line.connection),
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        while True:
            number = len(numbers)
            body = {"first_name": "N", "last_name": "X", "email": f"n{number}@acme.example"}
            numbers.append(number)
            line.call("POST", "/clients", body)


@pytest.mark.parametrize("workers", ["1", "3"])
def test_after_any_number_of_kills_nothing_is_lost_and_only_the_last_repeated(
    start_server, receive, tmp_path, workers
):
    chance = random.Random(1)
    refused = [0]

    def answer(handler):
        if chance.random() > 0.01:
            return 204
        refused[0] += 1
        return 500

    receiver = receive(answer)
    options = ("--workers", workers)
    settings = {"folder": tmp_path / "server", "WEBHOOK_HOSTS": receiver.host}
    settings |= {"RATELIMIT_ENABLED": "false"}
    server = start_server(*options, **settings)
    key = server.key
    secret = make(Line(server), receiver.url)
    numbers: list[int] = []
    for _ in range(KILLS):
        before = len(receiver.received)
        writer = threading.Thread(target=write_until_dead, args=(server, numbers))
        writer.start()
        receiver.wait(before + 20, 30)
        time.sleep(chance.random() / 5)
        server.stop(signal.SIGKILL)
        writer.join()
        server = start_server(*options, **settings)
        server.key = key
    line = Line(server)
    wait_for(lambda: line.call("GET", "/webhooks/1")[1]["data"]["behind"] == 0, 90)
    _, events = line.call("GET", "/events?object=client&limit=1000")
    logged = [event["id"] for event in events["data"]]
    assert len(logged) > 20 * KILLS
    ids = receiver.ids
    assert ids == sorted(ids), "in order"
    assert sorted(set(ids)) == logged, "each, and no other"
    assert len(ids) - len(set(ids)) <= KILLS + refused[0], "a crash repeats the last one"
    for delivery in receiver.received:
        delivery.verify(secret)
    assert server.stop() == 0


def test_a_restart_repeats_nothing(start_server, receive, tmp_path):
    receiver: Receiver = receive()
    server = start_server(WEBHOOK_HOSTS=receiver.host, RATELIMIT_ENABLED="false")
    line = Line(server)
    make(line, receiver.url)
    for number in range(60):
        body = {"first_name": "N", "last_name": "X", "email": f"r{number}@acme.example"}
        assert line.call("POST", "/clients", body)[0] == 201
        if number % 20 == 10:
            server.process.send_signal(signal.SIGHUP)
            line = Line(server)
    wait_for(lambda: len(receiver.received) >= 60, 30)
    time.sleep(0.5)
    assert receiver.ids == sorted(set(receiver.ids)) and len(receiver.ids) == 60
    assert server.stop() == 0


def test_a_receiver_that_hangs_does_not_keep_the_server_from_ending(start_server, receive):
    receiver = receive(lambda handler: time.sleep(15))
    server = start_server(WEBHOOK_HOSTS=receiver.host)
    line = Line(server)
    make(line, receiver.url)
    body = {"first_name": "N", "last_name": "X", "email": "n@acme.example"}
    assert line.call("POST", "/clients", body)[0] == 201
    receiver.wait(1)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 10
