"""Keys, as the contract's section 8 describes them."""

import contextlib
import hashlib
import sqlite3

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api.models import ApiKey
from clients_api.models.base import now
from clients_api.models.engines.current import using
from clients_api.web import auth

OBJECT = ["id", "name", "prefix", "scope", "expires", "last_used", "dates"]
MISSING = "The key could not be found."
PAST = "2000-01-01T00:00:00.000000Z"


def get(api, path):
    return api.get(path).get_json()["data"]


def make_key(api, **body):
    response = api.post("/keys", {"name": "k", **body})
    assert response.status_code == 201, response.get_json()
    return response.get_json()["data"]


def test_a_key_is_shown_once(app, api):
    response = api.post("/keys", {"name": "billing script", "scope": "write"})
    assert response.status_code == 201
    assert response.get_json()["message"] == "Key created successfully."
    key = response.get_json()["data"]
    assert list(key) == [*OBJECT, "key"]
    assert (key["name"], key["scope"], key["expires"]) == ("billing script", "write", None)
    assert key["last_used"] is None
    assert key["dates"]["created"] == key["dates"]["updated"]
    secret = key.pop("key")
    assert secret.startswith(key["prefix"])
    assert len(secret) >= 43 > len(key["prefix"])
    body = api.get("/keys").get_json()
    assert body["message"] == "Keys retrieved successfully."
    assert key in body["data"]
    assert [list(shown) for shown in body["data"]] == [OBJECT, OBJECT]
    assert secret not in api.get("/keys").get_data(as_text=True)
    assert Caller(app, secret).get("/clients").status_code == 200


@pytest.mark.file("every byte of it is read")
def test_only_a_hash_of_a_key_is_stored(app, api):
    secret = make_key(api)["key"]
    dump = "\n".join(app.database.connection().iterdump())
    assert secret not in dump
    assert hashlib.sha256(secret.encode()).hexdigest() in dump


def test_two_keys_are_never_the_same(api):
    keys = [make_key(api) for _ in range(5)]
    assert len({key["key"] for key in keys}) == len({key["prefix"] for key in keys}) == 5


@pytest.mark.parametrize("more", [{}, {"scope": None}, {"scope": ""}])
def test_a_key_made_without_a_scope_is_admin(api, more):
    assert make_key(api, **more)["scope"] == "admin"


def test_what_a_key_can_be_made_with(api):
    errors = {
        "name": ["The name field is required."],
        "scope": ["The selected scope is invalid."],
        "expires": ["The expires must be a valid date."],
    }
    body = {"name": " ", "scope": "root", "expires": "tomorrow"}
    assert expect_error(api.post("/keys", body), 422)["errors"] == errors
    sentence = "The name may not be greater than 100 characters."
    expect_error(api.post("/keys", {"name": "x" * 101}), 422, name=sentence)
    assert make_key(api, name="x" * 100)["name"] == "x" * 100


@pytest.mark.parametrize(
    ("expires", "shown"),
    [
        ("2999-01-31", "2999-01-31T00:00:00.000000Z"),
        ("2999-01-31T10:00:00+02:00", "2999-01-31T08:00:00.000000Z"),
        ("2999-01-31T10:00:00.5Z", "2999-01-31T10:00:00.500000Z"),
        (None, None),
        ("", None),
    ],
)
def test_a_key_may_expire(api, expires, shown):
    assert make_key(api, expires=expires)["expires"] == shown


@pytest.mark.parametrize("expires", ["2020-01-01", PAST])
def test_a_key_that_is_over_before_it_begins_is_refused(api, expires):
    response = api.post("/keys", {"name": "k", "expires": expires})
    expect_error(response, 422, expires="The expires must be a date after now.")
    assert len(get(api, "/keys")) == 1


def test_an_expired_key_is_worth_nothing_but_listed(app, api):
    secret = issue_key(app, expires=now())
    expect_error(Caller(app, secret).get("/clients"), 401)
    assert [key["prefix"] in secret for key in get(api, "/keys")] == [False, True]


def test_a_revoked_key_is_worth_nothing_and_gone(app, api):
    key = make_key(api)
    response = api.delete(f"/keys/{key['id']}")
    assert response.status_code == 200
    assert response.get_json() == {
        "data": {"id": key["id"]},
        "message": "Key revoked successfully.",
    }
    expect_error(
        Caller(app, key["key"]).get("/clients"), 401, "Unauthorized. A valid API key is required."
    )
    assert key["id"] not in [shown["id"] for shown in get(api, "/keys")]
    expect_error(api.delete(f"/keys/{key['id']}"), 404, MISSING)


def test_what_is_no_key_is_404(api):
    for id in ("99", "0", "x", "9223372036854775808"):
        expect_error(api.delete(f"/keys/{id}"), 404, MISSING)


def test_the_last_live_admin_key_stays(app, api):
    (own,) = get(api, "/keys")
    issue_key(app, scope="write")
    issue_key(app, scope="read")
    expired = issue_key(app, expires=PAST)
    revoked = make_key(api)
    api.delete(f"/keys/{revoked['id']}")
    body = expect_error(api.delete(f"/keys/{own['id']}"), 409)
    assert "last admin key" in body["message"]
    assert "Create another" in body["message"]
    assert expired.startswith(get(api, "/keys")[3]["prefix"])
    other = make_key(api, expires="2999-01-01")
    assert api.delete(f"/keys/{own['id']}").status_code == 200
    expect_error(api.get("/clients"), 401)
    last = Caller(app, other["key"])
    expect_error(last.delete(f"/keys/{other['id']}"), 409)


def test_keys_that_are_no_live_admins_can_always_be_revoked(app, api):
    for options in ({"scope": "write"}, {"scope": "read"}, {"expires": PAST}):
        issue_key(app, **options)
        key = get(api, "/keys")[-1]
        assert api.delete(f"/keys/{key['id']}").status_code == 200


def test_an_expired_admin_key_is_not_the_last_live_one(app):
    # Where a host does the logins there may be no other key; it was a 409 then.
    with using(app.database), app.database.atomic():
        key = ApiKey.issue(name="old", expires=PAST)
        ApiKey.revoke(key["id"])
        assert ApiKey.live() == []


def test_the_last_use_is_noted_at_most_once_a_minute(app, monkeypatch):
    caller = Caller(app, issue_key(app))
    (first,) = get(caller, "/keys")
    used = get(caller, "/keys")[0]["last_used"]
    assert used is not None
    assert (first["last_used"] or used) == used
    for _ in range(3):
        assert get(caller, "/keys")[0]["last_used"] == used
    # A minute later, by the clock of the process and by that of the calendar.
    seconds = auth.time.monotonic() + 61
    monkeypatch.setattr(auth.time, "monotonic", lambda: seconds)
    app.database.execute_sql(f"UPDATE api_key SET last_used = '{PAST}'")
    get(caller, "/keys")
    assert get(caller, "/keys")[0]["last_used"] > used


def test_a_use_that_another_process_noted_is_not_noted_again(app):
    caller = Caller(app, issue_key(app))
    moment = now()
    app.database.execute_sql(f"UPDATE api_key SET last_used = '{moment}'")
    get(caller, "/clients")
    assert get(caller, "/keys")[0]["last_used"] == moment


@pytest.mark.file("another program locks it")
def test_a_use_while_another_writes_is_no_cause_for_a_warning(app, caplog):
    """It used to be one, and met first requests that came just as the server looked for mail."""
    caller = Caller(app, issue_key(app))
    with contextlib.closing(sqlite3.connect(app.database.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level("DEBUG", "clients_api"):
            assert caller.get("/clients").status_code == 200
        other.rollback()
    levels = {record.levelname for record in caplog.records if "was not noted" in record.message}
    assert levels == {"DEBUG"}


def test_keys_are_for_admins(app, api):
    key = make_key(api)
    sentence = "This API key is not allowed to do that."
    for scope in ("read", "write"):
        caller = Caller(app, issue_key(app, scope=scope))
        expect_error(caller.get("/keys"), 403, sentence)
        expect_error(caller.post("/keys", {"name": "k"}), 403, sentence)
        expect_error(caller.delete(f"/keys/{key['id']}"), 403, sentence)


def test_the_list_is_sorted(app):
    caller = Caller(app, issue_key(app, name="b"))
    make_key(caller, name="a")
    for query, names in {
        "": ["b", "a"],
        "sort=created&order=desc": ["a", "b"],
        "sort=name": ["a", "b"],
        "sort=name&order=desc": ["b", "a"],
    }.items():
        assert [key["name"] for key in get(caller, f"/keys?{query}")] == names
    expect_error(caller.get("/keys?sort=scope"), 422, sort="The selected sort is invalid.")
