"""Lists: pages by number and by cursor, sorts, and links to the neighbours."""

from __future__ import annotations

import base64
import random
import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.blueprints.clients import list_clients
from clients_api.web.paging import Paging

SORTS = {
    "clients": ["client_company_name", "client_status", "client_created", "client_updated"],
    "contacts": ["first_name", "last_name", "email", "created", "updated"],
    "categories": ["category_name", "category_type", "category_created"],
    "tags": ["title", "count", "created"],
}


def fill(api, count):
    """Make clients of which many are equal in each sort."""
    draw = random.Random(7)
    for number in range(count):
        body = {
            "first_name": draw.choice(["Ann", "ann", "Böb"]),
            "last_name": draw.choice(["Lee", "Doe"]),
            "email": f"u{number}@acme.example",
            "client_company_name": draw.choice(["Acme", "acme", "École", "école", "Zoo"]),
            "tags": draw.sample(["a", "b", "c", "d"], 2),
        }
        client = api.post("/clients", body).get_json()["data"]
        if draw.random() < 0.5:
            api.put(f"/clients/{client['id']}/status", {"status": "suspended"})
    moment = "2026-06-15T09:30:00.000000Z"
    for table in ("client", "user", "tag"):
        # So that the times are ties as well.
        api.app.database.execute_sql(
            f"""UPDATE "{table}" SET created = '{moment}', updated = '{moment}' WHERE id % 3 > 0"""
        )


@pytest.fixture(scope="module")
def filled(shared_api):
    fill(shared_api, 47)
    for number in range(9):
        body = {"category_name": f"Category {number}", "category_type": "client"}
        assert shared_api.post("/categories", body).status_code == 201
    return shared_api


def links_of(response):
    header = response.headers["Link"]
    return {rel: url for url, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', header)}


def walk_pages(api, query):
    ids = []
    for number in range(1, 1000):
        data = api.get(f"{query}&page={number}").get_json()["data"]
        if not data:
            return ids
        ids += [record["id"] for record in data]
    raise AssertionError("the list does not end")


def walk_cursor(api, query):
    ids, cursor = [], ""
    while cursor is not None:
        answer = api.get(f"{query}&cursor={cursor}").get_json()
        ids += [record["id"] for record in answer["data"]]
        cursor = answer["meta"]["next_cursor"]
    return ids


CASES = [(path, sort, order) for path in SORTS for sort in SORTS[path] for order in ("asc", "desc")]


@pytest.mark.parametrize(("path", "sort", "order"), CASES)
def test_pages_and_cursors_walk_the_same_list_without_gap_or_overlap(filled, path, sort, order):
    query = f"/{path}?sort={sort}&order={order}"
    every = filled.get(f"{query}&limit=100").get_json()
    ids = [record["id"] for record in every["data"]]
    assert len(ids) == every["meta"]["total"] == len(set(ids))
    assert walk_pages(filled, f"{query}&limit=7") == ids
    assert walk_cursor(filled, f"{query}&limit=7") == ids
    assert walk_cursor(filled, f"{query}&limit=1") == ids
    other = f"/{path}?sort={sort}&order={'asc' if order == 'desc' else 'desc'}&limit=100"
    back = [record["id"] for record in filled.get(other).get_json()["data"]]
    assert back == ids[::-1], "the other order is the exact reverse, ties included"


def test_ties_are_broken_by_id_in_the_same_order(filled):
    for order in ("asc", "desc"):
        query = f"/clients?sort=client_status&order={order}&limit=100"
        records = filled.get(query).get_json()["data"]
        keys = [(record["status"], record["id"]) for record in records]
        assert keys == sorted(keys, reverse=order == "desc")


def test_the_defaults_are_newest_first_and_25_a_page(filled):
    answer = filled.get("/clients").get_json()
    assert answer["meta"] == {"current_page": 1, "per_page": 25, "total": 47, "last_page": 2}
    keys = [(record["dates"]["created"], record["id"]) for record in answer["data"]]
    assert keys == sorted(keys, reverse=True)
    assert len(keys) == 25
    assert set(answer) == {"data", "meta", "message"}


def test_an_empty_list_has_one_page(api):
    answer = api.get("/clients").get_json()
    assert answer["data"] == []
    assert answer["meta"] == {"current_page": 1, "per_page": 25, "total": 0, "last_page": 1}


@pytest.mark.parametrize("limit", [101, 1000, 10**9, 2**63 - 1])
def test_a_limit_above_100_is_100(filled, limit):
    answer = filled.get(f"/clients?limit={limit}").get_json()
    assert answer["meta"]["per_page"] == 100
    assert filled.get(f"/clients?cursor=&limit={limit}").get_json()["meta"]["per_page"] == 100


@pytest.mark.parametrize("limit", [1, 46, 47, 48, 100])
def test_the_last_page_is_the_one_that_holds_the_last_record(filled, limit):
    meta = filled.get(f"/clients?limit={limit}").get_json()["meta"]
    assert meta["per_page"] == limit
    assert meta["last_page"] == -(-47 // limit)
    last = filled.get(f"/clients?limit={limit}&page={meta['last_page']}").get_json()
    assert 1 <= len(last["data"]) <= limit
    beyond = filled.get(f"/clients?limit={limit}&page={meta['last_page'] + 1}").get_json()
    assert beyond["data"] == []


@pytest.mark.parametrize(("page", "skipped"), [(1, 0), (3, 10), (5, 20), (6, 17), (9, 2), (10, 0)])
@pytest.mark.file("counts what its connection does")
def test_no_more_records_are_skipped_than_from_the_nearer_end(filled, page, skipped):
    # The last page, to which each list has a link, cost as much as all before it.
    asked = []
    connection = filled.app.database.connection()
    connection.set_trace_callback(asked.append)
    found = filled.get(f"/clients?limit=5&page={page}").get_json()
    connection.set_trace_callback(None)
    (statement,) = [text for text in asked if "OFFSET" in text]
    assert statement.split("OFFSET ")[1].split(")")[0] == str(skipped)
    everything = filled.get("/clients?limit=47").get_json()["data"]
    assert found["data"] == everything[5 * page - 5 : 5 * page]


@pytest.mark.parametrize("page", [3, 10**6, 2**62, 2**63 - 1])
def test_a_page_past_the_end_is_empty(filled, page):
    response = filled.get(f"/clients?page={page}")
    assert response.status_code == 200
    answer = response.get_json()
    assert answer["data"] == []
    assert answer["meta"] == {"current_page": page, "per_page": 25, "total": 47, "last_page": 2}


@pytest.mark.parametrize("page", [2**63, 2**64, 10**30, "9" * 5000])
def test_a_page_beyond_64_bits_is_422(filled, page):
    expect_error(filled.get(f"/clients?page={page}"), 422)


def test_the_total_counts_what_the_filters_leave(filled):
    total = 0
    for status in ("active", "suspended"):
        answer = filled.get(f"/clients?status={status}&limit=5").get_json()
        assert all(record["status"] == status for record in answer["data"])
        total += answer["meta"]["total"]
    assert total == 47


def test_links_lead_to_the_neighbours(filled):
    def pages(response):
        return {
            rel: parse_qs(urlsplit(url).query)["page"][0] for rel, url in links_of(response).items()
        }

    query = "/clients?limit=20&page="
    assert pages(filled.get(query + "1")) == {"first": "1", "next": "2", "last": "3"}
    assert pages(filled.get(query + "2")) == {"first": "1", "prev": "1", "next": "3", "last": "3"}
    assert pages(filled.get(query + "3")) == {"first": "1", "prev": "2", "last": "3"}
    assert pages(filled.get(query + "9")) == {"first": "1", "prev": "3", "last": "3"}


def test_links_keep_the_filters_and_can_be_followed(filled):
    response = filled.get("/clients?limit=9&search=%C3%A9cole&tag=a&sort=client_company_name")
    ids = [record["id"] for record in response.get_json()["data"]]
    total = response.get_json()["meta"]["total"]
    while "next" in links_of(response):
        url = links_of(response)["next"]
        assert url.startswith("http://localhost/api/clients?")
        response = filled.get(url.removeprefix("http://localhost/api"))
        ids += [record["id"] for record in response.get_json()["data"]]
    assert len(ids) == len(set(ids)) == total > 0


def test_cursor_links_can_be_followed(filled):
    response = filled.get("/clients?limit=9&cursor=&status=active")
    ids = [record["id"] for record in response.get_json()["data"]]
    while "next" in links_of(response):
        response = filled.get(links_of(response)["next"].removeprefix("http://localhost/api"))
        assert "first" in links_of(response)
        ids += [record["id"] for record in response.get_json()["data"]]
    assert len(ids) == filled.get("/clients?status=active").get_json()["meta"]["total"]


def test_a_page_by_another_spelling_of_its_name_stands_in_no_link_twice(filled):
    url = links_of(filled.get("/clients?limit=9&%70age=2&s+t=1"))["next"]
    assert url == "http://localhost/api/clients?limit=9&s+t=1&page=3"


def test_no_query_can_break_out_of_a_link(filled):
    response = filled.get('/clients?limit=9&foo="%3E%3B%20rel%3Devil,%3Chttp://evil.example%3E')
    for url in links_of(response).values():
        assert not re.search(r"[\s<>\"]", url)
    assert set(links_of(response)) == {"first", "next", "last"}


def test_with_a_cursor_no_total_is_counted(filled):
    answer = filled.get("/clients?cursor=&limit=10").get_json()
    assert set(answer["meta"]) == {"per_page", "next_cursor"}
    assert answer["meta"]["per_page"] == 10
    last = filled.get("/clients?cursor=&limit=47").get_json()
    assert last["meta"]["next_cursor"] is None
    assert len(last["data"]) == 47


def test_a_page_number_beside_a_cursor_is_ignored_and_named(filled):
    response = filled.get("/clients?cursor=&page=2&limit=10")
    assert response.headers["Ignored-Parameters"] == "page"
    assert response.get_json()["data"] == filled.get("/clients?limit=10").get_json()["data"]


def test_a_damaged_cursor_is_422(filled):
    cursor = filled.get("/clients?cursor=&limit=10").get_json()["meta"]["next_cursor"]
    draw = random.Random(1)
    damaged = {"x", "AAAA", "%00", "\u00e9", cursor[:-1], cursor + "A", cursor + "=", cursor * 2}
    damaged |= {cursor[1:], cursor.swapcase(), base64.b64encode(b"[1,2]").decode(), "null", "="}
    for _ in range(200):
        place = draw.randrange(len(cursor))
        letter = draw.choice("ABCDxyz019-_")
        damaged.add(cursor[:place] + letter + cursor[place + 1 :])
    for text in damaged - {cursor}:
        response = filled.get("/clients", query_string={"cursor": text, "limit": 10})
        expect_error(response, 422, cursor="The selected cursor is invalid.")


def test_a_cursor_of_another_list_is_422(filled):
    # One of a sort that both lists have was taken, and told of a place that is not in this one.
    answer = filled.get("/clients?cursor=&sort=client_created&order=asc&limit=10").get_json()
    cursor = answer["meta"]["next_cursor"]
    response = filled.get(f"/contacts?sort=created&order=asc&limit=10&cursor={cursor}")
    expect_error(response, 422, cursor="The selected cursor is invalid.")


@pytest.mark.parametrize(
    "position",
    [
        *("1", "null", "{}", "[]", "[1]", "[1,2,3]", '["x",null]', '["x",[]]', "[{},1]"),
        *("[null,1]", "[1.5,1]", f"[{2**63},1]", f'["x",{2**63}]', f'["x",{-(2**63) - 1}]'),
        *('{"a":1,"b":2}', "["),
    ],
)
def test_a_cursor_that_somebody_made_up_is_422(api, position):
    # Its checksum is no secret. What SQLite can't hold was a 500.
    paging = Paging(list_clients._query, {}, 25)
    data = position.encode()
    cursor = paging._base64(paging._checksum(data) + data)
    response = api.get("/clients", query_string={"cursor": cursor})
    expect_error(response, 422, cursor="The selected cursor is invalid.")


def test_a_cursor_of_another_sort_or_order_is_422(filled):
    cursor = filled.get("/clients?cursor=&limit=10").get_json()["meta"]["next_cursor"]
    assert filled.get(f"/clients?cursor={cursor}&limit=5").status_code == 200
    for other in ("sort=client_company_name", "order=asc", "sort=client_updated"):
        expect_error(filled.get(f"/clients?cursor={cursor}&{other}"), 422)


def test_page_size_is_the_default_limit(make_app):
    app = make_app(PAGE_SIZE=3)
    api = Caller(app, issue_key(app))
    fill(api, 5)
    assert api.get("/clients").get_json()["meta"]["per_page"] == 3
    assert len(api.get("/clients?cursor=").get_json()["data"]) == 3
    assert api.get("/clients?limit=4").get_json()["meta"]["per_page"] == 4


@pytest.mark.parametrize("sort", SORTS["clients"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_cursor_skips_and_repeats_nothing_while_others_write(api, sort, order):
    fill(api, 30)
    # What is not written in the meantime must come exactly once.
    kept = {record["id"] for record in api.get("/clients?limit=100").get_json()["data"]}
    gone = set(sorted(kept)[::5])
    kept -= gone
    other = Caller(api.app, api.key)
    stop = threading.Event()
    made = []

    def write():
        number = 0
        while not stop.is_set() and number < 60:
            number += 1
            body = {"first_name": "N", "last_name": "N", "email": f"n{number}@acme.example"}
            body["client_company_name"] = random.Random(number).choice(["Aaa", "Acme", "Zzz"])
            made.append(other.post("/clients", body).get_json()["data"]["id"])
            if gone:
                assert other.delete(f"/clients/{gone.pop()}").status_code == 200

    thread = threading.Thread(target=write)
    thread.start()
    try:
        ids = walk_cursor(api, f"/clients?sort={sort}&order={order}&limit=3")
    finally:
        stop.set()
        thread.join()
    assert len(ids) == len(set(ids))
    assert kept <= set(ids)
    assert made


def test_no_page_overlaps_another_when_a_list_is_read_at_one_time(filled):
    seen = walk_pages(filled, "/clients?limit=10")
    assert len(seen) == len(set(seen)) == 47
