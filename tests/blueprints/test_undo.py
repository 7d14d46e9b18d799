"""Undo: a change is taken back by another one, exactly or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.models.engines.current import using
from clients_api.models.events.kept import EventUndo

LISTS = ("clients?include=contacts", "contacts", "tags", "categories", "team", "custom-fields")
PERSON = {"first_name": "Zoë", "last_name": "Li"}


@pytest.fixture
def last(api):
    """Return the newest event of a type: call it for its id."""

    def find(type: str) -> int:
        return api.get(f"/events?type={type}&order=desc&limit=1").get_json()["data"][0]["id"]

    return find


@pytest.fixture
def undo(api, last):
    """Undo the newest event of a type, or of an id; return the answer."""

    def call(event: str | int, query: str = "", **options: Any) -> Any:
        id = last(event) if isinstance(event, str) else event
        return api.post(f"/events/{id}/undo{query}", **options)

    return call


@pytest.fixture
def world(api, make_client, make_contact):
    """A bit of everything; return a client with all of it."""
    api.post("/custom-fields", {"title": "Code", "type": "text", "name": "code"})
    api.post("/custom-fields", {"title": "Size", "type": "number", "name": "size"})
    retail = api.post("/categories", {"category_name": "Retail", "category_type": "client"})
    member = {**PERSON, "email": "team@crm.example", "role_id": 3}
    member = api.post("/team", member).get_json()["data"]["id"]
    api.put(f"/categories/{retail.get_json()['data']['id']}/team", {"users": [member]})
    client = make_client(
        tags=["b", "a", "c"],
        code="x",
        size=7,
        client_billing_city="Łódź",
        client_categoryid=retail.get_json()["data"]["id"],
    )
    make_contact(clientid=client["id"])
    make_contact(clientid=client["id"])
    make_client(tags=["a", "d"], code="y")
    return api.get(f"/clients/{client['id']}").get_json()["data"]


def state(api) -> Any:
    """Return all lists, but for the times of change."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(inner) for name, inner in value.items() if name != "updated"}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    return [without(api.get(f"/{list}").get_json()) for list in LISTS]


@pytest.mark.parametrize(
    ("method", "path", "body", "event"),
    [
        ("DELETE", "/clients/1", {}, "client.deleted"),
        ("DELETE", "/contacts/3", {}, "contact.deleted"),
        ("DELETE", "/contacts/2", {}, "contact.deleted"),  # the owner
        ("DELETE", "/team/1", {}, "team_member.deleted"),
        ("DELETE", "/tags/2", {}, "tag.deleted"),
        ("PATCH", "/tags/2", {"title": "c"}, "tag.merged"),
        ("PATCH", "/tags/2", {"title": "z"}, "tag.updated"),
        ("DELETE", "/custom-fields/1", {}, "custom_field.deleted"),
        ("PATCH", "/custom-fields/1", {"title": "Z", "required": "yes"}, "custom_field.updated"),
        ("PUT", "/categories/3/migrate", {"target_id": 2}, "category.migrated"),
        ("PATCH", "/categories/3", {"category_name": "Z"}, "category.updated"),
        ("PUT", "/categories/3/team", {"users": []}, "category.updated"),
        ("PATCH", "/clients/1", {"client_company_name": "Z", "code": None}, "client.updated"),
        ("PATCH", "/clients/1", {"client_company_name": "Z", "client_categoryid": 2}, None),
        ("PUT", "/clients/1/tags", {"tags": ["new", "c"]}, "client.updated"),
        ("PUT", "/clients/1/status", {"status": "suspended"}, "client.updated"),
        ("PUT", "/clients/1/owner", {"owner": 3}, "client.updated"),
        ("PATCH", "/contacts/3", {**PERSON, "email": "z@z.example", "clientid": 2}, None),
        ("PATCH", "/team/1", {**PERSON, "email": "z@z.example", "position": "Z"}, None),
    ],
)
def test_a_change_is_undone_exactly_and_done_again(api, world, undo, method, path, body, event):
    before = state(api)
    assert api.call(method, path, json=body).status_code == 200
    after = state(api)
    assert after != before
    newest = api.get("/events?order=desc&limit=1").get_json()["data"][0]["id"]
    first = event or newest
    response = undo(first)
    assert response.status_code == 200, response.get_json()
    assert response.get_json()["message"] == "Change undone."
    undone = state(api)
    # A tag that a call has made stays, as it would if somebody had taken the titles back.
    undone[2]["data"] = [tag for tag in undone[2]["data"] if tag["title"] != "new"]
    undone[2]["meta"] = before[2]["meta"]
    assert undone == before


def test_an_undo_is_an_event_that_says_what_it_undoes_and_can_be_undone(api, world, undo, last):
    api.put("/clients/1/status", {"status": "suspended"})
    first = last("client.updated")
    undo(first)
    second = api.get("/events?order=desc&limit=1").get_json()["data"][0]
    assert (second["type"], second["undoes"]) == ("client.updated", first)
    assert second["changes"] == {"status": ["suspended", "active"]}
    undo(second["id"])
    assert api.get("/clients/1").get_json()["data"]["status"] == "suspended"
    before = state(api)
    api.delete("/clients/1")
    gone = state(api)
    undo("client.deleted")
    assert state(api) == before
    undo("client.restored")
    assert state(api) == gone
    undo("client.deleted")
    assert state(api) == before


def test_what_has_changed_since_is_named_and_nothing_is_undone(api, world, undo, last):
    body = {"client_company_name": "New", "client_phone": "1", "client_billing_city": "Rom"}
    api.patch("/clients/1", body)
    event = last("client.updated")
    api.patch("/clients/1", {"client_company_name": "Newer", "client_billing_city": "Bari"})
    before = state(api)
    message = "Nothing was undone, since this has changed again: company name, billing city."
    expect_error(undo(event), 409, message)
    assert state(api) == before


def test_an_address_that_somebody_else_has_now(api, world, make_client, make_contact, undo, last):
    owner = api.get(f"/contacts/{world['owner']['id']}").get_json()["data"]
    api.delete("/clients/1")
    event = last("client.deleted")
    make_client(email=owner["email"].upper())
    errors = expect_error(undo(event), 409)["errors"]
    assert errors == {f"contacts.{owner['id']}": ["The email has already been taken."]}
    expect_error(undo(event, "?without=999"), 422)
    response = undo(event, f"?without={owner['id']}")
    assert response.status_code == 200
    assert response.get_json()["data"]["owner"] is None
    assert api.get("/contacts?client_id=1").get_json()["meta"]["total"] == 2


def test_what_is_gone_meanwhile_is_left_out_and_named(api, world, undo):
    api.delete("/clients/1")
    api.delete("/custom-fields/2")
    api.delete("/tags/2")
    api.delete("/categories/3")
    response = undo("client.deleted").get_json()
    assert response["message"] == ("Change undone. Left out, since it is gone: Size, its category.")
    assert response["data"]["category"]["id"] == 2
    assert response["data"]["tags"] == ["b", "a", "c"]
    assert response["data"]["custom_fields"] == {"code": "x"}


def test_what_can_not_be_undone(app, api, world, undo, last, make_contact):
    expect_error(undo("client.created"), 409, "Nothing was undone. Delete it instead.")
    expect_error(undo("key.created"), 409)
    api.delete("/contacts/3")
    contact = last("contact.deleted")
    api.delete("/clients/1")
    expect_error(undo(contact), 409)
    with using(app.database), app.database.writing():
        EventUndo.update(expires="2020-01-01T00:00:00.000000Z").execute()
    expect_error(undo("client.deleted"), 410, "This change can no longer be undone.")
    expect_error(api.post("/events/9999/undo"), 404, "The event could not be found.")


def test_the_trash_lists_what_can_be_brought_back(api, world, undo):
    api.delete("/clients/1")
    api.delete("/tags/4")
    path = "/events?type=*.deleted&undo=yes"
    types = [event["type"] for event in api.get(path).get_json()["data"]]
    assert types == ["client.deleted", "tag.deleted"]
    undo("tag.deleted")
    assert len(api.get(path).get_json()["data"]) == 1


def test_without_a_trash_deletions_are_final_and_a_dry_run_says_so(make_app):
    app = make_app(TRASH_KEPT_DAYS=0)
    api = Caller(app, issue_key(app))
    api.post("/clients", {**PERSON, "email": "a@b.example"})
    answer = api.delete("/clients/1?dry_run=yes").get_json()
    assert answer["message"].endswith("It could not be undone.")
    api.delete("/clients/1")
    events = api.get("/events?type=client.deleted").get_json()["data"]
    expect_error(api.post(f"/events/{events[0]['id']}/undo"), 410)


def test_undoing_needs_the_scope_of_the_change(app, api, world, last):
    api.put("/clients/1/status", {"status": "suspended"})
    api.patch("/custom-fields/1", {"title": "Z"})
    client, field = last("client.updated"), last("custom_field.updated")
    reader = Caller(app, issue_key(app, scope="read"))
    writer = Caller(app, issue_key(app, scope="write"))
    expect_error(reader.post(f"/events/{client}/undo"), 403)
    expect_error(writer.post(f"/events/{field}/undo"), 403)
    assert writer.post(f"/events/{client}/undo").status_code == 200
    assert api.post(f"/events/{field}/undo").status_code == 200


def test_a_dry_run_of_an_undo_says_what_would_come_back(api, world, undo):
    api.delete("/clients/1")
    before = state(api)
    answer = undo("client.deleted", "?dry_run=yes").get_json()
    assert answer["meta"] == {"affected": {"clients": 1, "contacts": 3, "tags": 3, "values": 2}}
    assert answer["data"]["id"] == 1
    assert state(api) == before
