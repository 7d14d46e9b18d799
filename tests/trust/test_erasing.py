"""Erasing: not a byte of somebody is left in the database, its log, its indexes or a backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.models.engines.current import using
from clients_api.upkeep import backup

pytestmark = pytest.mark.file("every byte of it is read")

SECRETS = {
    "first_name": "Quirinia",
    "last_name": "Wunderlichova",
    "email": "quirinia@wunderlichova.example",
    "client_company_name": "Zyxomma Petiolatum Ltd",
    "client_phone": "+99 1234 567890",
    "client_billing_street": "Xylophonweg 77",
    "client_description": "Owes us a yellow submarine.",
}
SOUGHT = (
    *(b"quirinia", b"wunderlichova", b"zyxomma", b"petiolatum", b"1234 567890", b"1234567890"),
    *(b"xylophonweg", b"yellow submarine"),
)


def found(path: Path) -> set[bytes]:
    """Return which of the sought bytes are in the database, or in what lies beside it."""
    files = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]
    held = b"".join(file.read_bytes().lower() for file in files if file.exists())
    return {sought for sought in SOUGHT if sought in held}


@pytest.fixture
def path(app: Any) -> Path:
    return Path(app.database.database)


@pytest.fixture
def known(app: Any, api: Any, make_client: Any) -> int:
    """Make somebody known in all the ways there are; return the client's id."""
    for number in range(40):
        make_client(email=f"other{number}@acme.example", tags=["x"])
    body = {**SECRETS, "send_email": "yes", "tags": ["x"]}
    headers = {"Idempotency-Key": "k"}
    id = api.post("/clients", body, headers=headers).get_json()["data"]["id"]
    person = {name: SECRETS[name] for name in ("first_name", "last_name")}
    second = {**person, "email": "second@wunderlichova.example", "clientid": id}
    contact = api.post("/contacts", second).get_json()["data"]["id"]
    api.patch(f"/contacts/{contact}", {**second, "phone": SECRETS["client_phone"]})
    api.patch(f"/clients/{id}", {"client_company_name": "Zyxomma Other", "client_vat": "1"})
    assert len(found(Path(app.database.database))) >= 7
    return id


@pytest.mark.parametrize("when", ["at once", "after it was deleted", "after an undo"])
def test_a_client_is_erased_to_the_last_byte(app, api, path, known, tmp_path, when):
    if when != "at once":
        api.delete(f"/clients/{known}")
    if when == "after an undo":
        event = api.get("/events?type=client.deleted").get_json()["data"][-1]["id"]
        assert api.post(f"/events/{event}/undo").status_code == 200
    response = api.delete(f"/clients/{known}?erase=yes")
    assert (response.status_code, response.get_json()["data"]) == (200, {"id": known})
    assert found(path) == set()
    copy = tmp_path / "copy.sqlite3"
    backup.backup(path, copy, lambda *_: None)
    assert found(copy) == set()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    history = api.get(f"/clients/{known}/history").get_json()["data"]
    assert len(history) > 4
    for event in history:
        assert (event["changes"], event["erased"]) == (None, True)
        assert event["actor"]["name"] == "test"
    gone = [event for event in history if event["type"] == "client.deleted"]
    expect_error(api.post(f"/events/{gone[0]['id']}/undo"), 409)
    # Who is left is found as before.
    assert api.get("/clients").get_json()["meta"]["total"] == 40
    assert api.get("/clients?q=other7").get_json()["meta"]["total"] == 1


def test_a_contact_is_erased_and_the_client_stays(app, api, path, make_client):
    names = {name: SECRETS[name] for name in ("first_name", "last_name", "email")}
    client = make_client(**names, client_company_name="Kept once")
    person = {"first_name": "Quirinia", "last_name": "Second", "email": SECRETS["email"]}
    api.patch(f"/contacts/{client['owner']['id']}", {**person, "phone": SECRETS["client_phone"]})
    api.patch(f"/clients/{client['id']}", {"client_company_name": "Kept"})
    assert api.delete(f"/contacts/{client['owner']['id']}?erase=yes").status_code == 200
    assert found(path) == set()
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["owner"] is None
    changes = api.get(f"/clients/{client['id']}/history").get_json()["data"][0]["changes"]
    assert changes["owner.id"] == [client["owner"]["id"], None]
    expect_error(api.delete(f"/contacts/{client['owner']['id']}"), 404)


def test_a_contact_of_a_deleted_client_does_not_come_back_with_it(api, path, known):
    owner = api.get(f"/clients/{known}").get_json()["data"]["owner"]["id"]
    api.delete(f"/clients/{known}")
    event = api.get("/events?type=client.deleted").get_json()["data"][-1]["id"]
    assert api.delete(f"/contacts/{owner}?erase=yes").status_code == 200
    assert api.post(f"/events/{event}/undo").get_json()["data"]["owner"] is None
    assert b"quirinia@wunderlichova" not in path.read_bytes().lower()


def test_a_team_member_is_erased_also_after_they_were_deleted(api, path):
    person = {name: SECRETS[name] for name in ("first_name", "last_name", "email")}
    member = api.post("/team", {**person, "role_id": 3}).get_json()["data"]["id"]
    api.put("/categories/2/team", {"users": [member]})
    api.delete(f"/team/{member}")
    assert found(path)
    assert api.delete(f"/team/{member}?erase=yes").status_code == 200
    assert found(path) == set()


def test_erasing_is_for_administrators_and_can_be_tried(app, api, path, known):
    writer = Caller(app, issue_key(app, scope="write"))
    expect_error(writer.delete(f"/clients/{known}?erase=yes"), 403)
    dry = api.delete(f"/clients/{known}?erase=yes&dry_run=yes").get_json()
    assert dry["meta"]["affected"]["clients"] == 1
    assert api.get(f"/clients/{known}").status_code == 200
    expect_error(api.delete("/clients/9999?erase=yes"), 404, "The client could not be found.")
    expect_error(api.delete("/contacts/9999?erase=yes"), 404, "The contact could not be found.")
    expect_error(api.delete("/team/9999?erase=yes"), 404)
    expect_error(api.delete(f"/clients/{known}?erase=perhaps"), 422)


def test_a_repeat_that_tells_of_somebody_else_is_kept(app, api, known, make_client):
    body = {"first_name": "Other", "last_name": "Person", "email": "other@person.example"}
    headers = {"Idempotency-Key": "other"}
    api.post("/clients", body, headers=headers)
    api.delete(f"/clients/{known}?erase=yes")
    assert api.post("/clients", body, headers=headers).headers["Idempotency-Replayed"] == "true"
    with using(app.database):
        rows = app.database.execute_sql("SELECT key FROM idempotency").fetchall()
    assert rows == [("other",)]


def test_what_a_merge_had_carried_on_is_erased_too(api, path, make_client):
    target = make_client(client_company_name="Target")["id"]
    body = {name: SECRETS[name] for name in SECRETS if name.startswith("client_")}
    source = make_client(**body)["id"]
    merge = api.post(f"/clients/{target}/merge", {"from": [source]})
    assert merge.status_code == 200, merge.get_json()
    event = api.get("/events?type=client.merged").get_json()["data"][-1]["id"]
    assert api.post(f"/events/{event}/undo").status_code == 200
    assert api.delete(f"/clients/{source}?erase=yes").status_code == 200
    assert found(path) == set()
    assert api.get(f"/clients/{target}").get_json()["data"]["company_name"] == "Target"


def test_who_has_moved_to_another_client_keeps_their_history(api, make_client, make_contact):
    first, second = make_client()["id"], make_client()["id"]
    contact = make_contact(clientid=first)
    person = {name: contact[name] for name in ("first_name", "last_name", "email")}
    api.patch(f"/contacts/{contact['id']}", {**person, "clientid": second})
    api.delete(f"/clients/{first}?erase=yes")
    query = f"/events?object=contact&object_id={contact['id']}"
    created, moved = api.get(query).get_json()["data"]
    assert created["changes"]["email"] == [None, contact["email"]]
    assert moved["changes"]["client.id"] == [first, second]


@pytest.mark.parametrize("kind", ["clients", "contacts", "team"])
def test_erasing_what_was_deleted_before_is_told_once(api, make_client, make_contact, kind):
    member = {"first_name": "A", "last_name": "B", "email": "m@crm.example", "role_id": 3}
    made = {
        "clients": lambda: make_client()["id"],
        "contacts": lambda: make_contact(clientid=make_client()["id"])["id"],
        "team": lambda: api.post("/team", member).get_json()["data"]["id"],
    }[kind]()
    api.delete(f"/{kind}/{made}")
    before = api.get("/events?after=now").get_json()["meta"]["next"]
    response = api.delete(f"/{kind}/{made}?erase=yes")
    (event,) = api.get(f"/events?after={before}").get_json()["data"]
    assert response.headers["Event-Position"] == event["position"]
    assert (event["erased"], event["object_id"]) == (True, made)
    assert event["type"].endswith(".deleted")
    expect_error(api.delete(f"/{kind}/{made}?erase=yes"), 404)
