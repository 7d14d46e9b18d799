"""Those who are logged in to the host, and keys beside them."""

from __future__ import annotations

import flask
import pytest
from conftest import expect_error, issue_key
from flask.testing import FlaskClient
from hosts import JANE, PAIR, PREFIX, services, with_key

from clients_api import ClientsAPI


def scope_of_session(request: flask.Request) -> str | None:
    return {"ann": "write", "bob": "read"}.get(flask.session.get("user", ""))


def logged_in(host: flask.Flask, user: str) -> FlaskClient:
    client = host.test_client()
    client.post("/login", data={"user": user})
    return client


def test_the_hosts_login_decides_what_a_call_may_do(make_host):
    host = make_host(authenticate=scope_of_session)
    expect_error(
        host.test_client().get(f"{PREFIX}/clients"),
        401,
        "Unauthorized. Please log in, or send a valid API key.",
    )
    bob, ann = logged_in(host, "bob"), logged_in(host, "ann")
    assert bob.get(f"{PREFIX}/clients").status_code == 200
    expect_error(
        bob.post(f"{PREFIX}/clients", json=JANE), 403, "Your login is not allowed to do that."
    )
    assert ann.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    expect_error(ann.get(f"{PREFIX}/keys"), 403)


def test_users_whom_the_host_names_do_not_share_limits_and_repeats(make_host):
    # They were one caller for each scope: one's calls used up the other's, and a key that two
    # of them had chosen replayed the one's answer to the other.
    def authenticate(request: flask.Request) -> tuple[str, str] | None:
        user = flask.session.get("user")
        return user and ("write", user)

    host = make_host(authenticate=authenticate, ratelimit_default="20 per hour")
    expect_error(host.test_client().get(f"{PREFIX}/clients"), 401)
    ann, bob = logged_in(host, "ann"), logged_in(host, "bob")
    headers = {"Idempotency-Key": "once"}
    first = ann.post(f"{PREFIX}/clients", json=JANE, headers=headers)
    again = ann.post(f"{PREFIX}/clients", json=JANE, headers=headers)
    other = bob.post(
        f"{PREFIX}/clients", json={**JANE, "email": "joe@acme.example"}, headers=headers
    )
    assert [answer.status_code for answer in (first, again, other)] == [201, 201, 201]
    assert again.get_json() == first.get_json() != other.get_json()
    left = [answer.headers["RateLimit-Remaining"] for answer in (first, again, other)]
    assert left == ["19", "18", "19"]


def test_users_without_a_name_share_what_their_scope_has(make_host):
    host = make_host(authenticate=scope_of_session, ratelimit_default="20 per hour")
    for user, left in (("ann", "19"), ("bob", "19"), ("ann", "18")):
        answer = logged_in(host, user).get(f"{PREFIX}/clients")
        assert answer.headers["RateLimit-Remaining"] == left


def test_authenticate_runs_in_the_hosts_request_and_leaves_the_body_alone(make_host):
    seen = []

    def authenticate(request: flask.Request) -> str:
        seen.append((flask.current_app._get_current_object(), request.path, request.form.to_dict()))
        assert request is flask.request
        return "admin"

    host = make_host(authenticate=authenticate)
    response = host.test_client().post(f"{PREFIX}/clients", data=JANE)
    assert response.get_json()["data"]["owner"]["name"] == "Jane Doe"
    assert seen == [(host, f"{PREFIX}/clients", {})]
    assert host.torn_down == [f"{PREFIX}/clients"]


def test_a_scope_that_is_none_is_our_error_not_an_open_door(make_host, caplog):
    host = make_host(authenticate=lambda request: "root")
    expect_error(host.test_client().get(f"{PREFIX}/clients"), 500)
    assert "authenticate= returned 'root'" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_can_not_use_the_hosts_login(make_host, method):
    # A form on any page, sent by a browser whose user is logged in, used to make a client.
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    response = ann.open(
        f"{PREFIX}/clients", method=method, data=JANE, headers={"Sec-Fetch-Site": "cross-site"}
    )
    sentence = "This call came from a page of another origin, and was not carried out."
    expect_error(response, 403, sentence)
    assert ann.get(f"{PREFIX}/clients").get_json()["data"] == []


FORGED = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://evil.example@localhost"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://["},
    {"Origin": "localhost."},
    {"Origin": "null", "Host": ""},
    {"Origin": "http://app.localhost", "Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Sec-Fetch-Site": "x"},
]


@pytest.mark.parametrize("headers", FORGED)
def test_a_page_of_another_origin_changes_nothing_however_it_is_told(make_host, headers):
    # Only `cross-site` was refused: not what older browsers and pages of sister hosts send.
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    for method in ("POST", "DELETE", "PATCH"):
        path = f"{PREFIX}/clients" if method == "POST" else f"{PREFIX}/clients/1"
        response = ann.open(path, method=method, data=JANE, headers=headers)
        assert response.status_code == 403, method
    form = {**PAIR, "_method": "PATCH"}
    assert ann.post(f"{PREFIX}/clients/1", data=form, headers=headers).status_code == 403
    override = {**headers, "X-HTTP-Method-Override": "DELETE"}
    assert ann.post(f"{PREFIX}/clients/1", headers=override).status_code == 403
    assert ann.get(f"{PREFIX}/clients", headers=headers).get_json()["data"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},  # behind a proxy with TLS that does not say so
        {"Origin": "http://crm.example:8000", "Host": "crm.example:8000"},
        {"Origin": "https://crm.example", "Host": "crm.example:80"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": ""},
        {},
    ],
)
def test_the_hosts_own_pages_are_known_by_their_origin_too(make_host, headers):
    client = make_host(authenticate=lambda request: "admin").test_client()
    response = client.post(f"{PREFIX}/clients", data=JANE, headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_the_hosts_own_pages_and_programs_may_change_what_they_like(make_host, site):
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    response = ann.post(f"{PREFIX}/clients", data=JANE, headers={"Sec-Fetch-Site": site})
    assert response.status_code == 201


def test_a_page_of_another_site_may_lead_a_browser_to_the_api(make_host):
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    response = ann.get(f"{PREFIX}/clients", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("origins", "status"), [("https://app.example", 201), ("https://b.example", 403), ("*", 403)]
)
def test_an_origin_that_is_let_in_by_name_may_change_things(make_host, origins, status):
    # Not with a star: it lets in everybody, but nobody's cookies.
    ann = logged_in(make_host(authenticate=scope_of_session, cors_origins=origins), "ann")
    headers = {"Origin": "https://app.example"}
    assert ann.post(f"{PREFIX}/clients", data=JANE, headers=headers).status_code == status
    headers["Sec-Fetch-Site"] = "cross-site"
    again = ann.patch(f"{PREFIX}/clients/1", data=PAIR, headers=headers).status_code
    assert again == (200 if status == 201 else status)


def test_with_keys_it_does_not_matter_whose_page_calls(make_host):
    # A browser sends no key by itself: a page that sends one has it.
    client = with_key(make_host())
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{PREFIX}/clients", data=JANE, headers=headers).status_code == 201


# Keys beside logins


def with_bearer(host: flask.Flask, user: str | None, key: str) -> FlaskClient:
    client = logged_in(host, user) if user else host.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def test_a_key_works_beside_the_hosts_logins(make_host):
    # With authenticate= no key was taken, so that no integration could call.
    host = make_host(authenticate=scope_of_session)
    key = with_key(host).environ_base["HTTP_AUTHORIZATION"].split()[1]
    zapier = with_bearer(host, None, key)
    assert zapier.get(f"{PREFIX}/keys").status_code == 200
    assert zapier.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert logged_in(host, "bob").get(f"{PREFIX}/clients").get_json()["meta"]["total"] == 1
    expect_error(host.test_client().get(f"{PREFIX}/clients"), 401)


def test_a_key_wins_over_the_login_that_a_browser_sends_along(make_host):
    host = make_host(authenticate=scope_of_session)
    admin = with_key(host)
    read = admin.post(f"{PREFIX}/keys", json={"name": "reader", "scope": "read"})
    reader = with_bearer(host, "ann", read.get_json()["data"]["key"])
    sentence = "This API key is not allowed to do that."
    expect_error(reader.post(f"{PREFIX}/clients", json=JANE), 403, sentence)
    key = admin.environ_base["HTTP_AUTHORIZATION"].split()[1]
    assert with_bearer(host, "bob", key).get(f"{PREFIX}/keys").status_code == 200


def test_a_page_of_another_origin_that_has_a_key_may_use_it(make_host):
    host = make_host(authenticate=scope_of_session)
    client = with_key(host)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert client.post(f"{PREFIX}/clients", json=JANE, headers=headers).status_code == 201
    wrong = with_bearer(host, "ann", "ck_wrong")
    assert wrong.post(f"{PREFIX}/clients", json=JANE, headers=headers).status_code == 403


def test_a_token_of_the_hosts_own_is_the_hosts_to_judge(make_host):
    def authenticate(request: flask.Request) -> tuple[str, str] | None:
        is_known = request.headers.get("Authorization") == "Bearer jwt-of-jane"
        return ("write", "jane") if is_known else None

    host = make_host(authenticate=authenticate)
    assert with_bearer(host, None, "jwt-of-jane").get(f"{PREFIX}/clients").status_code == 200
    expect_error(with_bearer(host, None, "jwt-of-joe").get(f"{PREFIX}/clients"), 401)


def test_a_revoked_key_is_nobodys(make_host):
    host = make_host(authenticate=scope_of_session)
    admin = with_key(host)
    made = admin.post(f"{PREFIX}/keys", json={"name": "x"}).get_json()["data"]
    assert admin.delete(f"{PREFIX}/keys/{made['id']}").status_code == 200
    expect_error(with_bearer(host, None, made["key"]).get(f"{PREFIX}/clients"), 401)


def test_a_host_may_take_no_keys_at_all(make_host):
    host = make_host(authenticate=lambda request: flask.session.get("user") and "admin", keys=False)
    services(host)[PREFIX].prepare()
    key = issue_key(services(host)[PREFIX])
    refused = with_bearer(host, None, key).get(f"{PREFIX}/clients")
    expect_error(refused, 401, "Unauthorized. Please log in.")
    ann = logged_in(host, "ann")
    assert ann.get(f"{PREFIX}/clients").status_code == 200
    expect_error(ann.get(f"{PREFIX}/keys"), 404, "Not found.")
    paths = ann.get(f"{PREFIX}/openapi.json").get_json()["paths"]
    assert not [path for path in paths if path.startswith(f"{PREFIX}/keys")]
    result = host.test_cli_runner().invoke(args=["clients-api", "keys", "create", "x"])
    assert result.exit_code == 1
    assert result.stderr == "Error: This API takes no keys (keys=False).\n"


def test_without_keys_and_logins_nobody_could_come_in():
    with pytest.raises(TypeError, match="keys=False and no authenticate="):
        ClientsAPI(keys=False)
