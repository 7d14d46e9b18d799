"""openapi.json: valid, true to what is answered, and with examples that hold."""

from __future__ import annotations

import re

import pytest
from conftest import Caller, issue_key
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def spec(anonymous):
    response = anonymous.get("/openapi.json")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    return response.get_json()


def operations(spec):
    return [
        (path, method, item[method])
        for path, item in spec["paths"].items()
        for method in METHODS
        if method in item
    ]


def resolve(spec, node):
    while "$ref" in node:
        target = spec
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def violations(spec, schema, value):
    """Say what is wrong with a value by a schema of the document."""
    validator = Draft202012Validator({**schema, "components": spec["components"]})
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(value)]


def schemas_with_examples(spec, node, place="#"):
    """Find each schema that has an example, and the examples of media types and parameters."""
    if isinstance(node, dict):
        if "schema" in node and "example" in node:
            yield place, node["schema"], node["example"]
        if "example" in node and ("type" in node or "enum" in node) and "schema" not in node:
            yield place, {k: v for k, v in node.items() if k != "example"}, node["example"]
        for name, example in (node.get("examples") or {}).items() if "schema" in node else ():
            yield f"{place}/examples/{name}", node["schema"], resolve(spec, example)["value"]
        for name, child in node.items():
            if name not in ("example", "examples"):
                yield from schemas_with_examples(spec, child, f"{place}/{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from schemas_with_examples(spec, child, f"{place}/{index}")


def test_the_document_is_openapi_3_1_and_valid(spec):
    assert spec["openapi"].startswith("3.1")
    validate(spec, cls=OpenAPIV31SpecValidator)


def test_the_validator_would_find_a_fault(spec):
    del spec["info"]["title"]
    with pytest.raises(OpenAPIValidationError):
        validate(spec, cls=OpenAPIV31SpecValidator)


def test_the_document_stays_valid_with_custom_fields(api):
    define_fields(api)
    spec = api.get("/openapi.json").get_json()
    validate(spec, cls=OpenAPIV31SpecValidator)
    assert not [
        (place, found)
        for place, schema, example in schemas_with_examples(spec, spec)
        if (found := violations(spec, schema, example))
    ]


def test_every_example_is_valid_by_its_schema(spec):
    found = list(schemas_with_examples(spec, spec))
    assert len(found) > 50
    wrong = {place: w for place, schema, e in found if (w := violations(spec, schema, e))}
    assert not wrong


def test_every_operation_is_named_once_and_described(spec):
    names = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(names) == len(set(names)) > 40
    for path, method, operation in operations(spec):
        assert operation["summary"], (method, path)
        assert operation["responses"], (method, path)


def test_writing_operations_take_the_same_parameters_in_three_encodings(spec):
    bodies = {
        (method, path): operation["requestBody"]["content"]
        for path, method, operation in operations(spec)
        if "requestBody" in operation and "import" not in path
    }
    assert len(bodies) > 12
    for place, content in bodies.items():
        assert set(content) == {
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        }, place
        json, form, multipart = (media["schema"] for media in content.values())
        assert form == multipart == {"allOf": [json, {"$ref": "#/components/schemas/Form"}]}


def test_every_list_has_its_parameters(spec):
    for path, method, operation in operations(spec):
        success = operation["responses"].get("200")
        if method != "get" or "Link" not in (success or {}).get("headers", {}):
            continue
        names = {resolve(spec, item)["name"] for item in operation["parameters"]}
        assert {"limit", "cursor", "Prefer"} <= names, path
        # Groups have one order, and no numbers of pages.
        assert "duplicates" in path or {"page", "sort", "order"} <= names, path


def test_the_filters_of_clients_are_all_there(spec):
    parameters = spec["paths"]["/api/clients"]["get"]["parameters"]
    names = {resolve(spec, item)["name"] for item in parameters}
    assert names >= {"status", "category_id", "search", "tag", "email", "owner_id", "include"}
    assert names >= {"created_after", "created_before", "updated_after", "updated_before"}


def test_headers_of_ours_are_documented(spec):
    def names(path, method):
        operation = spec["paths"][path][method]
        return {resolve(spec, item)["name"] for item in operation["parameters"]}

    assert "Idempotency-Key" in names("/api/clients", "post")
    assert "If-None-Match" in names("/api/clients/{id}", "get")
    assert "If-Match" in names("/api/clients/{id}", "patch")
    assert "304" in spec["paths"]["/api/clients/{id}"]["get"]["responses"]
    headers = spec["paths"]["/api/clients"]["post"]["responses"]["201"]["headers"]
    assert {"Location", "ETag", "Ignored-Parameters", "Idempotency-Replayed"} <= set(headers)


def test_error_answers_refer_to_headers_that_they_have(spec):
    responses = spec["components"]["responses"]
    assert "WWW-Authenticate" in responses["Unauthorized"]["headers"]
    assert "Allow" in responses["MethodNotAllowed"]["headers"]
    assert "Retry-After" in responses["TooManyRequests"]["headers"]


FIELDS = {
    "code": ("text", "A1"),
    "notes": ("paragraph", "Long."),
    "level": ("number", 3),
    "rate": ("decimal", 1.5),
    "joined": ("date", "2026-01-31"),
    "vip": ("checkbox", "yes"),
    "grade": ("dropdown", "gold"),
}


def define_fields(api):
    for name, (type, _) in FIELDS.items():
        body = {"title": f"The {name}", "name": name, "type": type}
        body["required"] = "yes" if name == "code" else "no"
        if type == "dropdown":
            body["options"] = ["gold", "silver"]
        assert api.post("/custom-fields", body).status_code == 201


def test_custom_fields_appear_when_they_are_defined_and_go_when_deleted(api):
    before = api.get("/openapi.json").get_json()
    define_fields(api)
    schemas = api.get("/openapi.json").get_json()["components"]["schemas"]
    for name in ("ClientCreate", "ClientChange"):
        assert set(FIELDS) <= set(schemas[name]["properties"])
        assert "code" in schemas[name]["required"]
        assert "level" not in schemas[name]["required"]
    grade, null = schemas["ClientCreate"]["properties"]["grade"]["anyOf"]
    assert (grade["enum"], null) == (["gold", "silver"], {"type": "null"})
    spec = api.get("/openapi.json").get_json()
    parameters = spec["paths"]["/api/clients"]["get"]["parameters"]
    names = {resolve(spec, item)["name"] for item in parameters}
    assert set(FIELDS) <= names
    for field in api.get("/custom-fields").get_json()["data"]:
        api.delete(f"/custom-fields/{field['id']}")
    assert api.get("/openapi.json").get_json() == before


class Checker:
    """Calls the API and holds each answer against what is documented of it."""

    def __init__(self, caller):
        self.caller = caller
        self.spec = caller.get("/openapi.json").get_json()
        self.seen = set()

    def call(self, method, path, json=None, **options):
        response = self.caller.call(method, path, json=json, **options)
        template = self._template(path.partition("?")[0])
        operation = self.spec["paths"][template][method.lower()]
        status = str(response.status_code)
        assert status in operation["responses"], (method, path, status)
        self.seen.add((method, template, status))
        documented = resolve(self.spec, operation["responses"][status])
        for name in (
            "ETag",
            "Location",
            "Link",
            "Event-Position",
            "Retry-After",
            "WWW-Authenticate",
        ):
            if name in response.headers:
                assert name in documented.get("headers", {}), (method, path, status, name)
        if response.get_data():
            schema = documented["content"]["application/json"]["schema"]
            assert violations(self.spec, schema, response.get_json()) == [], (method, path)
        return response.get_json(silent=True)

    def _template(self, path):
        for template in sorted(self.spec["paths"], key=lambda t: ("{" in t, len(t))):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), "/api" + path):
                return template
        raise AssertionError(f"{path} is not documented")


PERSON = {"first_name": "Jane", "last_name": "Doe"}


def call_clients(call):
    """Make all calls of clients but the last; return the client."""
    body = {**PERSON, "email": "jane@acme.example", "tags": ["a", "b"], "code": "A1"}
    body |= {name: value for name, (_, value) in FIELDS.items()}
    client = call("POST", "/clients", body)["data"]
    call("POST", "/clients", {**body, "email": ""})
    call("POST", "/clients", body, headers={"Idempotency-Key": "one"})
    path = f"/clients/{client['id']}"
    for query in ("", "?include=contacts", "?cursor=", "?cursor=x", "?page=9", "?foo=1"):
        call("GET", f"/clients{query}")
    call("GET", path)
    call("GET", path + "?include=contacts")
    call("PATCH", path, {"client_company_name": "New", "code": "A2", "level": None})
    call("PUT", path, {"client_company_name": "New", "code": "A2"})
    call("PATCH", path, {}, headers={"If-Match": '"x"'})
    call("DELETE", path, headers={"If-Match": '"x"'})
    call("PUT", path + "/tags", {"tags": []})
    call("POST", path + "/tags", {"tags": ["c"]})
    call("DELETE", path + "/tags/c")
    call("PUT", path + "/status", {"status": "suspended"})
    call("PUT", path + "/status", {"status": "x"})
    return client


def call_duplicates(call):
    """Make two clients one, and one of them two again."""
    one, other = (
        call("POST", "/clients", {**PERSON, "email": f"{name}@twin.example", "code": "A1"})["data"]
        for name in ("one", "other")
    )
    call("GET", "/clients/duplicates?by=name&limit=1")
    call("GET", "/clients/duplicates?by=x")
    path = f"/clients/{one['id']}/merge"
    call("POST", path, {"from": [one["id"]]})  # 422
    call("POST", path, {"from": [other["id"]]})
    call("GET", f"/clients/{other['id']}")  # 404, with a Link
    (event,) = call("GET", "/events?type=client.merged")["data"]
    call("POST", f"/events/{event['id']}/undo")


def call_contacts(call, client):
    contact = {**PERSON, "email": "c@acme.example", "clientid": client["id"]}
    contact = call("POST", "/contacts", contact)["data"]
    call("PUT", f"/clients/{client['id']}/owner", {"owner": contact["id"]})
    loose = call("POST", "/contacts", {**PERSON, "email": "l@acme.example", "type": "contact"})[
        "data"
    ]
    call("PUT", f"/contacts/{loose['id']}/account-owner")  # 409
    call("PUT", f"/contacts/{client['owner']['id']}/account-owner")
    call("GET", f"/contacts/{loose['id']}")
    call("GET", "/contacts")
    call("PATCH", f"/contacts/{loose['id']}", {**PERSON, "email": "l@acme.example"})
    call("DELETE", f"/contacts/{loose['id']}")


def call_categories_and_team(call):
    category = {"category_name": "Retail", "category_type": "client"}
    category = call("POST", "/categories", category)["data"]
    path = f"/categories/{category['id']}"
    call("GET", "/categories")
    call("GET", path)
    call("PATCH", path, {"category_name": "Shops"})
    call("PUT", f"{path}/migrate", {"target_id": 2})
    call("DELETE", "/categories/2")  # 409
    member = {**PERSON, "email": "m@crm.example", "role_id": 3}
    member = call("POST", "/team", member)["data"]
    call("GET", "/team")
    call("GET", f"/team/{member['id']}")
    call("PATCH", f"/team/{member['id']}", {**PERSON, "email": "m@crm.example"})
    call("PUT", f"{path}/team", {"users": [member["id"]]})
    call("DELETE", path)
    call("DELETE", f"/team/{member['id']}")


def call_tags_and_custom_fields(call):
    call("GET", "/tags")
    call("GET", "/tags/1")
    call("PATCH", "/tags/1", {"title": "z"})
    call("DELETE", "/tags/1")
    call("GET", "/custom-fields")
    call("GET", "/custom-fields/1")
    call("PATCH", "/custom-fields/1", {"title": "Other"})
    call("DELETE", "/custom-fields/1")


def call_keys(call):
    """Make all calls of keys; return a key that may only read."""
    key = call("POST", "/keys", {"name": "n"})["data"]
    call("GET", "/keys")
    call("DELETE", f"/keys/{key['id']}")
    call("DELETE", "/keys/1")  # 409: the last admin key
    return call("POST", "/keys", {"name": "n", "scope": "read"})["data"]["key"]


def call_webhooks(call):
    """Make all calls of webhooks."""
    call("POST", "/webhooks", {"url": "https://127.0.0.1/"})  # 422
    call("POST", "/webhooks", {"url": "https://n8n.example/hook"})
    webhook = call("POST", "/webhooks", {"url": "https://n8n.example/hook", "types": ["tag.*"]})
    path = f"/webhooks/{webhook['data']['id']}"
    call("PATCH", path, {"types": ["client.*"], "position": "oldest"})
    call("PATCH", path, {"position": "x"})  # 422
    call("POST", f"{path}/rotate")
    call("POST", f"{path}/test")
    call("GET", path)
    call("GET", "/webhooks")
    call("DELETE", path)


def call_events(call, client):
    for query in ("", "?after=now", "?order=desc&type=client.*", "?after=9-00000000", "?limit=0"):
        call("GET", f"/events{query}")
    call("GET", "/events/1")
    call("GET", "/events/999")
    call("GET", f"/clients/{client['id']}/history")
    call("PUT", f"/clients/{client['id']}/status", {"status": "active"})
    undone = call("GET", "/events?type=client.updated&order=desc&limit=1")["data"][0]["id"]
    call("POST", f"/events/{undone}/undo?without=x")
    call("POST", f"/events/{undone}/undo?dry_run=yes")
    call("POST", f"/events/{undone}/undo")
    call("POST", f"/events/{undone}/undo")  # 409


def test_every_answer_is_as_documented(api, anonymous):
    define_fields(api)
    checker = Checker(api)
    call = checker.call
    call("POST", "/custom-fields", {"title": "More", "type": "text"})
    client = call_clients(call)
    call_duplicates(call)
    call_contacts(call, client)
    call_categories_and_team(call)
    call_webhooks(call)
    call_events(call, client)
    call_tags_and_custom_fields(call)
    path = f"/clients/{client['id']}"
    Checker(Caller(api.app, call_keys(call))).call("DELETE", path)  # 403
    call("DELETE", path)
    call("GET", path)  # 404
    Checker(anonymous).call("GET", "/clients")  # 401
    call("GET", "/health")
    call("GET", "/ready")
    statuses = {status for *_, status in checker.seen}
    assert {"200", "201", "404", "409", "412", "422"} <= statuses
    called = {(method.lower(), template) for method, template, _ in checker.seen}
    documented = {(method, path) for path, method, _ in operations(checker.spec)}
    missed = {(m, p) for m, p in documented - called if m != "put" and "port" not in p}
    assert missed <= {
        ("get", "/api/console"),
        ("get", "/api/docs"),
        ("get", "/api/openapi.json"),
        ("get", "/api/metrics"),
    }, "a new operation is to be called here as well"


def test_a_rate_limit_answer_is_as_documented(make_app):
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_DEFAULT="2 per minute")
    checker = Checker(Caller(app, issue_key(app)))
    for _ in range(3):
        checker.call("GET", "/clients")
    assert ("GET", "/api/clients", "429") in checker.seen


def test_the_document_follows_the_prefix(make_app):
    app = make_app(URL_PREFIX="/crm/v1")
    spec = Caller(app, None, "/crm/v1").get("/openapi.json").get_json()
    assert all(path.startswith("/crm/v1/") for path in spec["paths"])
    validate(spec, cls=OpenAPIV31SpecValidator)
