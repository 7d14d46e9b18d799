"""A clock that goes backwards, and the ends of years: order, cursors and ids stay right."""

from __future__ import annotations

import datetime
import itertools
from types import SimpleNamespace

import pytest

from clients_api.models import base

NEW_YEAR = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
TICK = datetime.timedelta(microseconds=1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the models read, to be set by hand."""
    clock = SimpleNamespace(time=NEW_YEAR)
    fake = SimpleNamespace(UTC=datetime.UTC, datetime=SimpleNamespace(now=lambda zone: clock.time))
    monkeypatch.setattr(base, "datetime", fake)
    return clock


def walk(api, query=""):
    """Yield the clients of all pages, page by page, as cursors lead."""
    cursor = ""
    while cursor is not None:
        answer = api.get(f"/clients?limit=3&cursor={cursor}{query}").get_json()
        yield answer["data"]
        cursor = answer["meta"]["next_cursor"]


def ids(clients):
    return [client["id"] for client in clients]


def test_the_last_moment_of_a_year_comes_before_the_first_of_the_next(api, clock, make_client):
    made = []
    for steps in (0, -1, 1, 0, -1):
        clock.time = NEW_YEAR + steps * TICK
        made.append(make_client())
    assert [client["dates"]["created"] for client in made] == [
        "2027-01-01T00:00:00.000000Z",
        "2026-12-31T23:59:59.999999Z",
        "2027-01-01T00:00:00.000001Z",
        "2027-01-01T00:00:00.000000Z",
        "2026-12-31T23:59:59.999999Z",
    ]
    found = api.get("/clients?sort=client_created&order=asc").get_json()["data"]
    assert ids(found) == [2, 5, 1, 4, 3]
    old = api.get("/clients?created_before=2027-01-01T00:00:00Z&order=asc").get_json()["data"]
    new = api.get("/clients?created_after=2027-01-01T00:00:00Z&order=asc").get_json()["data"]
    assert (ids(old), ids(new)) == ([2, 5], [1, 4, 3])


@pytest.mark.parametrize("year", [1970, 2028, 2038, 9999])
def test_leap_days_and_far_years_are_written_and_filtered_like_others(
    api, clock, make_client, year
):
    clock.time = datetime.datetime(year, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    client = make_client()
    moment = f"{year}-12-31T23:59:59.000000Z"
    assert client["dates"] == {"created": moment, "updated": moment}
    assert ids(api.get(f"/clients?created_after={moment}").get_json()["data"]) == [client["id"]]
    assert api.get(f"/clients?created_before={moment}").get_json()["data"] == []


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["client_created", "client_updated"])
def test_cursors_skip_and_repeat_nothing_while_the_clock_goes_backwards(
    api, clock, make_client, sort, order
):
    moments = [NEW_YEAR + n * TICK for n in (5, 4, 4, 3, 9, 3, 2, 5, 0, 1)]
    before = []
    for clock.time in moments:
        before.append(make_client()["id"])
    seen = []
    for number, page in zip(itertools.count(1), walk(api, f"&sort={sort}&order={order}")):
        seen += page
        # Each of these is older than all that were there, and older than the one before it.
        clock.time = NEW_YEAR - datetime.timedelta(days=number)
        if number < 4:
            make_client()
    keys = [(client["dates"][sort.removeprefix("client_")], client["id"]) for client in seen]
    assert keys == sorted(keys, reverse=order == "desc")
    assert len(set(keys)) == len(keys)
    assert set(before) <= set(ids(seen))


def test_a_change_before_its_creation_is_still_a_change(api, clock, make_client):
    client = make_client()
    path = f"/clients/{client['id']}"
    tag = api.get(path).headers["ETag"]
    clock.time = NEW_YEAR - datetime.timedelta(days=366)
    changed = api.patch(path, {"client_company_name": "Changed"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.get_json()["data"]["dates"] == {
        "created": "2027-01-01T00:00:00.000000Z",
        "updated": "2025-12-31T00:00:00.000000Z",
    }
    assert api.get(path).headers["ETag"] != tag
    again = api.patch(path, {"client_company_name": "Again"}, headers={"If-Match": tag})
    assert again.status_code == 412


def test_an_id_is_never_given_twice_whatever_the_clock_says(api, clock, make_client):
    first = make_client()["id"]
    api.delete(f"/clients/{first}")
    clock.time = NEW_YEAR - datetime.timedelta(days=1)
    assert make_client()["id"] > first
