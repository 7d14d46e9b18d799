"""What a request costs the database: few statements, and totals that nobody has to count."""

from __future__ import annotations

import itertools
import random
import threading

import pytest
from conftest import Caller, issue_key

from clients_api.models import Client
from clients_api.models.engines.current import using
from clients_api.upkeep import checking


@pytest.fixture
def statements(api, make_client):
    """Return how many statements SQLite is given for a request."""
    for _ in range(3):
        make_client(client_company_name="Acme", tags=["a", "b"])
    api.get("/clients")  # the first request notes the key's use

    def count(method, path, body=None):
        asked = []
        connection = api.app.database.connection()
        connection.set_trace_callback(asked.append)
        answer = api.call(method, path, **({"json": body} if body else {}))
        connection.set_trace_callback(None)
        assert answer.status_code in (200, 201)
        # What a search index asks is marked, and triggers tell of their statement again.
        own = [text for text in asked if not text.startswith("--")]
        return len(list(itertools.groupby(own)))

    return count


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/clients/1", 2),  # the key, the client
        ("/clients", 3),  # and the total
        ("/clients?status=active&limit=100&sort=client_company_name", 3),
        ("/clients?search=acm", 3),
        ("/clients?search=acm&limit=1", 3),
        ("/clients?search=a&limit=1", 3),
        ("/clients?search=acme+and+others&limit=1", 3),
        ("/clients?tag[]=a&category_id=2", 3),
        ("/clients?cursor=", 2),
        ("/contacts", 3),
        ("/categories", 3),
        ("/tags", 3),
    ],
)
def test_reading_takes_three_statements_at_most(statements, path, most):
    assert statements("GET", path) <= most


def test_writing_takes_few_statements(statements):
    # The key, BEGIN between two that say how to wait, what it was, the change, the answer, its
    # event, the texts, COMMIT.
    assert statements("PUT", "/clients/1/status", {"status": "suspended"}) <= 10
    body = {"first_name": "J", "last_name": "D", "email": "j@acme.example", "tags": ["a", "c"]}
    assert statements("POST", "/clients", body) <= 17


def test_totals_are_exact_whatever_is_written_at_once(app):
    """Create, change, delete, import and fail in several threads, and count afterwards."""
    key = issue_key(app, scope="admin")
    errors = []

    def write(seed):
        draw = random.Random(seed)
        caller = Caller(app, key)
        try:
            for number in range(25):
                body = {"first_name": "J", "last_name": "D", "email": f"j{seed}.{number}@a.example"}
                client = caller.post("/clients", body).get_json()["data"]["id"]
                assert caller.post("/clients", body).status_code == 422
                status = draw.choice(["active", "suspended"])
                caller.put(f"/clients/{client}/status", {"status": status})
                if draw.random() < 0.3:
                    assert caller.delete(f"/clients/{client}").status_code == 200
                if draw.random() < 0.3:
                    # The second line is wrong, so the first must not count either.
                    lines = '{"company_name": "A"}\n{"company_name": ""}\n'
                    caller.call(
                        "POST", "/clients/import?format=ndjson", data=lines,
                        content_type="application/x-ndjson",
                    )  # fmt: skip
        except Exception as error:  # a thread's error would be printed, and forgotten
            errors.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with using(app.database):
        assert checking._total_faults(app.database) == []
        for status in ("active", "suspended"):
            counted = Client.select().where(Client.status == status).count()
            assert 0 < counted == Client.matching(status=status).total()
        assert Client.matching().total() == Client.select().count()
