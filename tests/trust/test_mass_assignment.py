"""What a call can't set: nothing of it is written, and the answer names it."""

import json
import sqlite3
from contextlib import closing

import pytest

from clients_api.files.columns import COLUMNS
from clients_api.web.operation import WRITING, Operation

NAMES = {"first_name": "Sam", "last_name": "Lee"}

# A value for each parameter that any call needs, so that calls succeed and could write.
NEEDED = {
    "clients": {**NAMES, "email": "new@acme.example", "client_company_name": "Acme"},
    "contacts": {**NAMES, "email": "new@acme.example", "clientid": 1},
    "categories": {"category_name": "New", "category_type": "client"},
    "team": {**NAMES, "email": "new@crm.example", "role_id": 3},
    "tags": {"title": "new"},
    "custom-fields": {"title": "New", "type": "text"},
    "keys": {"name": "new"},
    "events": {},
    "webhooks": {"url": "https://n8n.example/hook"},
}
ACTIONS = {
    "POST /contacts": {**NAMES, "email": "new@acme.example", "clientid": 1},
    "PUT /clients/1/tags": {"tags": ["vip", "old"]},
    "POST /clients/1/tags": {"tags": ["vip", "old"]},
    "DELETE /clients/1/tags/old": {},
    "PUT /clients/1/status": {"status": "active"},
    "PUT /clients/1/owner": {"owner": 1},
    "POST /clients/1/merge": {"from": [2]},
    "PUT /contacts/3/account-owner": {},
    "PUT /categories/3/team": {"users": [4]},
    "PUT /categories/3/migrate": {"target_id": 2},
}
RECORDS = {
    "clients": "1",
    "contacts": "3",
    "categories": "3",
    "team": "4",
    "tags": "1",
    "custom-fields": "1",
    "keys": "2",
    "webhooks": "1",
}
UNEQUAL = {"created", "updated", "last_used", "revoked", "due", "hash", "prefix", "epoch"}
TABLES = (
    "client",
    "user",
    "category",
    "tag",
    "client_tag",
    "category_user",
    "custom_field",
    "custom_value",
    "api_key",
    "client_merged",
    "mail",
    "webhook",
)


@pytest.fixture
def world(app, api, make_client, make_contact):
    """One record or more of each kind; return the connection to the database that holds them."""
    api.post("/custom-fields", {"title": "T", "type": "text", "name": "code"})
    make_client(email="owner@acme.example", tags=["vip", "old"], code="x")
    make_client(email="other@acme.example", tags=["vip"], client_vat="GB1")
    make_contact(email="kim@acme.example", clientid=1)
    api.post("/categories", {"category_name": "Retail", "category_type": "client"})
    api.post("/team", {**NAMES, "email": "sam@crm.example", "role_id": 3})
    api.put("/categories/3/team", {"users": [4]})
    api.post("/keys", {"name": "second", "scope": "read"})
    api.post("/webhooks", NEEDED["webhooks"])
    api.put("/clients/1/status", {"status": "suspended"})
    event = api.get("/events?order=desc&limit=1").get_json()["data"][0]
    RECORDS["events"] = str(event["id"])  # which the call that undoes it is about
    return app.database.connection()


def held(connection):
    """Return all that the database holds but what differs each time: times and secrets."""
    rows = []
    for table in TABLES:
        cursor = connection.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        for row in cursor:
            pairs = zip(names, row, strict=True)
            rows.append((table, *(pair for pair in pairs if pair[0] not in UNEQUAL)))
    return rows


def members(api, connection):
    """Return the names of all columns, and of all members of all objects, as one may guess them."""
    names = {"client_id", "password", "key", "owner_id", "scopes", "is_admin"}
    for table in TABLES:
        names |= {column[0] for column in connection.execute(f"SELECT * FROM {table}").description}
    for path in RECORDS:
        record = api.get(f"/{path}").get_json()["data"][0]
        names |= set(record)
        for name, value in record.items():
            if isinstance(value, dict):
                names |= {f"{name}_{inner}" for inner in value} | set(value)
    return names


@pytest.mark.file("is compared as a whole")
def test_every_table_is_looked_at(world):
    cursor = world.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    derived = ("sqlite_", "client_search", "client_trigram", "client_gram", "client_total")
    derived += ("client_words",)
    tables = {name for (name,) in cursor if not name.startswith(derived)}
    not_written_by_calls = {"idempotency", "schema_migration", "event", "event_undo"}
    assert tables == {*TABLES, *not_written_by_calls}


def writing_calls(app):
    """Yield every call with a record to write: method, path, resource, and what it can set."""
    for rule in app.url_map.iter_rules():
        operation = app.view_functions.get(rule.endpoint)
        if not isinstance(operation, Operation) or operation.method not in WRITING:
            continue
        path = rule.rule.removeprefix("/api")
        if path == "/clients/import":
            continue  # its body is a file, not parameters
        resource = path.split("/")[1]
        path = path.replace("<id:id>", RECORDS[resource]).replace("<title:title>", "old")
        known = set(operation.body.parameters)
        if operation.body.takes_custom_fields:
            known.add("code")
        yield operation.method, path, resource, known


@pytest.mark.file("is compared as a whole")
def test_what_a_call_can_not_set_is_unchanged_and_named(app, api, world):
    calls = list(writing_calls(app))
    assert len(calls) >= 28
    names = members(api, world)
    with closing(sqlite3.connect(":memory:")) as saved:
        world.backup(saved)
        for method, path, resource, known in calls:
            needed = ACTIONS.get(f"{method} {path}", NEEDED[resource])
            body = {name: value for name, value in needed.items() if name in known}
            forged = dict.fromkeys(sorted(names - known), "3")
            states = []
            for sent, query in ((body, {}), (body | forged, {}), (body, forged)):
                saved.backup(world)
                response = api.call(method, path, json=sent, query_string=query)
                assert response.status_code in (200, 201), (method, path, response.get_json())
                states.append(held(world))
                ignored = response.headers.get("Ignored-Parameters", "").split(", ")
                assert sorted(ignored) == (list(forged) if len(states) > 1 else [""])
            assert states[0] == states[1] == states[2], (method, path)


def test_with_strict_handling_each_of_them_is_an_error(app, api, world):
    before = held(world)
    names = members(api, world)
    for method, path, _, known in writing_calls(app):
        forged = dict.fromkeys(names - known, "3")
        response = api.call(method, path, json=forged, headers={"Prefer": "handling=strict"})
        assert response.status_code == 422, (method, path)
        errors = response.get_json()["errors"]
        for name in forged:
            sentence = f"The {name.replace('_', ' ')} parameter is not known here."
            assert errors[name] == [sentence], (method, path)
    assert held(world) == before


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-ndjson"])
def test_an_import_can_not_set_more_than_its_columns(api, world, media_type):
    before = held(world)
    for name in sorted(members(api, world) - COLUMNS.keys() - {"code"}):
        row = {**NAMES, "email": "new@acme.example", name: "3"}
        text = f"{','.join(row)}\n{','.join(row.values())}"
        data = text if media_type == "text/csv" else json.dumps(row)
        response = api.call("POST", "/clients/import", data=data, content_type=media_type)
        assert response.status_code in (400, 422), name
    assert held(world) == before
