"""What editors and type checkers know of sessions is what the schemas say."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import textwrap
import types
import typing
from pathlib import Path
from typing import Any, Literal, NotRequired, Required, get_args, get_origin

import marshmallow as ma
import pytest
from conftest import ROOT

from clients_api.embedding import answers, feeds, parameters, resources
from clients_api.embedding.calls import OPERATIONS
from clients_api.embedding.session import Session
from clients_api.schemas import base, fields

ROOMS = {
    "clients": resources.Clients,
    "contacts": resources.Contacts,
    "categories": resources.Categories,
    "team": resources.Team,
    "tags": resources.Tags,
    "custom_fields": resources.CustomFields,
    "keys": resources.Keys,
    "events": feeds.Events,
}
PLACES = {"page", "limit", "cursor"}


def calls() -> dict[str, Any]:
    """Return the methods of sessions by the operation that each makes."""
    found = {}
    for room in ROOMS.values():
        for name, method in inspect.getmembers(room, inspect.isfunction):
            if not name.startswith("_"):
                (operation,) = set(re.findall(r'"(\w+)"', inspect.getsource(method))) & set(
                    OPERATIONS
                )
                found[operation] = method
    return found


CALLS = calls()


def test_every_operation_on_records_can_be_called_in_python():
    # Another name of PATCH, files, and webhooks: a host's own code has signals.
    missing = OPERATIONS.keys() - CALLS.keys()
    others = r"put_\w+|(ex|im)port_clients|\w+_webhooks?"
    assert {n for n in missing if not re.fullmatch(others, n)} == set()


def plain(hint: Any) -> tuple[Any, bool]:
    """Return a type without None, Required and NotRequired, and whether None is one of it."""
    while get_origin(hint) in (Required, NotRequired):
        (hint,) = get_args(hint)
    is_union = get_origin(hint) in (types.UnionType, typing.Union)
    kinds = get_args(hint) if is_union else (hint,)
    return {kind for kind in kinds if kind is not type(None)}, type(None) in kinds


def allowed(field: Any) -> set[Any]:
    """Return the types that values of a parameter or member may have, besides None."""
    if words := field.metadata.get("enum"):
        words = ["yes", "no"] if "no" in words else words  # not the other words for them
        return {Literal[tuple(words)]}
    kinds: Any = {
        fields.Array: {list[str], tuple[str, ...]},
        fields.Timestamp: {str, parameters.datetime.datetime},
        ma.fields.Integer: {int},
        ma.fields.Boolean: {bool},
        ma.fields.String: {str},
    }
    if isinstance(field, fields.Array) and isinstance(field.inner, fields.Integer):
        return {list[int], tuple[int, ...]}
    if type(field).__name__ == "Expiry":
        return kinds[fields.Timestamp]
    return next(each for kind, each in kinds.items() if isinstance(field, kind))


def takes(method: Any) -> set[str]:
    """Return which of the two names for a call's parameters a method has."""
    return {"values", "filters"} & inspect.signature(method).parameters.keys()


@pytest.mark.parametrize("name", [name for name, method in CALLS.items() if takes(method)])
def test_parameters_are_those_of_the_schemas(name):
    operation, method = OPERATIONS[name], CALLS[name]
    (given,) = takes(method)
    is_list = given == "filters"
    schema = operation.query if is_list else operation.body
    hint = typing.get_type_hints(method)[given]
    (kind,) = get_args(hint)
    hints = typing.get_type_hints(kind, include_extras=True)
    left_out = set(PLACES) if hasattr(schema, "default_sort") else set()
    left_out |= {"from"}  # a word of Python's: an argument of its own
    assert hints.keys() == schema.parameters.keys() - left_out
    for parameter in hints:
        field = schema.parameters[parameter]
        kinds, may_be_none = plain(hints[parameter])
        assert kinds == allowed(field), parameter
        assert may_be_none == (is_list or field.allow_none), parameter
        assert (parameter in kind.__required_keys__) == field.required, parameter


def compare(kind: Any, schema: ma.Schema) -> None:
    """Hold a type of what comes out against the schema that shows it."""
    hints = typing.get_type_hints(kind, include_extras=True)
    shown = {field.data_key or name: field for name, field in schema.dump_fields.items()}
    assert hints.keys() == shown.keys(), kind
    for name, field in shown.items():
        kinds, may_be_none = plain(hints[name])
        assert may_be_none == bool(field.allow_none), (kind, name)
        assert (name in kind.__optional_keys__) == bool(field.metadata.get("optional")), name
        (one,) = kinds
        if isinstance(field, base.Group):
            compare(one, field.schema)
        elif isinstance(field, base.Included | base.Rows):
            compare(get_args(one)[0], field.inner.schema)
        elif isinstance(field, base.JSONText | base.Computed):
            json = {"array": list, "object": dict, "boolean": bool}[field.metadata["type"]]
            assert (get_origin(one) or one) is json, (kind, name)
        else:
            # The role of a person is told by an id, of which there are few.
            is_role = one is int and isinstance(field, ma.fields.Integer)
            assert {one} == allowed(field) or is_role, (kind, name)


# What is undone is a record of any kind.
@pytest.mark.parametrize("name", [name for name in CALLS if name != "undo_event"])
def test_answers_are_those_of_the_schemas(name):
    kind = typing.get_type_hints(CALLS[name])["return"]
    if kind is feeds.Feed:
        kind = answers.Event
    elif get_origin(kind) in (resources.Records, resources.Groups):
        (kind,) = get_args(kind)
    compare(kind, OPERATIONS[name].answer.schema())


def test_the_documentation_lists_the_calls():
    text = (ROOT / "docs" / "embedding.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| (.+) \|$", text, re.MULTILINE))
    written = {name: set(re.findall(r"`(\w+)`", calls)) for name, calls in rows.items()}
    there = {
        name: {n for n, _ in inspect.getmembers(room, inspect.isfunction) if n[0] != "_"}
        for name, room in ROOMS.items()
    }
    assert written == there
    assert issubclass(Session, resources.Clients)


def check(program: str, folder: Path) -> str:
    (folder / "host.py").write_text(textwrap.dedent(program))
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "--config-file=", str(folder / "host.py")],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_a_type_checker_knows_what_a_session_takes_and_returns(tmp_path):
    said = check(
        """
        import flask
        from typing import Any
        from clients_api import ClientsAPI, Invalid

        app = flask.Flask(__name__)
        crm = ClientsAPI(app, url_prefix="/crm/api", page_size=50)

        def right(extra: dict[str, Any]) -> dict[str, list[str]]:
            try:
                with crm.session(actor="jane") as clients:
                    acme = clients.create(
                        first_name="J", last_name="D", email="j@d.example", tags=["a"], **extra
                    )
                    reveal_type(acme)
                    reveal_type(acme["owner"])
                    for contact in clients.contacts.list(client_id=acme["id"]):
                        reveal_type(contact["account_owner"])
                    reveal_type(clients.list(status="active").page(2)["meta"]["per_page"])
            except Invalid as error:
                return error.errors
            return {}

        ClientsAPI(page_sizes=1)
        with crm.session() as clients:
            clients.create(first_name="J", last_name="D")
            clients.update(1, client_company_name=7)
            clients.list(status="maybe")
            clients.get("x")
        """,
        tmp_path,
    )
    revealed = re.findall(r'Revealed type is "([^"]+)"', said)
    assert ["Client" in revealed[0], "Named" in revealed[1], "None" in revealed[1]] == [True] * 3
    assert "Literal" in revealed[2] and revealed[3].endswith("int"), said
    wrong = re.findall(r"host\.py:(\d+): error: (.*)", said)
    assert [line for line, _ in wrong] == ["24", "26", "27", "28", "29"], said
