"""A parameter that takes one value and comes twice."""

from __future__ import annotations

import pytest
from conftest import expect_error
from werkzeug.datastructures import MultiDict

FORM = "application/x-www-form-urlencoded"
NAME_TWICE = "The client company name may be given only once."
TWICE = [
    ("client_company_name=First&client_company_name=Last", FORM),
    ("client_company_name=First&client%5Fcompany_name=First", FORM),
    ('{"client_company_name": "First", "client_company_name": "Last"}', "application/json"),
    ('{"client_company_name": "First", "client_company_n\\u0061me": ""}', "application/json"),
    ('{"client_company_name": ["a:b"], "tags": [], "client_company_name": 1}', "application/json"),
]


@pytest.mark.parametrize(("data", "kind"), TWICE)
def test_a_parameter_that_takes_one_value_is_given_once(api, make_client, data, kind):
    # The last one counted, and nobody heard of the others.
    before = make_client()
    response = api.call("PATCH", f"/clients/{before['id']}", data=data, content_type=kind)
    expect_error(response, 422, client_company_name=NAME_TWICE)
    assert api.get(f"/clients/{before['id']}").get_json()["data"] == before


def test_a_parameter_of_a_multipart_form_is_given_once_too(api, make_client):
    data = MultiDict([("client_company_name", "A"), ("client_company_name", "B")])
    kind = "multipart/form-data"
    path = f"/clients/{make_client()['id']}"
    response = api.call("PATCH", path, data=data, content_type=kind)
    expect_error(response, 422, client_company_name=NAME_TWICE)


def test_what_is_given_twice_is_told_with_all_else_that_is_wrong(api):
    api.post("/custom-fields", {"title": "T", "name": "tier", "type": "text"})
    form = [("email", "x"), ("first_name", "A"), ("first_name", "B"), ("tier", "a"), ("tier", "b")]
    response = api.post("/clients", form=[*form, ("foo", "1"), ("foo", "2")])
    body = expect_error(
        response,
        422,
        first_name="The first name may be given only once.",
        tier="The tier may be given only once.",
        last_name="The last name field is required.",
    )
    assert set(body["errors"]) == {"email", "first_name", "last_name", "tier"}
    assert response.headers["Ignored-Parameters"] == "foo"


def test_colons_and_names_within_values_are_nothing_twice(api, make_client):
    text = '"client_company_name": "client_company_name": \\'
    body = {"client_company_name": text, "client_website": "https://a.example:8/"}
    changed = api.patch(f"/clients/{make_client()['id']}", body)
    assert changed.get_json()["data"]["company_name"] == text


@pytest.mark.parametrize("depth", [900, 1020])
def test_json_that_is_nested_deeply_is_no_crash(api, make_client, depth):
    data = '{"foo": ' + '{"a":' * depth + "1" + "}" * depth + ', "client_company_name": "A"}'
    response = api.patch(
        f"/clients/{make_client()['id']}", data=data, content_type="application/json"
    )
    assert response.status_code in (200, 400)
