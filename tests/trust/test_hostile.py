"""Whatever is sent to a route, the answer is a documented one, soon, and a refusal changed nothing.

FUZZ_EXAMPLES says how many requests each route gets, and FUZZ_SEED which: with 470 they are some
20,000.
"""

from __future__ import annotations

import itertools
import os
import re
import sqlite3
import time
from contextlib import closing
from typing import Any

import jsonschema
import pytest
from conftest import Caller, expect_error
from hostile import CUSTOM, requests
from hypothesis import HealthCheck, given, seed, settings
from werkzeug.test import TestResponse

from clients_api.blueprints import BLUEPRINTS
from clients_api.openapi import JSON
from clients_api.openapi import document as openapi
from clients_api.web.operation import Operation

pytestmark = pytest.mark.file("is compared as a whole with what it was")

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECONDS_MAX = 2
PERSON = {"first_name": "Jane", "last_name": "Doe"}
OPERATIONS = [
    operation
    for operation in itertools.chain.from_iterable(blp.operations for blp in BLUEPRINTS)
    if operation.writes or operation.query.load_fields
]


class World:
    """A service with a few records of each kind, one of whose ids is known, and its database.

    It is the same again for each request, so that Hypothesis can repeat one.
    """

    def __init__(self, api: Caller) -> None:
        self.api = api
        self.ids: dict[str, int] = {}
        for kind, name in CUSTOM.items():
            body = {"title": kind, "name": name, "type": kind, "options": ["a", "b"]}
            self._make("custom-fields", body)
        self._make("categories", {"category_name": "Retail", "category_type": "client"})
        self._make("clients", {**PERSON, "email": "jane@taken.example", "tags": ["a", "b"]})
        self._make("contacts", {**PERSON, "email": "kim@taken.example", "clientid": 1})
        self._make("team", {**PERSON, "email": "sam@taken.example", "role_id": 3})
        self._make("clients", {**PERSON, "email": "joe@taken.example", "tags": ["c"]})
        self._make("keys", {"name": "other"})
        self.ids["tags"] = 1
        self._path = api.app.database.database
        # The last use of a key would be noted meanwhile.
        with closing(sqlite3.connect(self._path)) as database, database:
            database.execute("UPDATE api_key SET last_used = '9999-01-01T00:00:00.000000Z'")
        self._first = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self._path)) as database:
            database.backup(self._first)
        self.untouched = self.dump()
        self.document = openapi.with_custom_fields(api.app.api, ())

    def _make(self, kind: str, body: dict[str, Any]) -> None:
        answer = self.api.post(f"/{kind}", body)
        assert answer.status_code == 201, answer.get_json()
        self.ids.setdefault(kind, answer.get_json()["data"]["id"])

    def documented(self, operation: Operation, status: int) -> dict[str, Any]:
        """Return what the document says of an answer. Raises KeyError where it says nothing."""
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/api{operation.path}")
        answer = self.document["paths"][path][operation.method.lower()]["responses"][str(status)]
        component = answer.get("$ref", "").rpartition("/")[2]
        return self.document["components"]["responses"][component] if component else answer

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self._path)) as database:
            return list(database.iterdump())

    def restore(self) -> None:
        with closing(sqlite3.connect(self._path)) as database:
            self._first.backup(database)

    def close(self) -> None:
        self._first.close()


@pytest.fixture(scope="module")
def world(shared_api):
    world = World(shared_api)
    yield world
    world.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_no_request_does_harm(world, operation):
    id = str(world.ids.get(operation.path.split("/")[1]))

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,  # time is taken below, of this process alone
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(operation))
    def try_it(request):
        path = request.pop("path").replace("{id}", id)
        began = time.process_time()
        response = world.api.call(operation.method, path, **request)
        response.get_data()
        assert time.process_time() - began < SECONDS_MAX
        check(world, operation, response)

    try_it()


def check(world: World, operation: Operation, response: TestResponse) -> None:
    """Check an answer against what is documented of the operation; leave the world as it was."""
    if operation.writes and response.status_code < 400:
        world.restore()
    else:
        assert world.dump() == world.untouched
    if response.status_code >= 400:
        expect_error(response, response.status_code)
    content = world.documented(operation, response.status_code).get("content", {})
    if JSON in content:
        schema = {**content[JSON]["schema"], "components": world.document["components"]}
        jsonschema.Draft202012Validator(schema).validate(response.get_json())
