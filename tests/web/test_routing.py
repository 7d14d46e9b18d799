"""The paths of the service, as Flask's own functions see them."""

from __future__ import annotations

from urllib.parse import urlsplit

import flask
import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.service import Service


@pytest.mark.parametrize(
    ("endpoint", "values", "address"),
    [
        ("clients.list_clients", {}, "/api/clients"),
        ("clients.list_clients", {"search": "é"}, "/api/clients?search=%C3%A9"),
        ("clients.get_client", {"id": 12}, "/api/clients/12"),
    ],
)
def test_addresses_can_be_built_of_endpoints(app: Service, endpoint, values, address) -> None:
    with app.test_request_context():
        assert flask.url_for(endpoint, **values) == address
        assert flask.url_for(endpoint, **values) == address  # it was prepared the first time


@pytest.mark.parametrize("path", ["", "/"])
def test_the_prefix_itself_leads_to_the_documentation(app, anonymous, path):
    """Whoever opened it in a browser was told that a key is missing."""
    docs = "http://localhost/api/docs"
    response = anonymous.get(path)
    assert (response.status_code, response.headers["Location"]) == (302, docs)
    assert response.get_json() == {"message": f"The documentation is at {docs}."}
    assert anonymous.call("HEAD", path).status_code == 302
    assert app.test_client().get(f"/api{path}", follow_redirects=True).mimetype == "text/html"
    expect_error(anonymous.post(path), 401)
    expect_error(anonymous.get("/nowhere"), 401)


@pytest.mark.parametrize(
    "path",
    [
        "1/",
        "1//",
        "/1",
        "./1",
        "1/.",
        "1/..",
        "1;a=b",
        "1%2F",
        "%2F1",
        "1%2e",
        "1%3B",
        "1%20",
        "+1",
        "\u0661",
        "\uff11",
        "%D9%A1",
        "1.0",
        "01",
        "1%00",
        "1\\",
        "1%2F..%2F1",
        "x/../1",
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT"])
def test_what_is_not_the_address_of_a_record_never_changes_one(api, make_client, method, path):
    # A folded `/clients/1/tags/..` is `/clients/1/`, and deleted the client.
    before = make_client(tags=["a"])
    body = {"client_company_name": "Changed"}
    response = api.call(method, f"/clients/{path}", json=body)
    assert response.status_code == 404, response.get_json()
    assert api.get("/clients/1").get_json()["data"] == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/clients%2F1"),
        ("DELETE", "/clients/1%2Ftags%2Fa"),
        ("DELETE", "/clients/1%2ftags/a"),
        ("DELETE", "/clients/1/tags%2Fa"),
        ("PUT", "/clients/1%2Fstatus"),
        ("DELETE", "%2Fclients/1"),
        ("GET", "/clients%2F1"),
    ],
)
def test_an_escaped_slash_is_a_part_of_a_text_and_separates_nothing(api, make_client, method, path):
    # `1/tags/a`, escaped as an id, was the address of a tag.
    before = make_client(tags=["a"])
    body = {"status": "suspended"} if method == "PUT" else None
    response = api.call(method, path, json=body)
    expect_error(response, 404, "Not found.")
    assert api.get("/clients/1").get_json()["data"] == before


def test_an_escaped_slash_in_a_title_belongs_to_it_wherever_the_service_is_mounted(
    make_app, make_client
):
    app = make_app(TRUSTED_PROXIES=1)
    api = Caller(app, issue_key(app))
    person = {"first_name": "A", "last_name": "B", "email": "a@b.example", "tags": ["a/b", "/c"]}
    assert api.post("/clients", person).status_code == 201
    headers = {"X-Forwarded-Prefix": "/x/y"}
    assert api.delete("/clients/1/tags/a%2Fb", headers=headers).status_code == 200
    answer = api.delete("/clients/1/tags/%2Fc?a=%2F", base_url="http://localhost/site")
    assert answer.get_json()["data"]["tags"] == []


HERE = {"Host": "10.0.0.1:8000"}
FORWARDED = {**HERE, "X-Forwarded-Host": "crm.example", "X-Forwarded-Proto": "https"}
PREFIX = {**FORWARDED, "X-Forwarded-Prefix": "/acme/"}


@pytest.mark.parametrize(
    ("settings", "headers", "root"),
    [
        ({}, HERE, "http://10.0.0.1:8000"),
        ({}, {"Host": "[::1]:8000"}, "http://[::1]:8000"),
        ({}, {"Host": "crm.example:80"}, "http://crm.example"),
        ({}, PREFIX, "http://10.0.0.1:8000"),
        ({"TRUSTED_PROXIES": 1}, FORWARDED, "https://crm.example"),
        ({"TRUSTED_PROXIES": 1}, PREFIX, "https://crm.example/acme"),
        ({"PUBLIC_URL": "https://a.example"}, HERE, "https://a.example"),
        ({"PUBLIC_URL": "https://a.example/x/"}, HERE, "https://a.example/x"),
        (
            {"PUBLIC_URL": "https://a.example", "TRUSTED_PROXIES": 1},
            PREFIX,
            "https://a.example/acme",
        ),
        (
            {"PUBLIC_URL": "https://a.example/x", "TRUSTED_PROXIES": 1},
            PREFIX,
            "https://a.example/x",
        ),
    ],
)
def test_addresses_in_answers_are_absolute_and_those_of_callers(make_app, settings, headers, root):
    # They were relative: what follows `next` as it stands found no host in it.
    app = make_app(**settings)
    api = Caller(app, issue_key(app))
    body = {"category_name": "A", "category_type": "client"}
    created = api.post("/categories", body, headers=headers)
    assert created.headers["Location"] == f"{root}/api/categories/3"
    link = api.get("/categories?limit=1", headers=headers).headers["Link"]
    assert f'<{root}/api/categories?limit=1&page=2>; rel="next"' in link
    # This one stayed relative for longer.
    for path in ("", "/"):
        assert api.get(path, headers=headers).headers["Location"] == f"{root}/api/docs"
    document = api.get("/openapi.json", headers=headers).get_json()
    assert document["servers"] == [{"url": root}]
    page = app.test_client().get("/", headers=headers).get_data(as_text=True)
    path = urlsplit(root).path
    assert f'data-base="{path}/api"' in page


@pytest.mark.parametrize(
    "host",
    ["<script>", "a b", "a/b", "a@b", "a:b", "a:999999", "a,b", "[::1", "a?b", "a#b", "\u00fc"],
)
@pytest.mark.parametrize("path", ["/clients", "/health", "", "/nothing"])
def test_a_host_that_can_be_none_is_refused(make_app, host, path):
    # Addresses in answers were relative then (RFC 9112, section 3.2).
    app = make_app(TRUSTED_PROXIES=1)
    api = Caller(app, issue_key(app))
    for header in ("Host", "X-Forwarded-Host"):
        if "," in host and header != "Host":
            continue  # a list, of which the last counts
        answer = api.get(path, headers={header: host})
        expect_error(answer, 400, "The header Host is not valid.")


def test_without_a_host_the_address_of_the_server_counts(api):
    for environ in ({"HTTP_HOST": ""}, {"HTTP_HOST": "", "wsgi.url_scheme": "foo"}):
        answer = api.get("/", environ_overrides=environ)
        assert answer.headers["Location"] == "http://localhost/api/docs"
