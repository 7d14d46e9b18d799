"""What the document says of parameters is what the service takes, and its examples are true."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import jsonschema
import pytest
from spelling import as_documented

from clients_api import create_app
from clients_api.blueprints import BLUEPRINTS
from clients_api.models.custom_field import TYPES, Definition
from clients_api.openapi import JSON
from clients_api.openapi import document as openapi
from clients_api.schemas.base import cleaned
from clients_api.schemas.client import ClientTagsChangeSchema
from clients_api.schemas.custom_field import read_values
from clients_api.web.operation import Operation

VALUES = (
    *(None, True, 0, 1, 3, -1, 7.0, 1.5, 32_767, 32_768, 2**63 - 1, 2**63),
    *("0", "1", "3", "-1", "1.5", "9999", "10000", "32767", "32768", "9" * 18, "9" * 20),
    *("", "  ", "\x1f", "\x85", "\0", "a\0b", "a", "A", "é", "a b"),
    *("a" * length for length in (50, 51, 64, 65, 100, 101, 150, 151, 190, 191, 200, 201)),
    *("a" * length for length in (250, 251, 65_535, 65_536)),
    *("yes", "no", "client", "active", "suspended", "everyone", "team", "read", "text"),
    *("jane@acme.example", "jane", "2999-06-15T09:30:00Z"),
    *("+1", "01", " 3 ", "1.0", "-0", "000", "+0032767", "-01", "\u0663", "3\n", "3.", ".3"),
    *(1e300, -1e300, -(2**63), 1e15, -1e15, 1e15 - 1, 0.1, 1e-9),
    *("a" * 50 + " ", " " * 251, "no ", "No", " jane@acme.example", "2999-06-15", "2999-6-15"),
    *([], {}, [None], [""], ["a"], [1], ["1"], [True], [[]], ["a\0"], ["a" * 251]),
    *(["a"] * 201, [1] * 1001, ["", None] * 101, ["a" * 100 + " "]),
)

FORMATS = jsonschema.FormatChecker(["email", "date"])


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: Any) -> bool:
    return not isinstance(value, str) or bool(datetime.datetime.fromisoformat(value))


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = create_app({"INSTANCE_PATH": tmp_path_factory.mktemp("instance")})
    return openapi.with_custom_fields(app.api, ())


OPERATIONS = [
    operation
    for operation in itertools.chain.from_iterable(blp.operations for blp in BLUEPRINTS)
    if operation.takes_body and not operation.file_types
]


def documented(document: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Return what the document says of an operation."""
    paths = document["paths"].values()
    found = (methods.get(operation.method.lower(), {}) for methods in paths)
    return next(doc for doc in found if doc.get("operationId") == operation.__name__)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema.protocols.Validator:
    whole = {**schema, "components": document["components"]}
    return jsonschema.Draft202012Validator(whole, format_checker=FORMATS)


# What another parameter says of whether one is required is told in words.
BESIDE = {"create_contact": {"type": "contact"}}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_what_the_document_says_of_a_parameter_is_what_is_taken(document, operation):
    body = documented(document, operation)["requestBody"]["content"][JSON]["schema"]
    properties = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]["properties"]
    assert set(properties) == set(operation.body.parameters)
    for name, schema in properties.items():
        documented_as = validator(document, schema)
        for value in VALUES:
            beside = BESIDE.get(operation.__name__, {})
            _, errors = operation.body.read({**beside, name: cleaned(value)})
            taken = not any(error.partition(".")[0] == name for error in errors)
            is_valid = documented_as.is_valid(as_documented(schema, value))
            assert is_valid == taken, (name, value, errors.get(name))


@pytest.mark.parametrize("type", TYPES)
def test_what_the_document_says_of_a_custom_field_is_what_is_taken(app, type):
    # Of decimals it did not say how large they may be.
    definition = Definition(1, "code", "Code", type, False, ("a", "A"))
    document = openapi.with_custom_fields(app.api, [definition])
    schema = document["components"]["schemas"]["ClientCreate"]["properties"]["code"]
    documented_as = validator(document, schema)
    for value in VALUES:
        _, errors = read_values([definition], {"code": cleaned(value)})
        is_valid = documented_as.is_valid(as_documented(schema, value))
        assert is_valid != bool(errors), (value, errors)


def test_the_document_says_in_words_how_many_elements_are_taken_where_some_are_dropped(document):
    # It said maxItems, by which a hundred tags and a blank one are too many. They are taken.
    tags = document["components"]["schemas"]["ClientTagsChange"]["properties"]["tags"]
    assert "maxItems" not in tags
    assert "At most 100 different ones." in tags["description"]
    titles = [str(number) for number in range(100)]
    for extra in ("", " ", "7", None):
        values, errors = ClientTagsChangeSchema().read({"tags": cleaned([*titles, extra])})
        assert (values, errors) == ({"tags": titles}, {})
    _, errors = ClientTagsChangeSchema().read({"tags": [*titles, "new"]})
    assert errors == {"tags": ["The tags may not have more than 100 items."]}


def test_all_examples_are_of_their_schema(document):
    media = [
        content
        for methods in document["paths"].values()
        for operation in methods.values()
        if "responses" in operation
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
        for content in part.get("content", {}).values()
        if "example" in content
    ]
    assert len(media) > 100
    for content in media:
        validator(document, content["schema"]).validate(content["example"])


def test_the_answer_to_a_creation_links_to_what_can_be_done_with_the_record(document):
    links = document["paths"]["/api/tags"] | document["paths"]["/api/contacts"]
    links = links["post"]["responses"]["201"]["links"]
    assert {"get_contact", "update_contact", "delete_contact", "set_account_owner"} <= set(links)
    assert links["get_contact"]["parameters"] == {"id": "$response.body#/data/id"}
