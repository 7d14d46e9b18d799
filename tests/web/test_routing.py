"""The paths of the service, as Flask's own functions see them."""

from __future__ import annotations

import flask
import pytest
from conftest import expect_error

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
    response = anonymous.get(path)
    assert (response.status_code, response.headers["Location"]) == (302, "/api/docs")
    assert response.get_json() == {"message": "The documentation is at /api/docs."}
    assert anonymous.call("HEAD", path).status_code == 302
    assert app.test_client().get(f"/api{path}", follow_redirects=True).mimetype == "text/html"
    expect_error(anonymous.post(path), 401)
    expect_error(anonymous.get("/nowhere"), 401)
