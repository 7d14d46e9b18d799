"""What is kept for a time only: after it, it is forgotten, and nothing else is."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import Caller, expect_error, issue_key

from clients_api.commands.cli import cli
from clients_api.models import Client, Contact, Event
from clients_api.models.base import at
from clients_api.models.engines.current import using
from clients_api.models.forgetting import tidying

NOW = datetime.datetime.now(datetime.UTC)
PERSON = {"first_name": "Jane", "last_name": "Doe"}


def days_ago(days: float) -> datetime.datetime:
    return NOW - datetime.timedelta(days=days)


def make(app: Any, number: int, days: float) -> int:
    with using(app.database), at(days_ago(days)), app.database.writing():
        client = Client.register(**PERSON, email=f"{number}@acme.example")
        return int(client["id"])


def tidy(app: Any) -> tidying.Tidied:
    with using(app.database):
        return tidying.tidy()


def test_events_are_kept_as_long_as_is_set_and_the_newest_for_ever(app, api):
    make(app, 1, 91)
    make(app, 2, 89)
    first = api.get("/events?after=").get_json()["data"][1]
    kept = api.get("/events?client_id=2").get_json()["data"]
    assert tidy(app).events == 2  # the key's is newer than they, and stays
    assert api.get("/events?client_id=2").get_json()["data"] == kept
    assert api.get("/events?client_id=1").get_json()["data"] == []
    message = "Events after this position are not known. "
    message += "Read everything again, then follow from there."
    expect_error(api.get(f"/events?after={first['position']}"), 410, message)
    app.database.events_days = 1
    newest = api.get("/events?after=now").get_json()["meta"]["next"]
    tidy(app)
    # That of the key is of today.
    left = [event["position"] for event in api.get("/events").get_json()["data"]]
    assert left[1:] == [newest]
    make(app, 3, 0)
    assert (
        api.get(f"/events?after={newest}").get_json()["data"][0]["id"]
        == int(newest.partition("-")[0]) + 1
    )


def test_events_are_kept_for_ever_where_that_is_set(make_app):
    app = make_app(EVENTS_KEPT_DAYS=0)
    make(app, 1, 9999)
    assert tidy(app).events == 0


def test_deleted_people_lose_their_names_when_they_can_not_come_back(app, api):
    client_id = make(app, 1, 100)
    with using(app.database), app.database.writing():
        contacts = [
            Contact.create(**PERSON, email=f"c{days}@acme.example", client_id=client_id)["id"]
            for days in (31, 29)
        ]
        for id, days in zip(contacts, (31, 29), strict=True):
            with at(days_ago(days)):
                Contact.remove(id)
    old, new = contacts
    tidied = tidy(app)
    assert (tidied.people, tidied.deletions) == (1, 1)
    deleted = {c["id"]: c for c in api.get("/contacts?status=deleted").get_json()["data"]}
    assert {deleted[old][name] for name in ("first_name", "last_name", "email")} == {""}
    assert deleted[new]["email"] == "c29@acme.example"
    assert tidy(app).people == 0
    trash = api.get("/events?type=contact.deleted").get_json()["data"]
    expect_error(api.post(f"/events/{trash[0]['id']}/undo"), 410)
    assert api.post(f"/events/{trash[1]['id']}/undo").status_code == 200


def test_more_than_a_transaction_forgets_is_forgotten(app, monkeypatch):
    monkeypatch.setattr(tidying, "AT_ONCE", 3)
    for number in range(5):
        make(app, number, 200)
    issue_key(app)
    assert tidy(app).events == 10
    with using(app.database):
        assert Event.select().count() <= 2


def test_the_command_says_what_was_forgotten(app):
    make(app, 1, 91)
    issue_key(app)
    result = CliRunner().invoke(cli, ["tidy"], obj=app)
    assert result.exit_code == 0
    assert result.stdout == "2 events, 0 deletions, 0 people, 0 mails, 0 answers\n"


@pytest.fixture
def story(app: Any) -> Caller:
    api = Caller(app, issue_key(app))
    api.post("/clients", {**PERSON, "email": "a@b.example", "client_company_name": "Acme\n"})
    api.put("/clients/1/status", {"status": "suspended"})
    api.put("/clients/1/tags", {"tags": ["a", "b"]})
    api.delete("/clients/1")
    return api


def test_history_is_a_line_an_event(app, story):
    result = CliRunner().invoke(cli, ["history", "1"], obj=app)
    lines = result.stdout.splitlines()
    assert lines[0].endswith("test  client 1 deleted: Acme")
    assert lines[2].endswith("client 1 updated: tags - → a, b")
    assert lines[3].endswith("client 1 updated: status active → suspended")
    assert CliRunner().invoke(cli, ["history", "1", "--limit", "1"], obj=app).stdout == (
        lines[0] + "\n"
    )
    everything = CliRunner().invoke(cli, ["history", "--json", "--limit", "0"], obj=app).stdout
    assert len(everything.splitlines()) > len(lines)


def test_undo_by_command(app, story):
    event = story.get("/events?type=client.deleted").get_json()["data"][0]["id"]
    run = CliRunner().invoke
    dry = run(cli, ["undo", str(event), "--dry-run"], obj=app)
    assert (dry.exit_code, dry.stderr) == (0, "Dry run: nothing was changed.\n")
    expect_error(story.get("/clients/1"), 404)
    result = run(cli, ["undo", str(event)], obj=app)
    assert (result.exit_code, result.stdout) == (0, "Undone: client 1, Acme.\n")
    assert story.get("/clients/1").status_code == 200
    actor = story.get("/events?order=desc&limit=1").get_json()["data"][0]["actor"]
    assert actor["type"] == "command"
    again = run(cli, ["undo", str(event)], obj=app)
    assert again.exit_code == 1
    assert again.stderr == "Error: Nothing was undone: it is there already.\n"
    assert run(cli, ["undo", "99"], obj=app).stderr == "Error: The event could not be found.\n"
