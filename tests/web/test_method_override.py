"""A POST that is meant as another method: for programs that can send forms with POST alone."""

from __future__ import annotations

import pytest
from conftest import Caller, expect_error, issue_key

PAIR = {"client_company_name": "Acme"}
OVERRIDE = "X-HTTP-Method-Override"


@pytest.fixture
def client(make_client):
    return make_client(tags=["a"])


@pytest.mark.parametrize(
    "options",
    [
        {"form": [*PAIR.items(), ("_method", "PATCH")]},
        {"form": [("_method", " put "), *PAIR.items()]},
        {"data": {**PAIR, "_method": "patch"}, "content_type": "multipart/form-data"},
        {"json": {**PAIR, "_method": "PATCH"}},
        {"json": PAIR, "headers": {OVERRIDE: "PATCH"}},
        {"form": [*PAIR.items(), ("_method", "PUT")], "headers": {OVERRIDE: "put"}},
    ],
)
def test_a_post_to_a_record_is_the_method_that_it_names(api, client, options):
    # PHP reads files and forms of POST alone; it was a 405.
    response = api.call("POST", f"/clients/{client['id']}", **options)
    assert response.status_code == 200, response.get_json()
    assert response.get_json()["message"] == "Client updated successfully."
    assert response.get_json()["data"]["company_name"] == "Acme"
    assert "Ignored-Parameters" not in response.headers


def test_what_is_below_a_record_is_reached_in_the_same_way(api, client):
    path = f"/clients/{client['id']}"
    status = api.call("POST", f"{path}/status", form=[("status", "suspended"), ("_method", "PUT")])
    assert status.get_json()["data"]["status"] == "suspended"
    # Here POST is a method of its own, which adds.
    tags = api.call("POST", f"{path}/tags", form=[("tags[]", "b"), ("_method", "PUT")])
    assert tags.get_json()["data"]["tags"] == ["b"]
    tags = api.call("POST", f"{path}/tags", form=[("tags[]", "c"), ("_method", "POST")])
    assert tags.get_json()["data"]["tags"] == ["b", "c"]
    assert "Ignored-Parameters" not in tags.headers
    tags = api.call("POST", f"{path}/tags/c", form=[("_method", "DELETE")])
    assert tags.get_json()["data"]["tags"] == ["b"]
    gone = api.call("POST", path, form=[("_method", "DELETE")])
    assert gone.get_json()["message"] == "Client deleted successfully."
    expect_error(api.call("POST", path, form=[("_method", "DELETE")]), 404)


@pytest.mark.parametrize("value", ["GET", "HEAD", "OPTIONS", "TRACE", "x", "PATCH, PUT", "é"])
def test_a_method_that_a_post_can_not_stand_for_is_refused(api, client, value):
    path = f"/clients/{client['id']}"
    sentences = {"_method": "The selected _method is invalid."}
    expect_error(api.call("POST", path, form=[("_method", value)]), 422, **sentences)
    expect_error(api.call("POST", "/clients", form=[("_method", value)]), 422)
    header = {OVERRIDE: value.encode().decode("latin-1")}
    sentences = {OVERRIDE: f"The selected {OVERRIDE} is invalid."}
    expect_error(api.call("POST", path, headers=header), 422, **sentences)
    assert api.get(path).get_json()["data"] == client


@pytest.mark.parametrize("value", ["DELETE", "PUT", "GET", "POST", "x", 1, ["PATCH"]])
def test_header_and_parameter_must_not_differ(api, client, value):
    # The header won, and who had asked for another method was not told.
    path = f"/clients/{client['id']}"
    body = {**PAIR, "_method": value}
    sentences = {"_method": f"The _method differs from the header {OVERRIDE}."}
    expect_error(api.post(path, body, headers={OVERRIDE: "PATCH"}), 422, **sentences)
    assert api.get(path).get_json()["data"] == client


def test_a_list_has_no_such_methods(api, make_client):
    make_client()
    body = {"first_name": "A", "last_name": "B", "email": "a@b.example"}
    for options in ({"json": {**body, "_method": "DELETE"}}, {"headers": {OVERRIDE: "DELETE"}}):
        response = api.call("POST", "/clients", **options)
        expect_error(response, 405, "Method not allowed.")
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    expect_error(api.call("POST", "/nothing", headers={OVERRIDE: "DELETE"}), 404)
    expect_error(api.call("POST", "/clients/1/", headers={OVERRIDE: "DELETE"}), 404)
    assert api.get("/clients").get_json()["meta"]["total"] == 1


def test_only_a_post_is_meant_as_something_else(api, client):
    path = f"/clients/{client['id']}"
    assert api.get(path, headers={OVERRIDE: "DELETE"}).status_code == 200
    assert api.patch(path, PAIR, headers={OVERRIDE: "DELETE"}).status_code == 200
    assert api.patch(path, {**PAIR, "_method": "DELETE"}).headers["Ignored-Parameters"] == "_method"
    assert api.get(f"{path}?_method=DELETE").headers["Ignored-Parameters"] == "_method"
    expect_error(api.call("POST", f"{path}?_method=DELETE"), 405)


def test_scope_state_and_routes_are_those_of_the_method_that_is_meant(app, api, client):
    path = f"/clients/{client['id']}"
    reader = Caller(app, issue_key(app, scope="read"))
    expect_error(reader.call("POST", path, form=[("_method", "DELETE")]), 403)
    expect_error(Caller(app, None).call("POST", path, form=[("_method", "DELETE")]), 401)
    stale = {"If-Match": '"stale"'}
    expect_error(api.call("POST", path, form=[("_method", "DELETE")], headers=stale), 412)
    response = api.call("POST", f"{path}/status", form=[("_method", "DELETE")])
    expect_error(response, 405)
    assert response.headers["Allow"] == "OPTIONS, PUT"
    assert api.get(path).get_json()["data"] == client


def test_a_call_that_is_overridden_counts_once(make_app):
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_DEFAULT="9 per hour")
    api = Caller(app, issue_key(app))
    response = api.call("POST", "/clients/1", form=[("_method", "DELETE")])
    assert response.headers["RateLimit-Remaining"] == "8"


def test_a_body_that_is_none_stays_what_it_was(api, client):
    path = f"/clients/{client['id']}"
    broken = api.post(path, data=b'{"_method"', content_type="application/json")
    expect_error(broken, 400)
    expect_error(api.post(path, data=b"_method=PATCH", content_type="text/plain"), 415)
    expect_error(api.post(path, data=b"x", content_type="text/plain"), 405)
