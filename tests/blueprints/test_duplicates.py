"""Duplicates: groups of clients that may be one, found in the indexes of their keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.models.client.duplicates import KEYS, SHOWN, Groups
from clients_api.models.engines.current import using


def groups(api: Caller, query: str = "") -> list[dict[str, Any]]:
    response = api.get(f"/clients/duplicates?{query}")
    assert response.status_code == 200, response.get_json()
    assert response.get_json()["message"] == "Duplicates retrieved successfully."
    return response.get_json()["data"]


def told(found: list[dict[str, Any]]) -> list[tuple[str, str, list[int]]]:
    return [(g["by"], g["value"], [client["id"] for client in g["clients"]]) for g in found]


@pytest.fixture
def world(make_client, make_contact) -> None:
    """Five clients: 1 and 2 are one in all ways, 3 has the name, 4 the domain, 5 nothing."""
    acme = {"client_vat": "GB 123456789", "client_phone": "+44 20 7946 0958"}
    make_client(email="a@acme.example", client_company_name="Acme Inc", **acme)
    acme = {"client_vat": "gb123456789", "client_phone": "020 79460958"}
    make_client(email="b@acme.example", client_company_name="ACME, Incorporated", **acme)
    make_client(email="c@gmail.com", client_company_name="Acme Ltd.")
    make_client(email="d@gmail.com", client_company_name="Other")
    make_client(email="e@else.example", client_company_name="Else")
    make_contact(email="f@acme.example", clientid=4)
    make_contact(email="g@acme.example", clientid=4)
    make_contact(email="h@else.example")  # of no client


def test_groups_tell_what_clients_have_in_common(api, world):
    found = groups(api)
    assert told(found) == [
        ("vat", "GB123456789", [1, 2]),
        ("name", "acme", [1, 2, 3]),
        ("phone", "079460958", [1, 2]),
        ("domain", "acme.example", [1, 2, 4]),
    ]
    assert [g["count"] for g in found] == [2, 3, 2, 3]
    assert [g["strength"] for g in found] == ["strong", "strong", "strong", "weak"]
    client = api.get("/clients/1").get_json()["data"]
    shown = {name: client[name] for name in ("id", "company_name", "dates")}
    assert found[0]["clients"][0] == shown


def test_kinds_and_a_client_can_be_asked_for(api, world):
    assert [g["by"] for g in groups(api, "by=domain&by=vat")] == ["vat", "domain"]
    assert [g["by"] for g in groups(api, "by[]=name")] == ["name"]
    assert told(groups(api, "client_id=4")) == [("domain", "acme.example", [1, 2, 4])]
    assert [g["by"] for g in groups(api, "client_id=3")] == ["name"]
    assert groups(api, "client_id=5") == groups(api, "client_id=999") == []
    assert [g["by"] for g in groups(api, "client_id=1&by=phone")] == ["phone"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("by=size", "by.0"),
        ("by=", "by"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("client_id=x", "client_id"),
        ("cursor=x", "cursor"),
    ],
)
def test_what_can_not_be_asked_is_refused(api, query, name):
    response = api.get(f"/clients/duplicates?{query}")
    assert list(expect_error(response, 422)["errors"]) == [name]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("query", ["", "&client_id=1", "&by=name&by=domain"])
def test_pages_follow_each_other(api, world, limit, query):
    whole = groups(api, query.lstrip("&"))
    seen: list[dict[str, Any]] = []
    path = f"/clients/duplicates?limit={limit}{query}"
    while path:
        response = api.get(path)
        body = response.get_json()
        assert len(body["data"]) <= limit
        assert body["meta"]["per_page"] == limit
        seen += body["data"]
        following = re.search('<http://localhost/api([^>]+)>; rel="next"', response.headers["Link"])
        assert bool(following) == (body["meta"]["next_cursor"] is not None)
        path = following[1] if following else ""
    assert seen == whole


def test_what_is_written_at_once_is_at_once_found(api, world):
    api.patch("/clients/5", {"client_company_name": "Acme GmbH", "client_vat": "GB-123456789"})
    person = {"first_name": "D", "last_name": "D"}
    api.patch("/contacts/4", {**person, "email": "d@else.example"})
    found = told(groups(api))
    assert ("name", "acme", [1, 2, 3, 5]) in found
    assert ("vat", "GB123456789", [1, 2, 5]) in found
    assert ("domain", "else.example", [4, 5]) in found
    api.patch("/clients/5", {"client_company_name": "Else", "client_vat": None})
    api.delete("/contacts/4")
    found = told(groups(api))
    assert ("name", "acme", [1, 2, 3]) in found
    assert ("vat", "GB123456789", [1, 2]) in found
    assert "else.example" not in [value for _, value, _ in found]
    api.delete("/clients/2")
    assert [g["by"] for g in groups(api)] == ["name", "domain"]
    # An undone deletion is one more change.
    (event,) = api.get("/events?type=client.deleted").get_json()["data"]
    api.post(f"/events/{event['id']}/undo")
    assert [g["by"] for g in groups(api)] == ["vat", "name", "phone", "domain"]


def test_once_merged_they_are_no_duplicates(api, world):
    assert api.post("/clients/1/merge", {"from": [2, 3, 4]}).status_code == 200
    assert groups(api) == []


def test_imported_clients_are_compared_too(api, world):
    text = "first_name,last_name,email,client_company_name\nJ,D,i@acme.example,acme llc\n"
    api.post("/clients/import", data=text, content_type="text/csv")
    assert ("name", "acme", [1, 2, 3, 6]) in told(groups(api))
    assert ("domain", "acme.example", [1, 2, 4, 6]) in told(groups(api))


def test_of_a_large_group_the_oldest_are_shown_and_all_are_counted(make_app):
    app = make_app()
    api = Caller(app, issue_key(app))
    lines = ["first_name,last_name,email,client_company_name"]
    lines += [f"J,D,{n}@big.example,Big {'Inc' * (n % 2)}" for n in range(SHOWN + 5)]
    api.post("/clients/import", data="\n".join(lines), content_type="text/csv")
    for group in groups(api):
        assert group["count"] == SHOWN + 5
        assert [client["id"] for client in group["clients"]] == list(range(1, SHOWN + 1))


@pytest.mark.file("what its plans say")
def test_every_kind_is_read_from_its_index_alone(app, monkeypatch):
    """A table that is scanned, or rows that are sorted, would cost more with each client."""
    execute, plans = app.database.execute_sql, []

    def explained(sql: str, params: Any = ()) -> Any:
        plans.append([row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params)])
        return execute(sql, params)

    with using(app.database):
        monkeypatch.setattr(app.database, "execute_sql", explained)
        assert Groups(list(KEYS)).after(None, limit=10) == []
    indexes = ("client_vat", "client_name", "client_phone", "user_domain")
    for (step,), index in zip(plans, indexes, strict=True):
        assert f"USING COVERING INDEX {index}_match (" in step
