"""Who reads the events alone has all there is: after anything, and after a crash."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Server
from test_load import Line, at_once

sys.path.insert(0, str(ROOT / "examples"))
from mirror import Mirror

pytestmark = [pytest.mark.slow, pytest.mark.live]

CHANGES = int(os.environ.get("MIRROR_CHANGES", "1500"))
WRITERS = 8
LISTS = {
    "client": "clients",
    "contact": "contacts",
    "category": "categories",
    "team_member": "team",
    "tag": "tags",
    "custom_field": "custom-fields",
}
# What follows from other records: the mirror looks it up there.
FOLLOWS = {
    "client": {"category.name": ("category", "category.id"), "owner.name": ("contact", "owner.id")},
    "contact": {"client.company_name": ("client", "client.id")},
}


def flat(value: dict[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            found |= flat(inner, f"{above}{name}.")
        elif inner is not None:
            found[above + name] = inner
    return found


def listed(line: Line, path: str) -> dict[int, dict[str, Any]]:
    found, cursor = {}, ""
    while cursor is not None:
        _, page = line.call("GET", f"/{path}?limit=100&cursor={cursor}")
        found |= {record["id"]: flat(record) for record in page["data"]}
        cursor = page["meta"]["next_cursor"]
    return found


def completed(mirror: Mirror, kind: str) -> dict[int, dict[str, Any]]:
    """Return the records of a mirror, with what follows from its other ones."""
    clients = mirror.records["client"].values()
    found = {}
    for id, record in mirror.records.get(kind, {}).items():
        record = dict(record)
        for name, (other, reference) in FOLLOWS.get(kind, {}).items():
            record.pop(name, None)
            if reference in record:
                shown = mirror.records[other][record[reference]]
                record[name] = shown["company_name" if other == "client" else "name"]
        if kind == "category":
            record["count"] = sum(client["category.id"] == id for client in clients)
            record.setdefault("users_count", 0)
        if kind == "tag":
            record["count"] = sum(record["title"] in client["tags"] for client in clients)
        found[id] = record
    return found


class Writer:
    """Changes whatever there is, at random, in all ways there are."""

    def __init__(self, line: Line, number: int) -> None:
        self.line = line
        self.chance = random.Random(number)
        self.number = number
        self.made = 0
        self.statuses: Counter[int] = Counter()
        self.positions: list[str] = []

    def call(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.line.call(method, path, body)
        self.statuses[status] += 1
        assert status in (200, 201, 404, 409, 410, 422), (method, path, answer)
        if method != "GET" and status < 300:
            self.positions.append(self.line.headers["Event-Position"])
        return answer.get("data")

    def some(self, path: str) -> int:
        sort = self.chance.choice(("asc", "desc"))
        page = self.chance.randint(1, 3)
        data = self.call("GET", f"/{path}?limit=7&order={sort}&page={page}")
        return self.chance.choice(data)["id"] if data else 1

    def person(self) -> dict[str, Any]:
        self.made += 1
        first = self.chance.choice(("Jane", "Zoë", "李"))
        email = f"w{self.number}x{self.made}@acme.example"
        return {"first_name": first, "last_name": f"Doe{self.made % 5}", "email": email}

    def tags(self) -> list[str]:
        titles = [f"{letter}{n}" for letter in "aB" for n in range(6)]
        return self.chance.sample(titles, self.chance.randint(0, 4))

    def change(self) -> None:
        name = self.chance.choice(
            ["create"] * 5 + [n.removeprefix("do_") for n in dir(self) if n.startswith("do_")]
        )
        getattr(self, f"do_{name}")()

    def do_create(self) -> None:
        self.call("POST", "/clients", {**self.person(), "tags": self.tags()})

    def do_update(self) -> None:
        body = {"client_company_name": f"N{self.chance.randint(0, 99)}"}
        body["client_billing_city"] = self.chance.choice((None, "Łódź", "Rom"))
        body["client_categoryid"] = self.some("categories")
        body["code"] = self.chance.choice((None, "x"))
        self.call("PATCH", f"/clients/{self.some('clients')}", body)

    def do_status(self) -> None:
        status = self.chance.choice(("active", "suspended"))
        self.call("PUT", f"/clients/{self.some('clients')}/status", {"status": status})

    def do_tags(self) -> None:
        method = self.chance.choice(("PUT", "POST"))
        self.call(method, f"/clients/{self.some('clients')}/tags", {"tags": self.tags()})

    def do_delete(self) -> None:
        erase = self.chance.choice(("", "", "?erase=yes"))
        self.call("DELETE", f"/clients/{self.some('clients')}{erase}")

    def do_contact(self) -> None:
        body = {**self.person(), "clientid": self.some("clients")}
        self.call("POST", "/contacts", body)

    def do_contact_of_nobody(self) -> None:
        person = self.person()
        self.call("POST", "/contacts", {**person, "type": "contact"})
        if self.chance.random() < 0.5:
            self.call("POST", "/clients", {**person, "first_name": "Promoted"})

    def do_contact_change(self) -> None:
        self.call("PATCH", f"/contacts/{self.some('contacts')}", self.person())

    def do_contact_move(self) -> None:
        body = {**self.person(), "clientid": self.some("clients")}
        self.call("PATCH", f"/contacts/{self.some('contacts')}", body)

    def do_contact_delete(self) -> None:
        erase = self.chance.choice(("", "", "?erase=yes"))
        self.call("DELETE", f"/contacts/{self.some('contacts')}{erase}")

    def do_owner(self) -> None:
        self.call("PUT", f"/contacts/{self.some('contacts')}/account-owner")

    def do_tag_rename(self) -> None:
        titles = ("a0", "b1", "B2", "new", "other")
        self.call("PATCH", f"/tags/{self.some('tags')}", {"title": self.chance.choice(titles)})

    def do_tag_delete(self) -> None:
        self.call("DELETE", f"/tags/{self.some('tags')}")

    def do_category(self) -> None:
        body = {"category_name": f"C{self.chance.randint(0, 9)}", "category_type": "client"}
        self.call("POST", "/categories", body)

    def do_category_change(self) -> None:
        path = f"/categories/{self.some('categories')}"
        self.call("PATCH", path, {"category_name": f"C{self.chance.randint(0, 9)}"})
        self.call("PUT", f"{path}/team", {"users": [self.some("team")]})

    def do_migrate(self) -> None:
        target = {"target_id": self.some("categories")}
        self.call("PUT", f"/categories/{self.some('categories')}/migrate", target)

    def do_category_delete(self) -> None:
        self.call("DELETE", f"/categories/{self.some('categories')}")

    def do_member(self) -> None:
        self.call("POST", "/team", {**self.person(), "role_id": 3})
        if self.chance.random() < 0.5:
            self.call("DELETE", f"/team/{self.some('team')}")

    def do_field(self) -> None:
        self.call("POST", "/custom-fields", {"title": "Code", "type": "text", "name": "code"})
        if self.chance.random() < 0.3:
            self.call("DELETE", f"/custom-fields/{self.some('custom-fields')}")

    def do_import(self) -> None:
        rows = [{**self.person(), "tags": self.tags(), "category": "C1"} for _ in range(3)]
        file = "\n".join(json.dumps(row) for row in rows)
        headers = {"Content-Type": "application/x-ndjson"}
        self.line._connection.request(
            "POST", "/api/clients/import", file, self.line._headers | headers
        )
        response = self.line._connection.getresponse()
        response.read()
        assert response.status in (200, 422)

    def do_undo(self) -> None:
        page = self.call("GET", "/events?order=desc&limit=40")
        self.call("POST", f"/events/{self.chance.choice(page)['id']}/undo")


@pytest.fixture
def served(start_server):
    return start_server("--workers", "4", RATELIMIT_ENABLED="false")


def write(server: Server, changes: int, writers: list[Writer]) -> None:
    def work(number: int) -> None:
        with contextlib.closing(Line(server)) as line:
            writer = Writer(line, number)
            writers.append(writer)
            for _ in range(changes // WRITERS):
                writer.change()

    at_once(WRITERS, work)


def expect_equal(server: Server, mirror: Mirror) -> None:
    mirror.read()
    with contextlib.closing(Line(server)) as line:
        for kind, path in LISTS.items():
            theirs, ours = listed(line, path), completed(mirror, kind)
            if kind == "category":
                default = theirs.pop(2)  # which was there before the first event
                assert default["count"] == ours.pop(2, default)["count"]
            for id in theirs.keys() | ours.keys():
                assert json.dumps(ours.get(id), sort_keys=True) == json.dumps(
                    theirs.get(id), sort_keys=True
                ), (kind, id)


def mirror_of(server: Server) -> Mirror:
    mirror = Mirror(f"{server.url}/api", server.key)
    mirror.records["category"][2] = {"name": "Default"}
    return mirror


def test_a_mirror_that_reads_only_events_is_equal_to_the_lists(served):
    mirror = mirror_of(served)
    writers: list[Writer] = []
    done = threading.Event()

    def follow() -> None:
        while not done.is_set():
            mirror.read()
            time.sleep(0.05)

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        write(served, CHANGES, writers)
    finally:
        done.set()
        follower.join()
    statuses = sum((writer.statuses for writer in writers), Counter())
    print(dict(statuses), mirror.position)
    expect_equal(served, mirror)
    late = mirror_of(served)
    expect_equal(served, late)


def test_after_a_crash_what_was_acknowledged_is_in_the_events(served, tmp_path: Path):
    mirror = mirror_of(served)
    writers: list[Writer] = []
    killer = threading.Timer(2, served.stop, [signal.SIGKILL])
    killer.start()
    with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
        write(served, 10**6, writers)
    killer.join()
    again = Server(served.folder, "--workers", "4", RATELIMIT_ENABLED="false")
    try:
        again.key = served.key  # there are keys already, so that it has made none
        mirror.url = f"{again.url}/api"
        expect_equal(again, mirror)
        with contextlib.closing(Line(again)) as line:
            acknowledged = [position for writer in writers for position in writer.positions]
            assert len(acknowledged) > 20
            for position in acknowledged:
                status, event = line.call("GET", f"/events/{position.partition('-')[0]}")
                assert (status, event["data"]["position"]) == (200, position)
    finally:
        again.stop()
