"""What webhooks cost those who change something: nothing, whatever their receivers do."""

from __future__ import annotations

import itertools
import socket
import statistics
import time

import pytest
from conftest import free_port
from senders import happen, local, make_webhook, sending, webhook_of

from clients_api.webhooks import sending as one_try

EVENTS = 10_000
BLOCKS = 6
WRITES = 60  # a block


@pytest.mark.slow
def test_twenty_dead_webhooks_and_ten_thousand_events_slow_no_change_down(make_app, monkeypatch):
    monkeypatch.setattr(one_try, "SECONDS", 1)
    api = local(make_app)
    silent = socket.create_server(("127.0.0.1", 0), backlog=64)  # nobody accepts
    urls = (f"http://127.0.0.1:{silent.getsockname()[1]}/", f"http://127.0.0.1:{free_port()}/")
    with silent:
        for _ in range(10):
            for url in urls:
                make_webhook(api, url)
        happen(api.app, EVENTS)
        numbers = itertools.count()

        def write() -> tuple[float, float]:
            body = {
                "first_name": "Jane",
                "last_name": "Doe",
                "email": f"j{next(numbers)}@a.example",
            }
            wall, cpu = time.perf_counter(), time.process_time()
            assert api.post("/clients", body).status_code == 201
            return time.perf_counter() - wall, time.process_time() - cpu

        times: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for block in range(BLOCKS):
            if block % 2:
                times[False] += [write() for _ in range(WRITES)]
                continue
            with sending(api.app):
                time.sleep(0.3)
                times[True] += [write() for _ in range(WRITES)]
    for kind, measured in zip(("wall", "CPU"), zip(*times[True], strict=True), strict=True):
        without = statistics.median(one[kind == "CPU"] for one in times[False])
        ratio = statistics.median(measured) / without
        print(f"{kind}: {ratio:.2f} of {without * 1e6:.0f} us")
        # What else the machine does tells in both; to wait for a lock would be far more.
        assert ratio < (2.5 if kind == "CPU" else 6), (kind, ratio)
    webhook = webhook_of(api)
    assert webhook["behind"] >= EVENTS and webhook["last"]["status"] is None


@pytest.mark.slow
def test_a_far_behind_webhook_catches_up_at_a_steady_pace(make_app, receive):
    # To count what is left, for each event, would make ten times as many take a hundred times so.
    api, receiver = local(make_app), receive()
    make_webhook(api, receiver.url, types=["client.*"])
    happen(api.app, 3000)
    with sending(api.app):
        receiver.wait(3000, 60)
    first, last = receiver.received[:1000], receiver.received[-1000:]
    assert last[-1].at - last[0].at < 2 * (first[-1].at - first[0].at)
