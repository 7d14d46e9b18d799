"""Custom fields, as the contract's section 7 describes them, and their values in clients."""

import json
import re
from urllib.parse import quote

import pytest
from conftest import expect_error

from clients_api.web.operation import Operation

MISSING = "The custom field could not be found."
OBJECT = ["id", "name", "title", "type", "required", "options", "position", "dates"]
OPTIONS = ["gold", "silver & co", "日本"]


@pytest.fixture
def define(api):
    def make(type="text", **more):
        response = api.post("/custom-fields", {"title": "Account code", "type": type, **more})
        assert response.status_code == 201, response.get_json()
        return response.get_json()["data"]

    return make


def get(api, path):
    return api.get(path).get_json()["data"]


def test_a_field_is_defined(api):
    body = {"title": "Account code", "type": "dropdown", "name": "tier", "required": "yes"}
    response = api.post("/custom-fields", {**body, "options": OPTIONS, "position": 7})
    assert response.status_code == 201
    field = response.get_json()["data"]
    assert response.get_json()["message"] == "Custom field created successfully."
    assert response.headers["Location"] == f"http://localhost/api/custom-fields/{field['id']}"
    assert list(field) == OBJECT
    assert field["dates"]["created"] == field["dates"]["updated"]
    assert field == {"id": 1, **body, "options": OPTIONS, "position": 7, "dates": field["dates"]}
    answer = api.get("/custom-fields/1").get_json()
    assert answer == {"data": field, "message": "Custom field retrieved successfully."}
    body = api.get("/custom-fields").get_json()
    assert (body["data"], body["message"]) == ([field], "Custom fields retrieved successfully.")


def test_what_is_left_out_has_a_default(define):
    first, second = define(), define(name=None)
    assert (first["name"], second["name"]) == ("client_custom_field_1", "client_custom_field_2")
    assert (first["required"], first["options"], first["position"]) == ("no", [], 1)
    assert second["position"] == 2


def test_the_next_free_name_is_given(api, define):
    define(name="client_custom_field_2")
    assert define()["name"] == "client_custom_field_1"
    assert define()["name"] == "client_custom_field_3"
    api.delete("/custom-fields/2")
    assert define()["name"] == "client_custom_field_1"


@pytest.mark.parametrize("name", ["a", "tier_2", "a" + "9" * 63])
def test_a_name_may_be(define, name):
    assert define(name=name)["name"] == name


@pytest.mark.parametrize("name", ["Tier", "2nd", "_x", "a-b", "a b", "é", "a[]", "a.b", "tier\n"])
def test_a_name_may_not_be(api, name):
    body = {"title": "T", "type": "text", "name": name + "!" * name.endswith("\n")}
    expect_error(api.post("/custom-fields", body), 422, name="The name format is invalid.")


def test_no_parameter_of_the_api_is_the_name_of_a_field(app, api):
    known = set()
    for operation in app.view_functions.values():
        if isinstance(operation, Operation):
            known |= set(operation.body.parameters) | set(operation.query.parameters)
    assert {"client_phone", "tags", "search", "page", "include", "target_id", "scope"} <= known
    for name in known:
        if re.fullmatch("[a-z][a-z0-9_]*", name):
            body = {"title": "T", "type": "text", "name": name}
            response = api.post("/custom-fields", body)
            expect_error(response, 422, **{"name": "The name has already been taken."})


def test_all_errors_come_at_once(api, define):
    define(name="tier")
    body = {"title": "", "name": "tier", "type": "dropdown", "required": 1, "position": 0}
    assert expect_error(api.post("/custom-fields", body), 422)["errors"] == {
        "title": ["The title field is required."],
        "name": ["The name has already been taken."],
        "options": ["The options field is required."],
        "required": ["The selected required is invalid."],
        "position": ["The position must be between 1 and 32767."],
    }
    body = {"title": "x" * 151, "type": "color", "options": ["a", 5], "name": "a" * 65}
    assert expect_error(api.post("/custom-fields", body), 422)["errors"] == {
        "title": ["The title may not be greater than 150 characters."],
        "type": ["The selected type is invalid."],
        "options.1": ["The options.1 must be a string."],
        "name": ["The name may not be greater than 64 characters."],
    }
    errors = expect_error(api.post("/custom-fields", {}), 422)["errors"]
    assert errors["type"] == ["The type field is required."]


@pytest.mark.parametrize("options", [None, [], [""]])
def test_a_dropdown_has_options(api, define, options):
    field = define("dropdown", options=["a"])
    sentence = "The options field is required."
    body = {"title": "T", "type": "dropdown", "options": options}
    expect_error(api.post("/custom-fields", body), 422, options=sentence)
    response = api.patch(f"/custom-fields/{field['id']}", body)
    expect_error(response, 422, options=sentence)
    assert get(api, "/custom-fields") == [field]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_field_is_changed_but_for_its_type_and_name(api, define, method):
    field = define("dropdown", options=["a"], required="yes", name="tier")
    response = api.call(
        method,
        f"/custom-fields/{field['id']}",
        json={"title": "New", "type": "text", "name": "other", "options": ["b"], "position": 5},
    )
    assert response.status_code == 200
    assert response.get_json()["message"] == "Custom field updated successfully."
    ignored = response.headers["Ignored-Parameters"].split(", ")
    assert sorted(ignored) == ["name", "type"]
    changed = response.get_json()["data"]
    assert changed["dates"]["updated"] > field["dates"]["updated"]
    dates = {**field["dates"], "updated": changed["dates"]["updated"]}
    assert changed == field | {"title": "New", "options": ["b"], "position": 5, "dates": dates}


def test_a_change_needs_the_title_and_null_clears_the_rest(api, define):
    field = define(required="yes", options=["a"], position=9)
    path = f"/custom-fields/{field['id']}"
    expect_error(api.patch(path, {"required": "no"}), 422, title="The title field is required.")
    body = {"title": "T", "required": None, "options": "", "position": None}
    changed = api.patch(path, body).get_json()["data"]
    assert (changed["required"], changed["options"], changed["position"]) == ("no", [], 9)


def test_what_is_no_field_is_404(api):
    for id in ("99", "0", "x", "9223372036854775808"):
        path = f"/custom-fields/{id}"
        expect_error(api.get(path), 404, MISSING)
        expect_error(api.patch(path, {"title": "x"}), 404, MISSING)
        expect_error(api.put(path, {}), 404, MISSING)
        expect_error(api.delete(path), 404, MISSING)


def test_the_list_is_sorted(api, define):
    define(name="b", position=2)
    define(name="a", position=1)
    for query, names in {
        "": ["a", "b"],
        "sort=position&order=desc": ["b", "a"],
        "sort=name": ["a", "b"],
        "sort=created": ["b", "a"],
    }.items():
        assert [field["name"] for field in get(api, f"/custom-fields?{query}")] == names
    sentence = "The selected sort is invalid."
    expect_error(api.get("/custom-fields?sort=title"), 422, sort=sentence)


def test_a_client_shows_its_fields_in_their_order_only_when_there_are_some(
    api, define, make_client
):
    client = make_client()
    assert "custom_fields" not in client
    field = define(name="late", position=2)
    define(name="early", position=1)
    client = get(api, f"/clients/{client['id']}")
    assert list(client)[-2:] == ["tags", "custom_fields"]
    assert list(client["custom_fields"].items()) == [("early", None), ("late", None)]
    assert make_client(late="x")["custom_fields"] == {"early": None, "late": "x"}
    api.patch(f"/custom-fields/{field['id']}", {"title": "T", "position": 1})
    assert list(get(api, "/clients/1")["custom_fields"]) == ["late", "early"]


ACCEPTED = {
    "text": [("code", "code"), ("é" * 250, "é" * 250), ("12", "12")],
    "paragraph": [("one\n\ntwo", "one\n\ntwo"), ("é" * 65_535, "é" * 65_535)],
    "number": [(42, 42), ("42", 42), (-7, -7), ("+7", 7), (0, 0), (2**53 + 1, 2**53 + 1)],
    "decimal": [(2.5, 2.5), ("2.50", 2.5), (3, 3), ("-0.1", -0.1), (1e15, 1e15), ("1e3", 1000)],
    "date": [("2026-06-15", "2026-06-15"), ("2024-02-29", "2024-02-29")],
    "checkbox": [("yes", "yes"), ("no", "no")],
    "dropdown": [(option, option) for option in OPTIONS],
}
REFUSED = {
    "text": {
        "The code must be a string.": [5, True, ["a"], {"a": 1}],
        "The code may not be greater than 250 characters.": ["x" * 251],
        "The code contains characters that are not allowed.": ["a\0b"],
    },
    "paragraph": {
        "The code must be a string.": [5, True],
        "The code may not be greater than 65535 characters.": ["x" * 65_536],
    },
    "number": {
        "The code must be an integer.": [1.5, "1.5", True, "x", [1], "1e3", "0x10", "1 0"],
        f"The code may not be greater than {2**63 - 1}.": [2**63, str(10**30)],
        f"The code must be at least {1 - 2**63}.": [str(-(2**63)), str(-(10**30))],
    },
    "decimal": {
        "The code must be a number.": [True, "x", "1,5", [1], "nan", "inf", "0x1", 1e-16],
        f"The code must be between {-(10**15)} and {10**15}.": ["1e400", 1.1e15, "-1e16"],
    },
    "date": {
        "The code must be a valid date.": [
            "2026-02-30",
            "15.06.2026",
            "2026-6-1",
            "20260615",
            "2026-06-15T00:00:00Z",
            20260615,
            True,
            "0000-01-01",
        ]
    },
    "checkbox": {"The selected code is invalid.": [True, False, 1, "on", "Yes", "true"]},
    "dropdown": {"The selected code is invalid.": ["Gold", "bronze", 1, ["gold"], True]},
}


@pytest.mark.parametrize("type", ACCEPTED)
def test_values_of_each_type_come_back(api, define, make_client, type):
    define(type, name="code", options=OPTIONS)
    client = make_client()
    for given, shown in ACCEPTED[type]:
        body = {"client_company_name": "Acme", "code": given}
        response = api.patch(f"/clients/{client['id']}", body)
        assert response.status_code == 200, response.get_json()
        value = response.get_json()["data"]["custom_fields"]["code"]
        assert value == shown
        assert not isinstance(value, bool)
        assert get(api, f"/clients/{client['id']}")["custom_fields"] == {"code": shown}
        if len(str(given)) < 300:
            found = get(api, f"/clients?code={quote(str(given))}")
            assert [match["id"] for match in found] == [client["id"]], given


@pytest.mark.parametrize("type", REFUSED)
def test_values_of_another_type_are_refused(api, define, make_client, type):
    define(type, name="code", options=OPTIONS)
    client = make_client()
    names = {"first_name": "J", "last_name": "D", "email": "j@acme.example"}
    for sentence, values in REFUSED[type].items():
        for value in values:
            body = {"client_company_name": "Acme", "code": value}
            expect_error(api.patch(f"/clients/{client['id']}", body), 422, code=sentence)
            expect_error(api.post("/clients", {**names, "code": value}), 422, code=sentence)
    assert get(api, "/clients") == [client]


def test_a_decimal_that_is_shown_can_be_sent_again(api, define, make_client):
    # Rounded to 15 digits, the largest became one that was refused.
    define("decimal", name="code")
    path = f"/clients/{make_client()['id']}"
    for value in (
        999_999_999_999_999.9,
        -999_999_999_999_999.9,
        "0.00000000000000123456789012345678",
    ):
        answer = api.patch(path, {"client_company_name": "A", "code": value}).get_json()
        shown = answer["data"]["custom_fields"]["code"]
        answer = api.patch(path, {"client_company_name": "A", "code": shown}).get_json()
        assert answer["data"]["custom_fields"]["code"] == shown


def test_decimals_come_back_as_they_were_given(api, define, make_client):
    define("decimal", name="code")
    client = make_client()
    for text in ("0.1", "0.3", "1234567.89", "0.000001", "123456789012.345", "-99.99", "1e15"):
        api.patch(f"/clients/{client['id']}", {"client_company_name": "A", "code": text})
        raw = api.get(f"/clients/{client['id']}").get_data(as_text=True)
        assert json.loads(raw)["data"]["custom_fields"]["code"] == float(text)


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize("type", ACCEPTED)
def test_null_and_blank_clear_a_value(api, define, make_client, type, blank):
    define(type, name="code", options=OPTIONS)
    client = make_client(code=ACCEPTED[type][0][0])
    body = {"client_company_name": "Acme", "code": blank}
    changed = api.patch(f"/clients/{client['id']}", body).get_json()["data"]
    assert changed["custom_fields"] == {"code": None}


def test_a_value_that_is_left_out_stays(api, define, make_client):
    define(name="code")
    client = make_client(code="x")
    changed = api.patch(f"/clients/{client['id']}", {"client_company_name": "Acme"})
    assert changed.get_json()["data"]["custom_fields"] == {"code": "x"}


def test_a_required_field_is_asked_for_under_its_name(api, define, make_client):
    client = make_client()
    define(name="account_code", required="yes")
    sentence = "The account code field is required."
    names = {"first_name": "J", "last_name": "D", "email": "j@acme.example"}
    for more in ({}, {"account_code": None}, {"account_code": " "}):
        expect_error(api.post("/clients", {**names, **more}), 422, account_code=sentence)
        for method in ("PATCH", "PUT"):
            body = {"client_company_name": "Acme", **more}
            response = api.call(method, f"/clients/{client['id']}", json=body)
            expect_error(response, 422, account_code=sentence)
    errors = expect_error(api.post("/clients", {}), 422)["errors"]
    assert {"first_name", "last_name", "email", "account_code"} == set(errors)
    assert make_client(account_code="x")["custom_fields"] == {"account_code": "x"}
    for path, body in (("tags", {"tags": []}), ("status", {"status": "active"})):
        assert api.put(f"/clients/{client['id']}/{path}", body).status_code == 200


def test_a_field_that_is_no_longer_required_is_not_asked_for(api, define, make_client):
    field = define(required="yes")
    assert field["name"] in expect_error(api.post("/clients", {}), 422)["errors"]
    api.patch(f"/custom-fields/{field['id']}", {"title": "T", "required": "no"})
    assert make_client()["custom_fields"] == {field["name"]: None}


def test_a_value_that_is_no_longer_offered_stays_until_it_is_changed(api, define, make_client):
    field = define("dropdown", name="tier", options=["a", "b"])
    client = make_client(tier="a")
    api.patch(f"/custom-fields/{field['id']}", {"title": "T", "options": ["b"]})
    path = f"/clients/{client['id']}"
    assert get(api, path)["custom_fields"] == {"tier": "a"}
    assert api.patch(path, {"client_company_name": "x"}).status_code == 200
    body = {"client_company_name": "x", "tier": "a"}
    expect_error(api.patch(path, body), 422, tier="The selected tier is invalid.")


def test_deleting_a_field_deletes_its_values(app, api, define, make_client):
    field = define(name="code")
    client = make_client(code="x")
    response = api.delete(f"/custom-fields/{field['id']}")
    assert response.status_code == 200
    assert response.get_json() == {
        "data": {"id": field["id"]},
        "message": "Custom field deleted successfully.",
    }
    expect_error(api.get(f"/custom-fields/{field['id']}"), 404, MISSING)
    assert "custom_fields" not in get(api, f"/clients/{client['id']}")
    assert app.database.execute_sql("SELECT * FROM custom_value").fetchall() == []
    define(name="code")
    assert get(api, f"/clients/{client['id']}")["custom_fields"] == {"code": None}


def test_values_come_in_forms_too(api, define):
    define("number", name="size")
    define("checkbox", name="vetted")
    form = [
        ("first_name", "Jane"),
        ("last_name", "Doe"),
        ("email", "jane@acme.example"),
        ("size", "5"),
        ("vetted", "no"),
    ]
    client = api.post("/clients", form=form).get_json()["data"]
    assert client["custom_fields"] == {"size": 5, "vetted": "no"}
