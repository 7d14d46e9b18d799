"""Keys: who gets in, what a scope allows, and where a key must never be found."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.models.base import now

UNAUTHORIZED = "Unauthorized. A valid API key is required."
FORBIDDEN = "This API key is not allowed to do that."
CLIENT = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}


def expect_unauthorized(response):
    expect_error(response, 401, UNAUTHORIZED)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_call_without_a_key_is_401(anonymous):
    expect_unauthorized(anonymous.get("/clients"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer unknown",
        "Bearer ck_" + "x" * 43,
        "Basic {key}",
        "Token {key}",
        "{key}",
        "Bearer{key}",
        "Bearer {key}x",
        "Bearer x{key}",
        "Bearer {key} {key}",
        "Bearer {key}, Bearer {key}",
        "Bearer schl\u00fcssel",
        "Bearer " + "x" * 10_000,
        "Bearer \t",
        "Bearer %00",
        "Bearer ' OR 1=1 --",
    ],
)
def test_a_malformed_or_unknown_key_is_401(app, anonymous, header):
    value = header.replace("{key}", issue_key(app))
    expect_unauthorized(anonymous.get("/clients", headers={"Authorization": value}))


def test_the_key_works_in_no_other_place(app, anonymous):
    key = issue_key(app)
    expect_unauthorized(anonymous.get(f"/clients?api_key={key}&access_token={key}"))
    expect_unauthorized(anonymous.get("/clients", headers={"X-API-Key": key}))
    basic = base64.b64encode(f"{key}:".encode()).decode()
    expect_unauthorized(anonymous.get("/clients", headers={"Authorization": f"Basic {basic}"}))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_whatever_its_case(app, anonymous, scheme):
    headers = {"Authorization": f"{scheme} {issue_key(app)}"}
    assert anonymous.get("/clients", headers=headers).status_code == 200


def test_the_start_of_a_key_is_not_enough(app, anonymous):
    key = issue_key(app)
    for length in (11, 20, len(key) - 1):
        headers = {"Authorization": f"Bearer {key[:length]}"}
        expect_unauthorized(anonymous.get("/clients", headers=headers))


def test_keys_are_compared_as_hashes_in_constant_time_whoever_asks(app, api, monkeypatch):
    # A key whose start nobody has took less work, by which one could tell which starts there are.
    revoked = api.post("/keys", {"name": "revoked"}).get_json()["data"]
    api.delete(f"/keys/{revoked['id']}")
    expired = issue_key(app, expires="2020-01-01T00:00:00.000000Z")
    compared = []

    def spy(*hashes):
        compared.append(hashes)
        return compare(*hashes)

    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", spy)
    for key in ("ck_" + "x" * 43, api.key[:-1] + "~", revoked["key"], expired, "x", api.key):
        Caller(app, key).get("/clients")
        ((stored, given),) = compared
        assert given == hashlib.sha256(key.encode()).hexdigest()
        assert len(stored) == len(given)
        compared.clear()


def test_a_revoked_key_is_401(app, api):
    key = api.post("/keys", {"name": "short-lived"}).get_json()["data"]
    caller = Caller(app, key["key"])
    assert caller.get("/clients").status_code == 200
    assert api.delete(f"/keys/{key['id']}").status_code == 200
    expect_unauthorized(caller.get("/clients"))


def test_an_expired_key_is_401(app):
    assert Caller(app, issue_key(app, expires="2999-01-01T00:00:00.000000Z")).get("/clients")
    for moment in ("2020-01-01T00:00:00.000000Z", now()):
        expect_unauthorized(Caller(app, issue_key(app, expires=moment)).get("/clients"))


def test_nobody_without_a_key_learns_which_paths_there_are(anonymous):
    for method, path in (
        ("GET", "/nothing"),
        ("PATCH", "/clients"),
        ("OPTIONS", "/clients"),
        ("GET", "/clients/1"),
        ("GET", "/clients?page=x"),
        ("FOO", "/clients"),
    ):
        response = anonymous.call(method, path)
        expect_unauthorized(response)
        assert "Allow" not in response.headers


def test_a_body_is_not_looked_at_before_the_key(anonymous):
    expect_unauthorized(anonymous.call("POST", "/clients", data=b"{", content_type="text/plain"))
    expect_unauthorized(anonymous.call("POST", "/clients", data=b"x" * 2_000_000))


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/health", "/ready"])
def test_what_the_service_says_of_itself_needs_no_key(anonymous, path):
    assert anonymous.get(path).status_code == 200
    bad = {"Authorization": "Bearer unknown"}
    assert anonymous.get(path, headers=bad).status_code == 200


def test_a_read_key_reads_everything_but_keys(app):
    reader = Caller(app, issue_key(app, scope="read"))
    for path in ("clients", "contacts", "categories", "team", "tags", "custom-fields"):
        assert reader.get(f"/{path}").status_code == 200
        assert reader.call("HEAD", f"/{path}").status_code == 200
    expect_error(reader.get("/keys"), 403, FORBIDDEN)
    assert reader.call("HEAD", "/keys").status_code == 403
    expect_error(reader.post("/clients", CLIENT), 403, FORBIDDEN)


def test_a_write_key_changes_data_but_neither_custom_fields_nor_keys(app):
    writer = Caller(app, issue_key(app, scope="write"))
    assert writer.post("/clients", CLIENT).status_code == 201
    assert writer.get("/custom-fields").status_code == 200
    expect_error(writer.post("/custom-fields", {"title": "A", "type": "text"}), 403, FORBIDDEN)
    expect_error(writer.get("/keys"), 403, FORBIDDEN)
    expect_error(writer.post("/keys", {"name": "mine"}), 403, FORBIDDEN)


def test_keys_made_without_a_scope_are_admin(app, api):
    made = api.post("/keys", {"name": "no scope"}).get_json()["data"]
    assert made["scope"] == "admin"
    assert Caller(app, made["key"]).get("/keys").status_code == 200
    assert Caller(app, issue_key(app)).get("/keys").status_code == 200


def test_a_key_too_small_changes_nothing_and_learns_nothing(app, make_client):
    client = make_client()
    reader = Caller(app, issue_key(app, scope="read"))
    path = f"/clients/{client['id']}"
    for response in (
        reader.delete(path),
        reader.delete("/clients/999"),
        reader.patch(path, {"client_company_name": ""}),
        reader.call("POST", "/clients", data=b"{", content_type="application/json"),
    ):
        expect_error(response, 403, FORBIDDEN)
    assert reader.get(path).get_json()["data"] == client


@pytest.mark.file("every byte of it is read")
def test_only_a_hash_of_a_key_is_stored(app, api):
    secrets = [api.key, api.post("/keys", {"name": "another"}).get_json()["data"]["key"]]
    assert Caller(app, secrets[1]).get("/clients").status_code == 200
    app.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    app.database.close_all()
    files = [path for path in Path(app.instance_path).rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert not any(secret.encode() in data for secret in secrets), path


def test_a_key_shows_its_prefix_and_never_itself_again(api):
    made = api.post("/keys", {"name": "once"}).get_json()["data"]
    assert made["key"].startswith(made["prefix"])
    assert len(made["key"]) - len(made["prefix"]) >= 32
    text = api.get("/keys").get_data(as_text=True)
    assert made["prefix"] in text
    assert made["key"] not in text
    assert api.key not in text


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(app, api):
    def last_used():
        (key,) = api.get("/keys").get_json()["data"]
        return key["last_used"]

    first = last_used()
    assert first is not None
    for _ in range(3):
        assert last_used() == first
    app.database.execute_sql("UPDATE api_key SET last_used = '2020-01-01T00:00:00.000000Z'")
    Caller(app, api.key).get("/clients")
    assert last_used() == "2020-01-01T00:00:00.000000Z"  # this process has noted it a moment ago
