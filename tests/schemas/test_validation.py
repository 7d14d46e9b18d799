"""What is wrong with a request is said in Laravel's words, all at once, by parameter."""

from __future__ import annotations

import marshmallow as ma
import pytest
from conftest import expect_error
from marshmallow import fields

from clients_api.web.operation import Operation

PERSON = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
DAYS = "client_billing_invoice_due_days"


def errors_of(api, path="/clients", method="POST", **body):
    return expect_error(api.call(method, path, json={**PERSON, **body}), 422)["errors"]


def test_all_errors_come_at_once_keyed_by_parameter(shared_api):
    body = {
        "last_name": 7,
        "email": "nobody",
        "client_categoryid": 99,
        "client_phone": "1" * 51,
        DAYS: 32_768,
        "tags": ["fine", {"a": 1}, "x" * 101],
        "send_email": "maybe",
    }
    response = shared_api.post("/clients", body)
    assert expect_error(response, 422, "The given data was invalid.")["errors"] == {
        "first_name": ["The first name field is required."],
        "last_name": ["The last name must be a string."],
        "email": ["The email must be a valid email address."],
        "client_categoryid": ["The selected client categoryid is invalid."],
        "client_phone": ["The client phone may not be greater than 50 characters."],
        DAYS: ["The client billing invoice due days must be between 0 and 32767."],
        "tags.1": ["The tags.1 must be a string."],
        "tags.2": ["The tags.2 may not be greater than 100 characters."],
        "send_email": ["The selected send email is invalid."],
    }


def test_an_address_that_is_taken_is_told_with_the_other_errors(api, make_client):
    make_client(email="Jane@Acme.example")
    errors = errors_of(api, email="jane@acme.EXAMPLE", client_categoryid=99, client_phone=[])
    assert errors == {
        "email": ["The email has already been taken."],
        "client_categoryid": ["The selected client categoryid is invalid."],
        "client_phone": ["The client phone must be a string."],
    }


@pytest.mark.parametrize("value", [None, "", "  ", "\n"])
def test_a_required_parameter_can_not_be_empty(shared_api, value):
    for name in PERSON:
        sentence = f"The {name.replace('_', ' ')} field is required."
        assert errors_of(shared_api, **{name: value}) == {name: [sentence]}


@pytest.mark.parametrize("value", [1, 1.5, True, False, [], ["a"], {}, {"a": "b"}])
def test_text_must_be_a_string(shared_api, value):
    assert errors_of(shared_api, client_phone=value) == {
        "client_phone": ["The client phone must be a string."]
    }


@pytest.mark.parametrize(
    ("value", "stored"),
    [(0, 0), ("0", 0), (7, 7), ("7", 7), (" 7 ", 7), (7.0, 7), ("32767", 32767), (None, None)],
)
def test_numbers_come_as_numbers_or_text(api, make_client, value, stored):
    assert make_client(**{DAYS: value})["billing"]["invoice_due_days"] == stored


@pytest.mark.parametrize(
    "value",
    [
        *[True, False, 1.9, "1.9", "1.0", "seven", "7 days", [7], {"a": 7}, "0x7", "1e3", "7_0"],
        *["\uff17", "\u0667", "\u00b2", "--7", 1e300, 2**64, -(2**64), 10**19, "9" * 6000],
    ],
)
def test_what_is_no_integer_is_refused(shared_api, value):
    name = "The client billing invoice due days"
    (sentence,) = errors_of(shared_api, **{DAYS: value})[DAYS]
    # A number that no 64 bits hold is an integer all the same, and is out of the range.
    assert sentence in {f"{name} must be an integer.", f"{name} must be between 0 and 32767."}
    if isinstance(value, bool | list | dict) or value in (1.9, "1.9", "seven", "\uff17"):
        assert sentence == f"{name} must be an integer."


@pytest.mark.parametrize("value", [-1, "-1", 32_768, "32768", 2**63 - 1, 2**63])
def test_a_number_out_of_range_names_the_range(shared_api, value):
    sentence = "The client billing invoice due days must be between 0 and 32767."
    assert errors_of(shared_api, **{DAYS: value}) == {DAYS: [sentence]}


@pytest.mark.parametrize("value", [0, -1, 99, "99", 2**63 - 1, 2**63, 2**70])
def test_an_id_of_no_record_is_an_invalid_choice(shared_api, value):
    assert errors_of(shared_api, client_categoryid=value) == {
        "client_categoryid": ["The selected client categoryid is invalid."]
    }


@pytest.mark.parametrize("value", ["two", "2.5", True, [2]])
def test_an_id_must_be_an_integer(shared_api, value):
    assert errors_of(shared_api, client_categoryid=value) == {
        "client_categoryid": ["The client categoryid must be an integer."]
    }


@pytest.mark.parametrize("value", ["a", {"a": 1}, 1, True])
def test_an_array_must_be_one(shared_api, value):
    assert errors_of(shared_api, tags=value) == {"tags": ["The tags must be an array."]}


@pytest.mark.parametrize("value", [1, True, ["a"], {"a": 1}])
def test_the_elements_of_an_array_are_judged_each(shared_api, value):
    assert errors_of(shared_api, tags=["a", value]) == {"tags.1": ["The tags.1 must be a string."]}


@pytest.mark.parametrize("value", ["Yes", "true", True, 1, "1", ["yes"], "yes,no"])
def test_a_choice_is_one_of_its_words(shared_api, value):
    assert errors_of(shared_api, send_email=value) == {
        "send_email": ["The selected send email is invalid."]
    }


@pytest.mark.parametrize(
    "value",
    [
        "jane",
        "jane@",
        "@acme.example",
        "jane@localhost",
        "jane@acme..example",
        "jane doe@acme.example",
        "a@b.example, c@d.example",
        "jane@acme.example\nBcc: x@y.example",
        "<jane@acme.example>",
        "Jane <jane@acme.example>",
        "j" * 65 + "@acme.example",
        "jane@[127.0.0.1]",
        "jane@-acme.example",
        "jane\u0000@acme.example",
    ],
)
def test_an_email_must_be_an_address(shared_api, value):
    (sentence,) = errors_of(shared_api, email=value)["email"]
    assert sentence in (
        "The email must be a valid email address.",
        "The email contains characters that are not allowed.",
    )


@pytest.mark.parametrize("value", [1, True, ["jane@acme.example"], {"a": 1}])
def test_an_email_must_be_a_string(shared_api, value):
    assert errors_of(shared_api, email=value) == {"email": ["The email must be a string."]}


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("first_name", 100),
        ("client_company_name", 150),
        ("client_description", 65_535),
        ("client_phone", 50),
        ("client_website", 250),
        ("client_billing_street", 200),
        ("client_billing_zip", 50),
        ("client_shipping_street", 250),
    ],
)
def test_length_is_counted_in_characters_after_trimming(api, make_client, name, limit):
    make_client(**{name: "  " + "\U0001f600" * limit + "  "})
    sentence = f"The {name.replace('_', ' ')} may not be greater than {limit} characters."
    assert errors_of(api, **{name: "x" * (limit + 1)}) == {name: [sentence]}


def test_nul_and_surrogates_are_no_text(shared_api):
    assert errors_of(shared_api, client_phone="1\x002") == {
        "client_phone": ["The client phone contains characters that are not allowed."]
    }
    assert errors_of(shared_api, tags=["\x00"]) == {
        "tags.0": ["The tags.0 contains characters that are not allowed."]
    }


def test_a_request_that_is_refused_changes_nothing(api):
    errors_of(api, client_phone=[])
    for path in ("/clients", "/contacts", "/tags"):
        assert api.get(path).get_json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("page=x", "page", "The page must be an integer."),
        ("page=1.5", "page", "The page must be an integer."),
        ("page=", "page", "The page must be an integer."),
        ("page=0", "page", "The page must be at least 1."),
        ("page=-1", "page", "The page must be at least 1."),
        ("page=true", "page", "The page must be an integer."),
        ("page[]=1", "page", "The page must be an integer."),
        ("limit=0", "limit", "The limit must be at least 1."),
        ("limit=-5", "limit", "The limit must be at least 1."),
        ("limit=all", "limit", "The limit must be an integer."),
        ("limit=", "limit", "The limit must be an integer."),
        ("sort=foo", "sort", "The selected sort is invalid."),
        ("sort=", "sort", "The selected sort is invalid."),
        ("sort=id;drop table client", "sort", "The selected sort is invalid."),
        ("sort=name", "sort", "The selected sort is invalid."),
        ("order=up", "order", "The selected order is invalid."),
        ("order=ASC", "order", "The selected order is invalid."),
        ("order=", "order", "The selected order is invalid."),
        ("status=maybe", "status", "The selected status is invalid."),
        ("status=", "status", "The selected status is invalid."),
        ("status[]=active", "status", "The selected status is invalid."),
        ("category_id=abc", "category_id", "The category id must be an integer."),
        ("category_id=", "category_id", "The category id must be an integer."),
        ("owner_id=1.5", "owner_id", "The owner id must be an integer."),
        ("created_after=yesterday", "created_after", "The created after must be a valid date."),
        ("updated_before=", "updated_before", "The updated before must be a valid date."),
        ("include=everything", "include", "The selected include is invalid."),
        ("cursor=x", "cursor", "The selected cursor is invalid."),
        ("search=%00", "search", "The search contains characters that are not allowed."),
    ],
)
def test_a_value_that_a_list_does_not_allow_is_422(shared_api, query, name, sentence):
    response = shared_api.get(f"/clients?{query}")
    assert expect_error(response, 422)["errors"] == {name: [sentence]}


def test_all_errors_of_a_query_come_at_once(shared_api):
    response = shared_api.get("/clients?limit=0&page=x&sort=foo&status=maybe&category_id=abc")
    errors = expect_error(response, 422)["errors"]
    assert set(errors) == {"limit", "page", "sort", "status", "category_id"}


def test_of_a_record_that_is_not_there_nothing_else_matters(shared_api):
    response = shared_api.patch("/clients/999", {"client_company_name": ""})
    expect_error(response, 404, "The client could not be found.")


@pytest.mark.parametrize(
    "id", ["0", "-1", "999", str(2**63 - 1), str(2**63), "9" * 400, "abc", "1.0", "01", "%D9%A1"]
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_id_that_is_no_record_is_404(shared_api, method, id):
    body = {"client_company_name": "Acme"}
    response = shared_api.call(method, f"/clients/{id}", json=body)
    expect_error(response, 404, "The client could not be found.")


@pytest.mark.parametrize(
    ("path", "noun"),
    [
        ("clients", "client"),
        ("contacts", "contact"),
        ("categories", "category"),
        ("team", "team member"),
        ("tags", "tag"),
        ("custom-fields", "custom field"),
    ],
)
def test_a_missing_record_is_named(shared_api, path, noun):
    expect_error(shared_api.get(f"/{path}/999"), 404, f"The {noun} could not be found.")


def test_a_missing_key_is_named(shared_api):
    expect_error(shared_api.delete("/keys/999"), 404, "The key could not be found.")


@pytest.mark.parametrize("value", [2**63, 10**30])
def test_a_number_beyond_64_bits_is_told_the_limit(api, value):
    sentence = f"The page may not be greater than {2**63 - 1}."
    expect_error(api.get(f"/clients?page={value}"), 422, page=sentence)


def test_what_is_missing_and_not_required_means_nothing(app):
    # So that marshmallow need not be asked about it (Schema.read).
    operations = [view for view in app.view_functions.values() if isinstance(view, Operation)]
    for schema in {type(part): part for it in operations for part in (it.query, it.body)}.values():
        for field in schema.parameters.values():
            assert not isinstance(field, fields.Nested), field
            assert field.required or field.deserialize(ma.missing) is ma.missing, field
