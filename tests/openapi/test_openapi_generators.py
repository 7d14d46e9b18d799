"""openapi.json is what generators of clients need: what they trip over is not in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Caller
from test_openapi import define_fields, operations, resolve

# What generated programs have classes of their own for, or import beside those of the schemas.
NAMES_OF_GENERATORS = {
    *("ApiError", "ApiException", "ApiResponse", "Body", "Configuration", "Data", "Date", "Dates"),
    *("Deleted", "Error", "File", "Headers", "List", "Meta", "Model", "Object", "Operation"),
    *("Owner", "Parameter", "Problem", "Request", "Response", "Role", "Schema", "Social", "Status"),
    *("Tag", "Tags", "Type", "Unset"),
}


@pytest.fixture(scope="module")
def spec(shared_api: Caller) -> dict[str, Any]:
    """The document with a custom field of each type."""
    define_fields(shared_api)
    return shared_api.get("/openapi.json").get_json()


def nodes(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Find each object of the document, but for what stands in examples."""
    if isinstance(node, dict):
        yield place, node
        for name, child in node.items():
            if name not in ("example", "examples"):
                yield from nodes(child, f"{place}/{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from nodes(child, f"{place}/{index}")


def schemas(spec: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return all that says of what type a value is, with its place."""
    found = [
        (place, node)
        for place, node in nodes(spec)
        if isinstance(node.get("type"), str | list) and "securitySchemes" not in place
    ]
    assert len(found) > 400
    return found


def parameters(spec: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return all parameters with the path that they are of."""
    paths = spec["paths"].items()
    lists = [(path, item.get("parameters", [])) for path, item in paths]
    lists += [(path, operation["parameters"]) for path, _, operation in operations(spec)]
    return [(path, resolve(spec, parameter)) for path, found in lists for parameter in found]


def answered(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the components that answers are made of, by name."""
    waiting = [
        media["schema"]
        for _, _, operation in operations(spec)
        for answer in operation["responses"].values()
        for media in resolve(spec, answer).get("content", {}).values()
    ]
    found: dict[str, dict[str, Any]] = {}
    while waiting:
        for _, node in nodes(waiting.pop()):
            name = str(node.get("$ref")).rpartition("/")[2]
            if name in spec["components"]["schemas"] and name not in found:
                found[name] = spec["components"]["schemas"][name]
                waiting.append(found[name])
    assert len(found) > 30
    return found


def test_a_value_has_one_type_or_that_and_null(spec):
    # Numbers were of the types integer and string, for which a generator makes a union or nothing.
    for place, schema in schemas(spec):
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        assert len(types) == 1 or (len(types) == 2 and types[1] == "null"), (place, types)


def test_the_values_of_an_enum_are_of_its_type_and_none_is_empty(spec):
    # There were 3 and "3" in one, and "" and null among the words of others.
    kinds = {"string": str, "integer": int}
    enums = [(place, node) for place, node in nodes(spec) if isinstance(node.get("enum"), list)]
    assert len(enums) > 50
    for place, schema in enums:
        assert all(type(value) is kinds[schema["type"]] for value in schema["enum"]), place
        assert "" not in schema["enum"], place


def test_what_may_be_null_besides_a_word_says_so_with_any_of(spec):
    change = spec["components"]["schemas"]["CustomFieldChange"]["properties"]["required"]
    assert change["anyOf"] == [{"type": "string", "enum": ["yes", "no"]}, {"type": "null"}]


def test_whole_numbers_are_of_64_bits_and_times_are_times(spec):
    # Java and Go took ids for numbers of 32 bits, and times for text.
    for place, schema in schemas(spec):
        if "integer" in schema["type"] and "enum" not in schema:
            assert schema["format"] == "int64", place
    components = spec["components"]["schemas"]
    found = [components["RecordDates"]["properties"][name] for name in ("created", "updated")]
    found += [components["Key"]["properties"][name] for name in ("expires", "last_used")]
    found += [p["schema"] for _, p in parameters(spec) if re.search("_(after|before)$", p["name"])]
    assert len(found) > 10
    assert {schema["format"] for schema in found} == {"date-time"}


def test_arrays_say_what_they_hold_and_it_is_never_null(spec):
    arrays = [(place, schema) for place, schema in schemas(spec) if "array" in schema["type"]]
    assert len(arrays) > 10
    for place, schema in arrays:
        assert "$ref" in schema["items"] or isinstance(schema["items"]["type"], str), place


def test_nothing_is_read_only_and_patterns_are_those_of_json_schema(spec):
    # `\x85` is no escape in some engines, and a read-only object was left out of requests and
    # answers alike.
    for place, node in nodes(spec):
        assert "readOnly" not in node, place
        assert "\\x" not in str(node.get("pattern", "")), place


def test_each_member_of_an_answer_is_always_there_unless_the_call_says_otherwise(spec):
    # None was required, so that each of them had to be looked for.
    optional = {
        (name, member)
        for name, schema in answered(spec).items()
        for member in schema["properties"].keys() - set(schema.get("required", ()))
    }
    assert optional == {
        ("Client", "contacts"),
        ("ErrorAnswer", "errors"),
        *(("ListMeta", name) for name in ("current_page", "total", "last_page", "next_cursor")),
    }


def test_a_client_has_its_contacts_by_include_and_custom_fields_as_they_are_answered(spec):
    members = spec["components"]["schemas"]["Client"]["properties"]
    assert members["contacts"]["items"] == {"$ref": "#/components/schemas/Contact"}
    custom = members["custom_fields"]
    kinds = {name: schema.get("type") for name, schema in custom["properties"].items()}
    assert custom["required"] == list(kinds)
    text = ["string", "null"]
    assert kinds == {
        **dict.fromkeys(("code", "notes", "joined", "grade"), text),
        "level": ["integer", "null"],
        "rate": ["number", "null"],
        "vip": None,
    }
    assert custom["properties"]["joined"]["format"] == "date"
    assert custom["properties"]["vip"]["anyOf"][0]["enum"] == ["yes", "no"]


def test_a_dropdown_answers_what_was_chosen_even_if_it_is_offered_no_more(api, make_client):
    field = {"title": "Grade", "name": "grade", "type": "dropdown", "options": ["gold"]}
    id = api.post("/custom-fields", field).get_json()["data"]["id"]
    client = make_client(grade="gold")
    api.patch(f"/custom-fields/{id}", {"title": "Grade", "options": ["silver"]})
    answer = api.get(f"/clients/{client['id']}").get_json()["data"]
    assert answer["custom_fields"] == {"grade": "gold"}
    schemas = api.get("/openapi.json").get_json()["components"]["schemas"]
    documented = schemas["Client"]["properties"]["custom_fields"]["properties"]["grade"]
    assert (documented["type"], "enum" in documented) == (["string", "null"], False)


def test_words_that_are_answered_are_listed(spec):
    components = spec["components"]["schemas"]
    for name, members in {
        "Client": ["status"],
        "Category": ["type", "system_default"],
        "Contact": ["account_owner", "status"],
        "CustomField": ["type", "required"],
        "Key": ["scope"],
        "TeamMember": ["dashboard_access", "status"],
        "TeamRoleRef": ["id"],
        "ContactRoleRef": ["id"],
    }.items():
        for member in members:
            assert components[name]["properties"][member]["enum"], (name, member)


def test_no_name_of_a_schema_collides_with_those_that_generators_make_up(spec):
    # Go makes a function NewKey for Key, and others a class ClientStatus for `status` of Client.
    components = spec["components"]["schemas"]
    made_up = {f"New{name}" for name in components}
    for name, schema in components.items():
        members = schema.get("properties", ())
        made_up |= {name + member.title().replace("_", "") for member in members}
    assert not components.keys() & (NAMES_OF_GENERATORS | made_up)


def test_each_component_is_used(spec):
    text = str([node.get("$ref") for _, node in nodes(spec)])
    schemes = {f"#/components/securitySchemes/{name}" for [name] in operations_security(spec)}
    unused = [
        f"#/components/{kind}/{name}"
        for kind, components in spec["components"].items()
        for name in components
        if f"#/components/{kind}/{name}" not in schemes | set(re.findall(r"'(#[^']+)'", text))
    ]
    assert unused == []


def operations_security(spec):
    return {tuple(need) for *_, operation in operations(spec) for need in operation["security"]}


def test_everything_is_described(spec):
    for tag in spec["tags"]:
        assert tag["description"], tag
    for path, method, operation in operations(spec):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
    for path, parameter in parameters(spec):
        assert parameter["description"], (path, parameter)
    for name, schema in spec["components"]["schemas"].items():
        assert schema["description"], name
        for member, property in schema.get("properties", {}).items():
            # What is another component is described there.
            assert "$ref" in property or property["description"], (name, member)
    for name, scheme in spec["components"]["securitySchemes"].items():
        assert scheme["description"], name


def test_what_is_hard_to_guess_has_an_example(spec):
    wanted = {"cursor", "search", "tag", "email"}
    found = [p for _, p in parameters(spec) if p["name"] in wanted and p["in"] == "query"]
    assert {parameter["name"] for parameter in found} == wanted
    for parameter in found:
        assert "example" in parameter["schema"], parameter


def test_what_is_too_long_is_documented_everywhere(spec):
    for path, method, operation in operations(spec):
        if operation["security"]:
            assert {"413", "414", "431"} <= operation["responses"].keys(), (method, path)


def test_a_put_that_is_a_patch_says_so(spec):
    twins = [item for item in spec["paths"].values() if "put" in item and "patch" in item]
    assert len(twins) == 7
    for item in twins:
        assert item["put"]["x-alias-of"] == item["patch"]["operationId"]
        assert item["put"]["summary"] == "Same as PATCH."
    others = [item["put"] for item in spec["paths"].values() if "put" in item not in twins]
    assert not any("x-alias-of" in operation for operation in others)


def test_who_made_it_and_what_may_be_done_with_it_is_said(spec):
    assert spec["info"]["contact"]["name"]
    assert spec["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
