"""CORS: none, unless origins are configured."""

from __future__ import annotations

import pytest
from conftest import Caller, expect_error, issue_key

ORIGIN = "https://app.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type, if-match, idempotency-key",
}


def cors_headers(response):
    return {name for name, _ in response.headers if name.startswith("Access-Control")}


@pytest.fixture
def open_app(make_app):
    return make_app(CORS_ORIGINS=[ORIGIN, "http://localhost:3000"])


def test_by_default_no_page_of_another_origin_may_call(api, anonymous):
    assert not cors_headers(api.get("/clients", headers={"Origin": ORIGIN}))
    assert not cors_headers(anonymous.get("/health", headers={"Origin": ORIGIN}))
    response = anonymous.call("OPTIONS", "/clients", headers=PREFLIGHT)
    expect_error(response, 401)
    assert not cors_headers(response)


@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
def test_a_configured_origin_may_call_and_see_all_headers(open_app, origin):
    api = Caller(open_app, issue_key(open_app))
    for path in ("/clients", "/nothing", "/clients?page=x"):
        headers = api.get(path, headers={"Origin": origin}).headers
        assert headers["Access-Control-Allow-Origin"] == origin
        assert headers["Access-Control-Expose-Headers"] == "*"
        assert "Origin" in headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "http://app.example",
        "https://app.example:8443",
        "https://appXexample",
        "null",
        "",
    ],
)
def test_another_origin_may_not(open_app, origin):
    api = Caller(open_app, issue_key(open_app))
    headers = api.get("/clients", headers={"Origin": origin}).headers
    assert "Access-Control-Allow-Origin" not in headers
    preflight = api.call("OPTIONS", "/clients", headers={**PREFLIGHT, "Origin": origin})
    assert "Access-Control-Allow-Origin" not in preflight.headers


@pytest.mark.parametrize("path", ["/clients", "/clients/1", "/clients/1/tags", "/keys"])
def test_a_preflight_needs_no_key(open_app, path):
    response = Caller(open_app, None).call("OPTIONS", path, headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    for name in ("authorization", "content-type", "if-match", "idempotency-key"):
        assert name in allowed
    assert int(response.headers["Access-Control-Max-Age"]) > 0


def test_all_but_the_preflight_needs_a_key_all_the_same(open_app):
    anonymous = Caller(open_app, None)
    for method in ("GET", "POST", "FOO"):
        response = anonymous.call(method, "/clients", headers={"Origin": ORIGIN})
        expect_error(response, 401)
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    expect_error(anonymous.call("OPTIONS", "/clients"), 401)
    expect_error(anonymous.call("OPTIONS", "/nothing"), 401)


@pytest.mark.parametrize("path", ["/nothing", "/clients/1/nothing", "/clients//1", "/../nothing"])
def test_a_page_sees_that_a_path_is_none(open_app, path):
    # Its preflight was a 401, and all that the page heard of the call was that it failed.
    preflight = Caller(open_app, None).call("OPTIONS", path, headers=PREFLIGHT)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    api = Caller(open_app, issue_key(open_app))
    response = api.call("PATCH", path, headers={"Origin": ORIGIN})
    expect_error(response, 404, "Not found.")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    expect_error(api.call("OPTIONS", path), 404, "Not found.")


def test_a_star_lets_every_origin_in_without_credentials(make_app):
    app = make_app(CORS_ORIGINS="*")
    headers = Caller(app, issue_key(app)).get("/clients", headers={"Origin": ORIGIN}).headers
    assert headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
    assert "Access-Control-Allow-Credentials" not in headers
