"""A server that is killed while it writes: what it has acknowledged is there, and nothing half."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Server

from clients_api import create_app
from clients_api.models.engines.current import using
from clients_api.upkeep.checking import findings

pytestmark = [pytest.mark.slow, pytest.mark.file("is opened beside the server")]

ROUNDS = 7 * int(os.environ.get("TRUST_SCALE", "1"))
WRITERS = 8

# What a client is: its company name and tags; None if there is none.
State = tuple[str, tuple[str, ...]] | None


class Line:
    """A connection to a server that may be killed at any moment."""

    def __init__(self, server: Server) -> None:
        self._headers = {"Authorization": f"Bearer {server.key}"}
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return the status and the JSON. Raises OSError or HTTPException if none comes."""
        headers |= self._headers | {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        self.connection.request(method, f"/api{path}", data, headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())


class Writer:
    """Writes clients one by one, and keeps book of the states that each of them may be in."""

    names = itertools.count(1)

    def __init__(self, may_be: dict[str, set[State]]) -> None:
        self._may_be = may_be
        self.acknowledged = 0

    def run(self, server: Server) -> None:
        """Write until the server is gone."""
        line = Line(server)
        with (
            contextlib.closing(line.connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            while True:
                self._one_client(line)

    def _one_client(self, line: Line) -> None:
        name = f"N{next(self.names)}"
        new = (f"{name} 1", ("a", name))
        body = {"first_name": name, "last_name": "X", "email": f"{name}@acme.example"}
        body |= {"client_company_name": new[0], "tags": list(new[1]), "send_email": "yes"}
        client = self._write(line, name, new, "POST", "/clients", body)["data"]
        path = f"/clients/{client['id']}"
        new = (f"{name} 2", new[1])
        self._write(line, name, new, "PATCH", path, {"client_company_name": new[0]})
        new = (new[0], ("b", "c", name))
        self._write(line, name, new, "PUT", f"{path}/tags", {"tags": list(new[1])})
        if client["id"] % 3 == 0:
            self._write(line, name, None, "DELETE", path)

    def _write(self, line: Line, name: str, new: State, *call: Any) -> Any:
        self._may_be.setdefault(name, {None}).add(new)
        status, answer = line.call(*call)
        assert status in (200, 201), answer
        self._may_be[name] = {new}
        self.acknowledged += 1
        return answer


def read_states(server: Server) -> dict[str, State]:
    """Return the state of each client by the first name of its owner."""
    states: dict[str, State] = {}
    line = Line(server)
    with contextlib.closing(line.connection):
        cursor: str | None = ""
        while cursor is not None:
            status, answer = line.call("GET", f"/clients?limit=100&cursor={cursor}")
            assert status == 200, answer
            for client in answer["data"]:
                name = client["owner"]["name"].removesuffix(" X")
                assert name not in states
                states[name] = client["company_name"], tuple(client["tags"])
            cursor = answer["meta"]["next_cursor"]
    return states


def faults(folder: Path) -> list[str]:
    """Say what `check` finds in the database, and what of a client is there by half."""
    app = create_app({"INSTANCE_PATH": folder})
    with using(app.database) as db:
        found = [fault for finding in findings(db) for fault in finding.faults]
        halves = (
            "SELECT COUNT(*) FROM client WHERE 1 != (SELECT COUNT(*) FROM user"
            " WHERE client_id = client.id AND account_owner = 'yes')"
        )
        found += [f"{count} without their owner" for (count,) in db.execute_sql(halves) if count]
    app.database.close_all()
    return found


def kill_while_writing(server: Server, writers: list[Writer], seconds: float) -> None:
    """Let the writers write for some seconds, and kill all processes of the server."""
    threads = [threading.Thread(target=writer.run, args=(server,)) for writer in writers]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    server.stop(signal.SIGKILL)
    for thread in threads:
        thread.join()


def test_what_was_acknowledged_survives_a_kill_and_nothing_is_half_done(start_server, tmp_path):
    may_be: dict[str, set[State]] = {}
    writers = [Writer(may_be) for _ in range(WRITERS)]
    folder = tmp_path / "instance"
    options = {"folder": folder, "RATELIMIT_ENABLED": "false"}
    key = None
    for _ in range(ROUNDS):
        server = start_server("--workers", "2", **options)
        server.key = key = server.key or key
        kill_while_writing(server, writers, random.uniform(0.2, 0.8))
        assert faults(folder) == []
    server = start_server(**options)
    server.key = key
    states = read_states(server)
    assert server.stop() == 0
    lost = {name for name, allowed in may_be.items() if states.get(name) not in allowed}
    assert lost == set()
    assert set(states) <= set(may_be)
    acknowledged = sum(writer.acknowledged for writer in writers)
    print(f"{ROUNDS} kills, {acknowledged} acknowledged writes, none lost")
    assert acknowledged > ROUNDS * WRITERS


@contextlib.contextmanager
def reading(server: Server) -> Iterator[Callable[[str], int]]:
    """Count rows in the server's file, from outside."""
    with contextlib.closing(sqlite3.connect(server.folder / "clients.sqlite3")) as db:
        yield lambda table: db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


def test_a_repeat_after_a_kill_between_commit_and_answer_gets_that_answer(start_server, tmp_path):
    options = {"folder": tmp_path / "instance", "RATELIMIT_ENABLED": "false"}
    server = start_server(**options)
    key, person = server.key, {"first_name": "J", "last_name": "D", "email": "j@acme.example"}
    line = Line(server)
    with contextlib.closing(line.connection), reading(server) as count:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": "one"}
        line.connection.request("POST", "/api/clients", json.dumps(person), headers)
        while not count("idempotency"):
            time.sleep(0.001)
        # The change is stored, and nobody has read the answer.
        server.stop(signal.SIGKILL)
        assert count("client") == 1
    server = start_server("--workers", "2", **options)
    server.key = key
    answers: list[tuple[int, Any]] = []

    def repeat() -> None:
        line = Line(server)
        with contextlib.closing(line.connection):
            answers.append(line.call("POST", "/clients", person, **{"Idempotency-Key": "one"}))

    threads = [threading.Thread(target=repeat) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [201] * 32
    assert all(answer == answers[0][1] for _, answer in answers)
    with reading(server) as count:
        assert count("client") == count("user") == 1
