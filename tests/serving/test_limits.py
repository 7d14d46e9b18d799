"""How long a request line and a header may be, as the server takes them."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import closing

import pytest
from conftest import Server


@pytest.mark.only("gunicorn", "granian has one limit of all of a head")
@pytest.mark.parametrize(
    ("query", "header", "status"),
    [(16_000, 0, 200), (16_400, 0, 414), (0, 16_000, 200), (0, 16_400, 431), (2_000_000, 0, 414)],
)
def test_a_line_and_a_header_may_have_16384_bytes(
    start_server: Callable[..., Server], query: int, header: int, status: int
) -> None:
    server = start_server()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", "/api/health?" + "x" * query, headers={"X-Long": "y" * header})
        assert connection.getresponse().status == status
