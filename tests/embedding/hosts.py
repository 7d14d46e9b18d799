"""Hosts that tests embed the API in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from conftest import issue_key
from flask.json.provider import DefaultJSONProvider
from flask.testing import FlaskClient

from clients_api import ClientsAPI
from clients_api.embedding.hosted import Embedded

PREFIX = "/crm/api"
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
PAIR = {"client_company_name": "Acme"}


class Shouting(DefaultJSONProvider):
    """A JSON provider whose answers can't be mistaken for ours."""

    def response(self, *args: Any, **kwargs: Any) -> flask.Response:
        response = super().response(*args, **kwargs)
        response.data = response.data.upper()
        return response


def build_host(folder: Path) -> flask.Flask:
    """Make an application with error pages, JSON, hooks and logins of its own."""
    host = flask.Flask("host", instance_path=str(folder), root_path=str(folder))
    host.config.update(SECRET_KEY="the host's", PAGE_SIZE="the host's", DATABASE_URL="the host's")
    host.json = Shouting(host)
    host.torn_down = []

    @host.before_request
    def count() -> Any:
        flask.g.visitor = flask.session.get("user", "nobody")
        return ("Closed.", 418) if flask.request.path.endswith("/closed") else None

    @host.after_request
    def sign(response: flask.Response) -> flask.Response:
        response.headers["X-Host"] = flask.g.get("visitor", "?")
        return response

    @host.teardown_request
    def note(error: BaseException | None) -> None:
        host.torn_down.append(flask.request.path)

    @host.errorhandler(404)
    def missing(error: Exception) -> Any:
        return "<h1>The host has no such page.</h1>", 404

    @host.errorhandler(ZeroDivisionError)
    def broken(error: Exception) -> Any:
        return "<h1>The host is broken.</h1>", 500

    @host.get("/broken")
    def divide() -> str:
        return str(1 / 0)

    @host.get("/json")
    def shout() -> Any:
        return {"visitor": flask.g.visitor}

    @host.post("/login")
    def login() -> str:
        flask.session["user"] = flask.request.form["user"]
        return "Welcome."

    return host


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[..., flask.Flask]]:
    """Make hosts, each with a folder of its own; keywords go to ClientsAPI."""
    made: list[flask.Flask] = []

    def make(*, embed: bool = True, **settings: Any) -> flask.Flask:
        host = build_host(tmp_path / f"host{len(made)}" / "instance")
        made.append(host)
        if embed:
            ClientsAPI(host, **{"url_prefix": PREFIX, **settings})
        return host

    yield make
    for host in made:
        for mount in host.extensions.get("clients-api", {}).values():
            mount.close()


def services(host: flask.Flask) -> dict[str, Embedded]:
    return {prefix: mount.service for prefix, mount in host.extensions["clients-api"].items()}


def with_key(host: flask.Flask, prefix: str = PREFIX) -> FlaskClient:
    """Return a test client that sends an admin key."""
    service = services(host)[prefix]
    service.prepare()
    client = host.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issue_key(service)}"
    return client
