"""The application with the clients API in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest
from flask.testing import FlaskClient

sys.path.insert(0, str(Path(__file__).parents[1]))

from app import create_app, crm

JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[flask.Flask]:
    """An application on databases of its own, with two users."""
    app = create_app(INSTANCE_PATH=tmp_path, TESTING=True)
    for name, scope in (("ann", "write"), ("bob", "read")):
        words = ["add-user", name, "--scope", scope, "--password", f"{name}'s"]
        assert app.test_cli_runner().invoke(args=words).exit_code == 0
    yield app
    crm.close()


def logged_in(app: flask.Flask, name: str) -> FlaskClient:
    """Return a browser in which a user is logged in."""
    client = app.test_client()
    answer = client.post("/login", data={"name": name, "password": f"{name}'s"})
    assert answer.location == "/"
    return client


def test_who_is_not_logged_in_sees_nothing(app: flask.Flask) -> None:
    client = app.test_client()
    assert client.get("/").location.startswith("/login")
    answer = client.get("/crm/api/clients")
    assert answer.status_code == 401
    assert answer.get_json()["message"] == "Unauthorized. Please log in, or send a valid API key."
    answer = client.post("/login", data={"name": "ann", "password": "bob's"})
    assert "the password is another one" in answer.text


def test_what_the_form_makes_the_page_and_the_api_show(app: flask.Flask) -> None:
    ann = logged_in(app, "ann")
    assert ann.post("/", data=JANE).location == "/"
    page = ann.get("/").text
    assert "<li>Jane Doe, Jane Doe" in page
    assert 'href="/crm/api/clients"' in page
    (client,) = ann.get("/crm/api/clients").get_json()["data"]
    assert client["tags"] == ["from the form"]
    (event,) = ann.get("/crm/api/events?type=client.created").get_json()["data"]
    assert event["actor"] == {"type": "host", "id": None, "name": "ann"}


def test_what_is_wrong_is_said_in_the_apis_words(app: flask.Flask) -> None:
    answer = logged_in(app, "ann").post("/", data={**JANE, "email": "jane"})
    assert answer.status_code == 422
    assert "The email must be a valid email address." in answer.text


def test_who_may_read_may_not_write(app: flask.Flask) -> None:
    bob = logged_in(app, "bob")
    assert bob.get("/crm/api/clients").status_code == 200
    assert bob.post("/", data=JANE).status_code == 403
    answer = bob.post("/crm/api/clients", json=JANE)
    assert answer.status_code == 403
    assert answer.get_json()["message"] == "Your login is not allowed to do that."


def test_an_integration_calls_with_a_key(app: flask.Flask) -> None:
    key = app.test_cli_runner().invoke(args=["clients-api", "keys", "create", "Zapier"])
    headers = {"Authorization": f"Bearer {key.stdout.strip()}"}
    answer = app.test_client().post("/crm/api/clients", json=JANE, headers=headers)
    assert answer.status_code == 201
    with crm.session(readonly=True) as clients:
        assert [client["company_name"] for client in clients.list()] == ["Jane Doe"]
