"""The paths of the service, as Flask's own functions see them."""

from __future__ import annotations

import flask
import pytest

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
