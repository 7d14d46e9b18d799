"""Some threads are left for readers, however many callers wait to write."""

from __future__ import annotations

import contextlib
import http.client
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest
from conftest import Server

THREADS = 6
WAITING = THREADS - 2  # how many may wait
PROMPT = 5  # seconds, on a machine at work; who waits for the lock takes ten


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: dict
    seconds: float


def call(server: Server, method: str, path: str, body: object = None, **headers: str) -> Answer:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"} | headers
        connection.request(
            method, f"/api{path}", data, {"Authorization": f"Bearer {server.key}"} | headers
        )
        response = connection.getresponse()
        body = json.loads(response.read())
    return Answer(response.status, response.headers, body, time.monotonic() - began)


def create(server: Server, number: int, **headers: str) -> Answer:
    body = {"first_name": "J", "last_name": "D", "email": f"w{number}@acme.example"}
    return call(server, "POST", "/clients", body, **headers)


@contextlib.contextmanager
def another_process_writing(server: Server) -> Iterator[None]:
    path = server.folder / "clients.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def start(start_server: Callable[..., Server], threads: int = THREADS) -> Server:
    server = start_server("--threads", str(threads), RATELIMIT_ENABLED="false")
    assert call(server, "GET", "/clients").status == 200  # and the use of the key is noted
    return server


def all_in(count: int, work: Callable[[int], Answer]) -> tuple[ThreadPoolExecutor, list[Future]]:
    pool = ThreadPoolExecutor(count)
    return pool, [pool.submit(work, number) for number in range(count)]


def slowest_reads(server: Server, seconds: float) -> float:
    """Read for so long, and return how long the slowest answer took."""
    slowest = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in ("/health", "/clients", "/tags"):
            answer = call(server, "GET", path)
            assert answer.status == 200
            slowest = max(slowest, answer.seconds)
    return slowest


@pytest.mark.slow
@pytest.mark.parametrize("writers", [THREADS - 1, THREADS, 2 * THREADS])
def test_readers_are_answered_while_more_callers_wait_to_write_than_there_are_threads(
    start_server: Callable[..., Server], writers: int
) -> None:
    # Each thread waited for the lock: nobody was answered for ten seconds, /health neither.
    server = start(start_server)
    with another_process_writing(server):
        pool, answers = all_in(writers, lambda number: create(server, number))
        time.sleep(0.1)
        slowest = slowest_reads(server, 3)
        refused = [answer.result() for answer in answers if answer.done()]
        late = create(server, writers)
    with pool:
        written = [a for a in (answer.result() for answer in answers) if a not in refused]
    slowest_refusal = max(answer.seconds for answer in refused)
    print(f"{writers} writers: slowest read {slowest:.2f} s, slowest 503 {slowest_refusal:.2f} s")
    assert slowest < PROMPT
    assert len(refused) == writers - WAITING
    for answer in [*refused, late]:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "The database is busy." in answer.body["message"]
    assert slowest_refusal < PROMPT
    assert late.seconds < 2, "whoever comes now is refused at once"
    assert [answer.status for answer in written] == [201] * WAITING
    assert server.stop() == 0


@pytest.mark.slow
def test_those_who_wait_to_write_are_told_so_past_the_busy_timeout(
    start_server: Callable[..., Server],
) -> None:
    server = start(start_server)
    with another_process_writing(server):
        pool, answers = all_in(2 * THREADS, lambda number: create(server, number))
        slowest = slowest_reads(server, 7)
        assert sum(not answer.done() for answer in answers) == WAITING
        with pool:
            results = [answer.result() for answer in answers]
    assert slowest < PROMPT
    assert {(a.status, a.headers["Retry-After"]) for a in results} == {(503, "1")}
    assert max(answer.seconds for answer in results) < 18
    assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("threads", [2, 3])
def test_of_few_threads_one_waits_to_write(
    start_server: Callable[..., Server], threads: int
) -> None:
    server = start(start_server, threads)
    with another_process_writing(server):
        pool, answers = all_in(4, lambda number: create(server, number))
        slowest = slowest_reads(server, 3)
        assert sum(not answer.done() for answer in answers) == 1
    with pool:
        assert sorted(answer.result().status for answer in answers) == [201, 503, 503, 503]
    assert slowest < PROMPT
    assert server.stop() == 0


@pytest.mark.slow
def test_repeats_of_a_call_that_waits_to_write_leave_threads_for_readers(
    start_server: Callable[..., Server],
) -> None:
    # They wait for each other before they come to the lock, and so passed by those who count.
    server = start(start_server)
    key = {"Idempotency-Key": "one"}
    with another_process_writing(server):
        pool, answers = all_in(2 * THREADS, lambda number: create(server, 0, **key))
        slowest = slowest_reads(server, 3)
        refused = [answer.result() for answer in answers if answer.done()]
    with pool:
        waited = [a for a in (answer.result() for answer in answers) if a not in refused]
    assert slowest < PROMPT
    assert len(refused) == 2 * THREADS - WAITING
    assert {(a.status, a.headers["Retry-After"]) for a in refused} == {(409, "1")}
    assert [answer.status for answer in waited] == [201] * WAITING
    assert len({answer.body["data"]["id"] for answer in waited}) == 1
    assert server.stop() == 0


@pytest.mark.slow
def test_an_import_waits_where_others_are_sent_away(start_server: Callable[..., Server]) -> None:
    server = start(start_server)
    rows = b"first_name,last_name,email\nA,B,a@acme.example\n"
    with ThreadPoolExecutor(1) as importer:
        with another_process_writing(server):
            pool, answers = all_in(WAITING + 1, lambda number: create(server, number))
            time.sleep(1.5)
            assert sum(answer.done() for answer in answers) == 1
            imported = importer.submit(
                call, server, "POST", "/clients/import", rows, **{"Content-Type": "text/csv"}
            )
            time.sleep(1)
            assert not imported.done()
        with pool:
            assert sorted(answer.result().status for answer in answers) == [201] * WAITING + [503]
        assert imported.result().body["data"]["created"] == 1
    assert server.stop() == 0
