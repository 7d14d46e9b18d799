"""A walk over all routes: what no route may forget, the one of tomorrow included."""

from __future__ import annotations

import re
from tempfile import TemporaryDirectory

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api import create_app

PAGES = {"/docs", "/docs/<name>", "/console", "/console/<name>"}
PUBLIC = {"/", *PAGES, "/openapi.json", "/health", "/ready"}
PREFIX = "/api"

# The scope that a key needs, by the first part of the path: to read, and to change.
SCOPES = {
    "clients": ("read", "write"),
    "contacts": ("read", "write"),
    "categories": ("read", "write"),
    "team": ("read", "write"),
    "tags": ("read", "write"),
    "custom-fields": ("read", "admin"),
    "keys": ("admin", "admin"),
    "events": ("read", "write"),
    "metrics": ("admin", "admin"),
    "webhooks": ("admin", "admin"),
}
RANK = {"read": 0, "write": 1, "admin": 2}
READING = {"GET", "HEAD"}


def routes():
    """Return method and rule, relative to the prefix, of each route under it."""
    with TemporaryDirectory() as folder:
        app = create_app({"INSTANCE_PATH": folder})
    return sorted(
        (method, rule.rule.removeprefix(PREFIX))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX + "/")
        for method in rule.methods
    )


ROUTES = routes()
GUARDED = [(method, rule) for method, rule in ROUTES if rule not in PUBLIC]


def path_of(rule):
    """Fill in a rule's parameters: records that are not there."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: {"id": "999"}.get(match[1], "x"), rule)


def is_stream(response):
    return response.mimetype in ("text/csv", "application/x-ndjson", "text/plain")


def test_there_are_routes_and_each_is_judged():
    assert len(GUARDED) > 40
    for _, rule in GUARDED:
        assert rule.split("/")[1] in SCOPES, f"{rule}: say in SCOPES who may call it"


def test_nothing_but_the_first_page_is_served_outside_the_prefix(shared_api):
    rules = {rule.rule for rule in shared_api.app.url_map.iter_rules()}
    assert {rule for rule in rules if not rule.startswith(PREFIX + "/")} == {"/"}


@pytest.fixture(scope="module")
def callers(shared_api):
    app = shared_api.app
    revoked = shared_api.post("/keys", {"name": "revoked"}).get_json()["data"]
    shared_api.delete(f"/keys/{revoked['id']}")
    keys = {
        "none": None,
        "malformed": "\u00e9 \t",
        "unknown": "ck_" + "x" * 43,
        "revoked": revoked["key"],
        "expired": issue_key(app, expires="2020-01-01T00:00:00.000000Z"),
        **{scope: issue_key(app, scope=scope) for scope in RANK},
    }
    return {kind: Caller(app, key) for kind, key in keys.items()}


@pytest.mark.parametrize(("method", "rule"), GUARDED)
def test_each_route_lets_in_exactly_whom_it_should(callers, method, rule):
    needed = SCOPES[rule.split("/")[1]][method not in READING]
    for kind, caller in callers.items():
        response = caller.call(method, path_of(rule))
        if kind not in RANK:
            assert response.status_code == 401, kind
            assert response.headers["WWW-Authenticate"] == "Bearer"
        elif RANK[kind] < RANK[needed]:
            assert response.status_code == 403, kind
        else:
            assert response.status_code not in (401, 403), kind
        if method != "HEAD" and response.status_code in (401, 403):
            expect_error(response, response.status_code)


@pytest.mark.parametrize(("method", "rule"), [r for r in ROUTES if r[1] in PUBLIC])
def test_what_is_public_is_open_and_only_read(callers, method, rule):
    assert method in READING
    response = callers["none"].call(method, path_of(rule))
    assert response.status_code in ((302,) if rule == "/" else (200, 404))


@pytest.mark.parametrize(("method", "rule"), GUARDED)
def test_each_route_answers_json(callers, method, rule):
    """With and without a body, and with ones that are no good."""
    admin = callers["admin"]
    calls = [{}, {"headers": {"Accept": "text/html"}}, {"query_string": {"page": "x"}}]
    if method not in READING:
        calls += [
            {"json": {}},
            {"data": b"{", "content_type": "application/json"},
            {"data": b"x", "content_type": "text/plain"},
            {"data": b"x" * 1_048_577, "content_type": "application/json"},
        ]
    for options in calls:
        response = admin.call(method, path_of(rule), **options)
        if method == "HEAD":
            continue
        if response.status_code >= 400:
            expect_error(response, response.status_code)
        elif not is_stream(response):
            assert response.mimetype == "application/json"
            assert response.get_json()["message"]


@pytest.mark.parametrize("rule", sorted({rule for _, rule in GUARDED}))
def test_each_path_answers_405_with_allow(callers, rule):
    path = path_of(rule)
    allowed = {"OPTIONS"} | {method for method, other in ROUTES if other == rule}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        if method in allowed:
            continue
        response = callers["read"].call(method, path)
        expect_error(response, 405, "Method not allowed.")
        named = set(response.headers["Allow"].split(", "))
        assert named == allowed


@pytest.mark.parametrize("rule", sorted({rule for _, rule in GUARDED}))
def test_each_path_answers_options(callers, rule):
    response = callers["read"].call("OPTIONS", path_of(rule))
    assert response.status_code == 200
    assert response.get_json()["message"]
    assert callers["none"].call("OPTIONS", path_of(rule)).status_code == 401


@pytest.mark.parametrize(
    ("method", "rule"), [r for r in GUARDED if "<id:id>" in r[1] and r[0] != "HEAD"]
)
def test_each_record_that_is_not_there_is_404(callers, method, rule):
    for id in ("999", "0", "-1", "9223372036854775808", "x"):
        path = path_of(rule.replace("<id:id>", id))
        response = callers["admin"].call(method, path, json={} if method != "GET" else None)
        assert response.status_code == 404, path
        assert expect_error(response, 404)["message"].endswith("could not be found.")


@pytest.mark.parametrize(("method", "rule"), [r for r in GUARDED if r[0] != "HEAD"])
def test_each_route_is_documented_with_its_errors(callers, method, rule):
    spec = callers["none"].get("/openapi.json").get_json()
    path = PREFIX + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
    operation = spec["paths"][path][method.lower()]
    assert operation["summary"]
    assert operation["operationId"]
    assert operation["tags"]
    assert operation["security"] == [{"key": []}]
    needed = SCOPES[rule.split("/")[1]][method not in READING]
    assert f"`{needed}`" in operation["description"]
    documented = set(operation["responses"])
    # Of a call that takes no body, too, one that comes is read (413, 415): once that was not said.
    expected = {"400", "401", "403", "405", "413", "415", "422", "429", "500", "503"}
    if method not in READING:
        expected.add("507")
    if "<id:id>" in rule:
        expected.add("404")
    if method in ("PUT", "PATCH", "DELETE") and "<id:id>" in rule:
        expected.add("412")
    if method == "POST":
        expected.add("409")
    assert expected <= documented
    assert any(status.startswith("2") for status in documented)
    names = set(re.findall(r"<(?:\w+:)?(\w+)>", rule))
    shared = spec["paths"][path].get("parameters", [])
    parameters = [resolve(spec, item) for item in [*operation.get("parameters", []), *shared]]
    assert names <= {item["name"] for item in parameters if item["in"] == "path"}


def resolve(spec, item):
    if "$ref" not in item:
        return item
    for part in item["$ref"].removeprefix("#/").split("/"):
        spec = spec[part]
    return spec


def test_nothing_is_documented_that_is_not_there(callers):
    spec = callers["none"].get("/openapi.json").get_json()
    served = {(PREFIX + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule), m) for m, rule in ROUTES}
    for path, item in spec["paths"].items():
        for method in item:
            if method != "parameters":
                assert (path, method.upper()) in served
