"""Undoing whatever was done, in any order: exactly, or a 409 that has changed nothing."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Caller, issue_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LISTS = ("clients?include=contacts", "contacts", "tags", "categories", "team", "custom-fields")
TITLES = st.lists(st.sampled_from(["a", "B", "c", "d"]), max_size=4)
IDS = st.integers(1, 5)
NAMES = st.sampled_from(["Ann", "Zoë", "李"])
EMAILS = st.sampled_from([f"e{n}@acme.example" for n in range(6)])
PEOPLE = st.fixed_dictionaries({"first_name": NAMES, "last_name": NAMES, "email": EMAILS})


def call(method: str, path: str, **body: Any) -> st.SearchStrategy[tuple[str, str, Any]]:
    """Draw a call: a path whose `{}` is an id, and the members of its body."""
    return st.tuples(
        st.just(method), st.builds(path.replace, st.just("{}"), IDS.map(str)), _body(body)
    )


def _body(members: dict[str, Any]) -> st.SearchStrategy[Any]:
    return members["_"] if "_" in members else st.fixed_dictionaries(members)


CALLS = st.one_of(
    call("POST", "/clients", _=st.builds(lambda p, t: {**p, "tags": t}, PEOPLE, TITLES)),
    call(
        "PATCH",
        "/clients/{}",
        client_company_name=NAMES,
        client_billing_city=st.sampled_from([None, "Rom", "Łódź"]),
        client_categoryid=st.integers(2, 4),
        code=st.sampled_from([None, "x", "y"]),
    ),
    call("PUT", "/clients/{}/status", status=st.sampled_from(["active", "suspended"])),
    call("PUT", "/clients/{}/tags", tags=TITLES),
    call("PUT", "/clients/{}/owner", owner=IDS),
    call("DELETE", "/clients/{}"),
    call("POST", "/contacts", _=st.builds(lambda p, i: {**p, "clientid": i}, PEOPLE, IDS)),
    call("PATCH", "/contacts/{}", _=PEOPLE),
    call("DELETE", "/contacts/{}"),
    call("PATCH", "/tags/{}", title=st.sampled_from(["a", "B", "c", "new"])),
    call("DELETE", "/tags/{}"),
    call("PATCH", "/categories/{}", category_name=st.sampled_from(["R", "S", "T"])),
    call("PUT", "/categories/{}/migrate", target_id=st.integers(2, 4)),
    call("PUT", "/categories/{}/team", users=st.lists(st.integers(1, 2), max_size=2)),
    call("DELETE", "/categories/{}"),
    call("DELETE", "/team/{}"),
    call("DELETE", "/custom-fields/{}"),
)


@pytest.fixture
def begin(make_app):
    """Make a service with a bit of everything; return a caller."""

    def make() -> Caller:
        app = make_app()
        api = Caller(app, issue_key(app))
        api.post("/custom-fields", {"title": "Code", "type": "text", "name": "code"})
        for name in ("R", "S"):
            api.post("/categories", {"category_name": name, "category_type": "client"})
        for number in range(2):
            person = {"first_name": "T", "last_name": "M", "email": f"t{number}@crm.example"}
            api.post("/team", {**person, "role_id": 3})
        for number in range(2):
            person = {"first_name": "J", "last_name": "D", "email": f"j{number}@acme.example"}
            made = api.post("/clients", {**person, "tags": ["a", "c"], "code": "x"}).get_json()
            other = {**person, "email": f"k{number}@acme.example", "clientid": made["data"]["id"]}
            api.post("/contacts", other)
        return api

    return make


def state(api: Caller) -> Any:
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(inner) for name, inner in value.items() if name != "updated"}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    return [without(api.get(f"/{list}").get_json()) for list in LISTS]


def newest(api: Caller) -> str:
    return api.get("/events?after=now").get_json()["meta"]["next"]


def events_after(api: Caller, position: str) -> list[dict[str, Any]]:
    return api.get(f"/events?after={position}&limit=1000").get_json()["data"]


def without_new_tags(after: Any, before: Any) -> Any:
    """Return a state without tags that something has made meanwhile: these stay."""
    ids = {tag["id"] for tag in before[2]["data"]}
    after[2]["data"] = [tag for tag in after[2]["data"] if tag["id"] in ids]
    after[2]["meta"] = before[2]["meta"]
    return after


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(CALLS, min_size=1, max_size=8), order=st.randoms(use_true_random=False))
def test_each_undo_is_exact_or_a_409_that_changed_nothing(begin, calls, order):
    api = begin()
    position = newest(api)
    for method, path, body in calls:
        api.call(method, path, json=body)
    events = events_after(api, position)
    order.shuffle(events)
    for event in events:
        before, place = state(api), newest(api)
        response = api.post(f"/events/{event['id']}/undo")
        if response.status_code != 200:
            assert response.status_code in (409, 410), response.get_json()
            assert (state(api), newest(api)) == (before, place)
            continue
        # What was done to undo it can be undone, and then all is as it was before.
        done = events_after(api, place)
        assert done and all(e["undoes"] == event["id"] for e in done)
        main = [e for e in done if len(done) == 1 or e["type"] == "client.restored"]
        if main:
            again = api.post(f"/events/{main[0]['id']}/undo")
            assert again.status_code == 200, (event, again.get_json())
            assert without_new_tags(state(api), before) == before, event


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=CALLS)
def test_undone_at_once_all_is_as_it_was(begin, made):
    api = begin()
    before, position = state(api), newest(api)
    method, path, body = made
    if api.call(method, path, json=body).status_code != 200:
        return
    for event in reversed(events_after(api, position)):
        if api.post(f"/events/{event['id']}/undo").status_code == 200:
            break
    else:
        return
    after = state(api)
    assert without_new_tags(after, before) == before
