"""Events: what has changed, in order, and who changed it."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.models.engines.current import using
from clients_api.models.events import Actor, acting
from clients_api.models.tag import Tag

GONE = "Events after this position are not known. Read everything again, then follow from there."


@pytest.fixture
def feed(api):
    """Return what has changed since this fixture was made: call it for the events."""
    start = api.get("/events?after=now").get_json()["meta"]["next"]

    def read(query: str = "") -> list[dict[str, Any]]:
        return api.get(f"/events?after={start}&limit=1000{query}").get_json()["data"]

    return read


def told(events):
    return [(event["type"], event["object_id"], event["changes"]) for event in events]


def test_a_new_client_is_told_with_its_owner_and_new_tags(api, feed, make_client):
    client = make_client(tags=["x"], client_billing_city="Łódź")
    contact, tag, created = feed()
    assert (contact["type"], tag["type"]) == ("contact.created", "tag.created")
    assert created["type"] == "client.created"
    assert created["time"] == client["dates"]["created"]
    assert (created["client_id"], created["object"]) == (client["id"], "client")
    assert (
        created["changes"]
        | {
            "billing.city": [None, "Łódź"],
            "owner.id": [None, client["owner"]["id"]],
            "tags": [None, ["x"]],
            "dates.created": [None, client["dates"]["created"]],
        }
        == created["changes"]
    )
    assert "dates.updated" not in created["changes"]
    assert contact["changes"]["client.id"] == [None, client["id"]]
    assert created["actor"] == {"type": "key", "id": 1, "name": "test"}


def test_a_change_is_told_with_what_was_before(api, feed, make_client):
    client = make_client(client_phone="1")
    path = f"/clients/{client['id']}"
    response = api.patch(path, {"client_company_name": "New", "client_phone": None})
    event = feed()[-1]
    assert event["changes"] == {
        "company_name": [client["company_name"], "New"],
        "phone": ["1", None],
    }
    assert response.headers["Event-Position"] == event["position"]
    assert event["request_id"] == response.headers["X-Request-ID"]
    assert response.get_json()["data"]["dates"]["updated"] == event["time"]


def test_what_changes_nothing_is_no_event_and_moves_no_time(api, make_client, make_contact):
    client = make_client(tags=["a", "b"])
    contact = make_contact(clientid=client["id"])
    category = api.post("/categories", {"category_name": "R", "category_type": "client"})
    category = f"/categories/{category.get_json()['data']['id']}"
    field = api.post("/custom-fields", {"title": "T", "type": "text"}).get_json()["data"]
    path = f"/clients/{client['id']}"
    person = {name: contact[name] for name in ("first_name", "last_name", "email")}
    calls = [
        ("PUT", f"{path}/status", {"status": "active"}),
        ("PUT", f"{path}/tags", {"tags": ["a", "b"]}),
        ("POST", f"{path}/tags", {"tags": ["A"]}),
        ("PUT", f"{path}/owner", {"owner": client["owner"]["id"]}),
        ("PATCH", path, {"client_company_name": client["company_name"]}),
        ("PATCH", f"/contacts/{contact['id']}", person),
        ("PUT", f"/contacts/{client['owner']['id']}/account-owner", {}),
        ("PATCH", "/tags/1", {"title": "a"}),
        ("PATCH", category, {"category_name": "R"}),
        ("PUT", f"{category}/team", {"users": []}),
        ("PUT", f"{category}/migrate", {"target_id": 2}),
        ("PATCH", f"/custom-fields/{field['id']}", {"title": "T"}),
    ]
    position = api.get("/events?after=now").get_json()["meta"]["next"]
    lists = ("/clients", "/contacts", "/tags", "/categories", "/custom-fields")
    before = [api.get(f"{list}").get_json()["data"] for list in lists]
    for method, path, body in calls:
        response = api.call(method, path, json=body)
        assert response.status_code == 200, (method, path, response.get_json())
        assert response.headers["Event-Position"] == position, (method, path)
    assert [api.get(f"{list}").get_json()["data"] for list in lists] == before


def test_an_owners_new_name_is_told_of_the_client_too(api, feed, make_client):
    client = make_client()
    owner = client["owner"]["id"]
    person = {"first_name": "Zoë", "last_name": "Li", "email": "zoe@acme.example"}
    api.patch(f"/contacts/{owner}", person)
    contact, client_event = feed()[-2:]
    assert (contact["type"], contact["client_id"]) == ("contact.updated", client["id"])
    assert contact["changes"]["name"] == [client["owner"]["name"], "Zoë Li"]
    assert told([client_event]) == [
        ("client.updated", client["id"], {"owner.name": [client["owner"]["name"], "Zoë Li"]})
    ]


def test_another_owner_is_told_of_both_and_of_the_client(api, feed, make_client, make_contact):
    client = make_client()
    other = make_contact(clientid=client["id"])
    api.put(f"/clients/{client['id']}/owner", {"owner": other["id"]})
    assert told(feed())[-3:] == [
        ("contact.updated", client["owner"]["id"], {"account_owner": ["yes", "no"]}),
        ("contact.updated", other["id"], {"account_owner": ["no", "yes"]}),
        (
            "client.updated",
            client["id"],
            {
                "owner.id": [client["owner"]["id"], other["id"]],
                "owner.name": [client["owner"]["name"], other["name"]],
            },
        ),
    ]
    api.delete(f"/contacts/{other['id']}")
    gone, client_event = feed()[-2:]
    assert gone["changes"]["email"] == [other["email"], None]
    assert client_event["changes"]["owner.id"] == [other["id"], None]


def test_a_deleted_client_leaves_tombstones_of_all_that_goes(api, feed, make_client, make_contact):
    client = make_client(tags=["b", "a"])
    other = make_contact(clientid=client["id"])
    api.delete(f"/clients/{client['id']}")
    first, second, gone = feed()[-3:]
    assert {first["object_id"], second["object_id"]} == {client["owner"]["id"], other["id"]}
    assert {first["type"], second["type"]} == {"contact.deleted"}
    assert gone["changes"]["tags"] == [["b", "a"], None]
    assert gone["changes"]["company_name"] == [client["company_name"], None]
    history = api.get(f"/clients/{client['id']}/history").get_json()["data"]
    assert history[0] == gone


def test_a_tag_is_one_event_for_all_clients(api, feed, make_client):
    for _ in range(3):
        make_client(tags=["x", "y"])
    api.patch("/tags/1", {"title": "X"})
    assert (feed()[-1]["clients"], feed()[-1]["changes"]) == (3, {"title": ["x", "X"]})
    api.patch("/tags/1", {"title": "y"})
    merged, deleted = feed()[-2:]
    assert (merged["type"], merged["object_id"], merged["clients"]) == ("tag.merged", 2, 3)
    assert merged["changes"] == {"merged": [None, [1]]}
    assert (deleted["type"], deleted["object_id"]) == ("tag.deleted", 1)
    api.delete("/tags/2")
    assert (feed()[-1]["type"], feed()[-1]["clients"]) == ("tag.deleted", 3)


def test_a_migration_and_a_fields_end_are_one_event_each(api, feed, make_client):
    field = api.post("/custom-fields", {"title": "T", "type": "text", "name": "code"}).get_json()
    make_client(code="x")
    make_client()
    new = api.post("/categories", {"category_name": "R", "category_type": "client"}).get_json()
    api.put("/categories/2/migrate", {"target_id": new["data"]["id"]})
    event = feed()[-1]
    assert told([event]) == [("category.migrated", 2, {"target_id": [None, new["data"]["id"]]})]
    assert event["clients"] == 2
    api.delete(f"/custom-fields/{field['data']['id']}")
    assert (feed()[-1]["type"], feed()[-1]["clients"]) == ("custom_field.deleted", 1)


def test_a_member_who_goes_is_told_of_their_categories(api, feed):
    member = {"first_name": "S", "last_name": "L", "email": "s@crm.example", "role_id": 3}
    member = api.post("/team", member).get_json()["data"]["id"]
    api.put("/categories/2/team", {"users": [member]})
    assert told(feed())[-1] == (
        "category.updated",
        2,
        {"users": [[], [member]], "users_count": [0, 1]},
    )
    api.delete(f"/team/{member}")
    deleted, category = feed()[-2:]
    assert deleted["type"] == "team_member.deleted"
    assert deleted["changes"]["dashboard_access"] == ["yes", None]
    assert category["changes"] == {"users": [[member], []], "users_count": [1, 0]}


def test_keys_are_told_to_administrators_alone_and_never_with_a_secret(app, api, feed):
    made = api.post("/keys", {"name": "n", "scope": "read"}).get_json()["data"]
    api.delete(f"/keys/{made['id']}")
    created, revoked = feed()
    assert (created["type"], revoked["type"]) == ("key.created", "key.revoked")
    assert made["key"] not in str(feed())
    reader = Caller(app, issue_key(app, scope="read"))
    assert {e["object"] for e in reader.get("/events?after=").get_json()["data"]} <= {"client"}
    # It gets no further by knowing that there is something.
    expect_error(reader.get(f"/events/{created['id']}"), 404, "The event could not be found.")
    assert api.get(f"/events/{created['id']}").get_json()["data"] == created


def test_the_feed_is_read_page_by_page_and_filters_hide_nothing_from_it(api, make_client):
    for number in range(7):
        make_client(tags=[f"t{number}"])
    everything = api.get("/events?limit=1000").get_json()["data"]
    position, seen = "", []
    for _ in range(100):
        page = api.get(f"/events?after={position}&limit=4").get_json()
        seen += page["data"]
        position = page["meta"]["next"]
        if not page["meta"]["more"]:
            break
    assert seen == everything
    assert [event["id"] for event in seen] == sorted(event["id"] for event in seen)
    assert position == everything[-1]["position"]
    none = api.get("/events?type=webhook.*").get_json()
    assert none == {
        "data": [],
        "meta": {"next": position, "more": False},
        "message": "Events retrieved successfully.",
    }
    assert api.get("/events?after=now").get_json() == none


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("type=client.*", {"client.created", "client.deleted", "client.updated"}),
        ("type=*.deleted", {"client.deleted", "contact.deleted"}),
        ("type=tag.created&type=client.deleted", {"tag.created", "client.deleted"}),
        ("object=contact", {"contact.created", "contact.deleted"}),
        ("object=client&object_id=1", {"client.created", "client.deleted"}),
        ("client_id=2", {"client.created", "contact.created", "client.updated"}),
        ("actor_id=77", set()),
        ("since=2999-01-01", set()),
        ("until=2000-01-01", set()),
    ],
)
def test_filters(api, make_client, query, types):
    make_client(tags=["x"])
    make_client()
    api.put("/clients/2/status", {"status": "suspended"})
    api.delete("/clients/1")
    data = api.get(f"/events?{query}").get_json()["data"]
    assert {event["type"] for event in data} == types


def test_a_history_is_read_back_from_the_newest(api, make_client):
    client = make_client()
    path = f"/clients/{client['id']}"
    for number in range(9):
        api.patch(path, {"client_company_name": f"N{number}"})
    query, seen = "", []
    while True:
        page = api.get(f"{path}/history?limit=4{query}").get_json()
        seen += page["data"]
        if not page["meta"]["more"]:
            break
        query = f"&before={page['meta']['next']}"
    assert len(seen) == 11
    assert seen == api.get(f"/events?client_id={client['id']}&order=desc").get_json()["data"]
    assert seen[0]["changes"] == {"company_name": ["N7", "N8"]}
    expect_error(api.get("/clients/999/history"), 404, "The client could not be found.")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("after=x", "after"),
        ("after=1-2", "after"),
        ("after=1-9F3A21C4", "after"),
        ("after=now&order=desc", "after"),
        ("before=1-00000000", "before"),
        ("type=client", "type.0"),
        ("type=client.eaten", "type.0"),
        ("object=tags", "object"),
        ("limit=0", "limit"),
        ("order=up", "order"),
        ("since=soon", "since"),
        ("undo=maybe", "undo"),
    ],
)
def test_what_is_no_filter_is_refused(api, query, name):
    errors = expect_error(api.get(f"/events?{query}"), 422)["errors"]
    assert list(errors) == [name]


def test_a_position_of_another_log_is_gone(api, make_client):
    make_client()
    last = api.get("/events?after=now").get_json()["meta"]["next"]
    id = last.partition("-")[0]
    for position in (f"{id}-00000000", "999-00000000", "999999999999999999-ffffffff"):
        expect_error(api.get(f"/events?after={position}"), 410, GONE)
    assert api.get("/events?after=0-00000000").status_code == 200


def test_a_poll_that_finds_nothing_is_a_304(api, make_client):
    make_client()
    last = api.get("/events?after=now").get_json()["meta"]["next"]
    first = api.get(f"/events?after={last}")
    again = api.get(f"/events?after={last}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    make_client()
    changed = api.get(f"/events?after={last}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert len(changed.get_json()["data"]) == 2


def test_code_tells_who_acts(app, api, feed):
    with using(app.database), acting(Actor("host", None, "jane"), "r1"), app.database.writing():
        Tag.named(["x"])
    assert feed()[-1]["actor"] == {"type": "host", "id": None, "name": "jane"}
    assert feed()[-1]["request_id"] == "r1"


def test_refusals_and_replays_write_none(api, feed, make_client):
    body = {"first_name": "J", "last_name": "D", "email": "j@acme.example"}
    headers = {"Idempotency-Key": "k"}
    first = api.post("/clients", body, headers=headers)
    count = len(feed())
    again = api.post("/clients", body, headers=headers)
    assert again.headers["Event-Position"] == first.headers["Event-Position"]
    expect_error(api.post("/clients", body), 422)
    expect_error(api.put("/clients/1/status", {"status": "x"}), 422)
    expect_error(api.put("/clients/99/status", {"status": "active"}), 404)
    expect_error(api.put("/clients/1/owner", {"owner": 99}), 422)
    assert len(feed()) == count
