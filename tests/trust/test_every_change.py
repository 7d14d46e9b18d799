"""No commit changes a record without an event, and there is no event without a change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from test_mass_assignment import ACTIONS, NEEDED, world, writing_calls  # noqa: F401

from clients_api.commands import PLACES
from clients_api.commands.cli import cli

pytestmark = pytest.mark.file("is compared as a whole")

# The tables whose rows are records, or parts of them, and what of a row is no change of it.
RECORDS = {
    "client": (),
    "user": (),
    "category": (),
    "category_user": (),
    "tag": (),
    "client_tag": (),
    "custom_field": (),
    "custom_value": (),
    "api_key": ("last_used",),
    "webhook": ("tries", "refusals", "failing_since", "retry_at"),
}
# What changes no record: it reads, looks after files, serves, or forgets what was kept for a time.
WITHOUT_CHANGES = {
    *("backup", "check", "copy", "dev", "duplicates", "export", "history", "migrate", "openapi"),
    *("outbox", "restore", "serve", "tidy"),
}
COMMANDS: dict[str, list[str]] = {
    "import": ["import", "{file}"],
    "keys": ["keys", "create", "another"],
    "undo": ["undo", "{event}"],
    "webhooks": ["webhooks", "replay", "1", "oldest"],
}


@pytest.fixture
def counted(world: Any) -> Callable[[], tuple[int, int]]:  # noqa: F811
    """Return how many rows of records, and how many events, were written since the last call."""
    world.execute("CREATE TEMP TABLE seen (what TEXT)")
    for table, unseen in RECORDS.items():
        names = [row[1] for row in world.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(name for name in names if name not in unseen)
        for event in ("INSERT", "DELETE", f"UPDATE OF {columns}"):
            name = f"seen_{table}_{event.split()[0]}"
            world.execute(
                f"CREATE TEMP TRIGGER {name} AFTER {event} ON main.{table} "
                "BEGIN INSERT INTO seen VALUES ('row'); END"
            )
    world.execute(
        "CREATE TEMP TRIGGER seen_event AFTER INSERT ON main.event "
        "BEGIN INSERT INTO seen VALUES ('event'); END"
    )

    def count() -> tuple[int, int]:
        rows, events = (
            world.execute("SELECT COUNT(*) FROM seen WHERE what = ?", [what]).fetchone()[0]
            for what in ("row", "event")
        )
        world.execute("DELETE FROM seen")
        return rows, events

    return count


def test_every_call_that_changes_something_tells_so(app, api, world, counted):  # noqa: F811
    told = 0
    saved = sqlite3.connect(":memory:")
    world.backup(saved)
    for method, path, resource, known in list(writing_calls(app)):
        needed = ACTIONS.get(f"{method} {path}", NEEDED[resource])
        body = {name: value for name, value in needed.items() if name in known}
        saved.backup(world)  # what one call deletes, the next one needs
        counted()
        response = api.call(method, path, json=body, query_string={"dry_run": "yes"})
        assert response.status_code in (200, 201), (method, path, response.get_json())
        assert counted() == (0, 0), (method, path)
        response = api.call(method, path, json=body)
        rows, events = counted()
        assert bool(rows) == bool(events), (method, path, rows, events)
        told += bool(events)
        assert counted() == (0, 0)
    saved.close()
    assert told >= 15


def test_every_command_that_changes_something_tells_so(app, api, world, counted, tmp_path):  # noqa: F811
    assert WITHOUT_CHANGES | COMMANDS.keys() == PLACES.keys(), "say of a new command which it is"
    file = tmp_path / "clients.csv"
    file.write_text("first_name,last_name,email,tags\nA,B,a@new.example,brand;vip\n")
    event = api.get("/events?type=client.updated&order=desc").get_json()["data"][0]["id"]
    for command in COMMANDS.values():
        arguments = [part.format(file=file, event=event) for part in command]
        counted()
        result = CliRunner().invoke(cli, arguments, obj=app)
        assert result.exit_code == 0, result.output
        rows, events = counted()
        assert rows and events, command
    for command in (["history"], ["duplicates"], ["tidy"], ["keys", "list"], ["check"]):
        assert CliRunner().invoke(cli, command, obj=app).exit_code == 0
        assert counted() == (0, 0), command
