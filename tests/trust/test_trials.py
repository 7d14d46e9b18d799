"""Dry runs: the answer that the real call then gives, and a database that is as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from conftest import expect_error
from test_mass_assignment import ACTIONS, NEEDED, world, writing_calls  # noqa: F401

from clients_api import signals

DRY = "Dry run: nothing was changed. "
BOOKKEEPING = ("idempotency", "api_key")  # an answer that is repeated; when a key was used


def contents(connection: sqlite3.Connection) -> list[str]:
    """Return the whole database as SQL, but for what is noted of each call."""
    return [
        line
        for line in connection.iterdump()
        if not line.startswith(tuple(f'INSERT INTO "{name}"' for name in BOOKKEEPING))
    ]


def alike(value: Any, dry: Any) -> bool:
    """Tell whether a real answer says what the dry one did: new ids are null, times differ."""
    if isinstance(value, dict):
        if dry is not None and not (isinstance(dry, dict) and value.keys() == dry.keys()):
            return False
        return all(
            name in ("created", "updated", "key", "prefix", "secret", "ms", "error")
            or (name in ("id", "slug", "position") and dry[name] is None)
            or alike(inner, dry[name])
            for name, inner in value.items()
        )
    if isinstance(value, list):
        return len(value) == len(dry) and all(map(alike, value, dry))
    return bool(value == dry)


def test_a_dry_run_answers_as_the_real_call_and_keeps_nothing(app, api, world):  # noqa: F811
    told = []

    def listen(sender: Any, event: Any) -> None:
        told.append(event)

    signals.changed.connect(listen, sender=app)
    tried = 0
    with closing(sqlite3.connect(":memory:")) as saved:
        world.backup(saved)
        for method, path, resource, known in writing_calls(app):
            needed = ACTIONS.get(f"{method} {path}", NEEDED[resource])
            body = {name: value for name, value in needed.items() if name in known}
            saved.backup(world)
            before = contents(world)
            told.clear()
            key = {"Idempotency-Key": f"k{tried}"}
            dry = api.call(method, path, json=body, query_string={"dry_run": "yes"}, headers=key)
            assert contents(world) == before, (method, path)
            assert told == [], (method, path)
            assert dry.headers["Dry-Run"] == "yes"
            assert not {"ETag", "Location", "Event-Position"} & set(dry.headers.keys())
            real = api.call(method, path, json=body, headers=key)
            assert "Dry-Run" not in real.headers
            assert (dry.status_code, real.status_code) in ((200, 200), (201, 201)), (method, path)
            said, done = dry.get_json(), real.get_json()
            assert alike(done["data"], said["data"]), (method, path, said, done)
            assert said["message"] == DRY + done["message"]
            tried += 1
    assert tried >= 28


def test_a_dry_run_refuses_what_the_call_refuses(api, make_client):
    client = make_client()
    path = f"/clients/{client['id']}"
    expect_error(api.post("/clients?dry_run=yes", {"first_name": "x"}), 422)
    expect_error(api.delete("/clients/99?dry_run=yes"), 404)
    expect_error(api.delete("/categories/2?dry_run=yes"), 409)
    expect_error(api.delete(f"{path}?dry_run=yes", headers={"If-Match": '"x"'}), 412)
    expect_error(api.delete(f"{path}?dry_run=perhaps"), 422)
    assert api.get(path).status_code == 200
