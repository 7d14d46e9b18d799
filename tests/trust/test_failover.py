"""A primary dies, and an app server: nothing that was acknowledged is lost, nothing done twice."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import threading
import time
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CALLERS = 8
SECONDS = 2.0  # of load before each fault, and after the last one
BACK_SECONDS = 3.0  # from the promotion to the first answer


@pytest.fixture
def pair(request):
    """A primary, and a standby that confirms each commit before it is acknowledged."""
    cluster = pytest.importorskip("cluster")
    if cluster.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    primary = cluster.Cluster()
    request.addfinalizer(primary.remove)
    primary.create(name="clients")
    standby = cluster.Cluster(clone=primary)
    request.addfinalizer(standby.remove)
    primary.configure(synchronous_standby_names="'*'")
    deadline = time.monotonic() + 20
    while primary.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return primary, standby


class Callers:
    """Callers who create clients, each with a key, and ask again until they are answered."""

    def __init__(self, ports: list[int], key: str) -> None:
        self.ports = ports
        self.acknowledged: dict[str, int] = {}
        self.times: list[float] = []
        self.statuses: set[int] = set()
        self.wrong: list[str] = []
        self._key = key
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _run(self, place: int) -> None:
        while not self._stopping.is_set():
            email = f"n{next(self._numbers)}@acme.example"
            for attempt in itertools.count(place):
                answer = self._post(self.ports[attempt % len(self.ports)], email)
                if answer is not None:
                    self.acknowledged[email] = answer["data"]["id"]
                    self.times.append(time.monotonic())
                    break
                time.sleep(0.02)

    def _post(self, port: int, email: str) -> Any:
        body = json.dumps({"first_name": "A", "last_name": "B", "email": email})
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": email,
        }
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/api/clients", body, headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            return None  # that server is gone: the other one is asked
        finally:
            connection.close()
        self.statuses.add(response.status)
        if response.status == 201:
            return json.loads(text)
        if response.status not in (409, 503):
            self.wrong.append(f"{response.status} {text.decode()}")
        return None


def test_nothing_is_lost_and_nothing_done_twice_when_the_primary_dies(pair, start_server):
    primary, standby = pair
    url = (
        f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/clients"
        "?target_session_attrs=read-write"
    )
    settings = {"DATABASE_URL": url, "RATELIMIT_ENABLED": "false"}
    first = start_server(**settings)
    second = start_server(**settings)
    callers = Callers([first.port, second.port], first.key)
    try:
        time.sleep(SECONDS)
        primary.kill()
        time.sleep(0.5)
        standby.promote()
        promoted = time.monotonic()
        time.sleep(SECONDS)
        second.stop(signal.SIGKILL)
        time.sleep(SECONDS)
    finally:
        callers.stop()
    assert callers.wrong == []
    assert callers.statuses <= {201, 409, 503}
    after = [moment for moment in callers.times if moment > promoted]
    assert min(after) - promoted < BACK_SECONDS
    stored = standby.execute(
        "SELECT email, id, client_id FROM \"user\" WHERE type = 'client'", database="clients"
    )
    assert len(callers.acknowledged) > 20
    found = {email: client_id for email, _, client_id in stored}
    assert len(found) == len(stored), "no address was stored twice"
    lost = {e for e, id in callers.acknowledged.items() if found.get(e) != id}
    assert lost == set()
    (created,) = standby.execute(
        "SELECT COUNT(*) FROM event WHERE object = 'client' AND action = 'created'",
        database="clients",
    )
    assert created == (len(found),), "each was done once"
    assert first.process.poll() is None, "no app server was started anew"
