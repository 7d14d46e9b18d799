"""What contacts and team members have in common: both are users, with an address of their own."""

from typing import Any, NamedTuple

import pytest
from conftest import expect_error

from clients_api.models import Mail
from clients_api.models.engines.current import using

NAMES = {"first_name": "Kim", "last_name": "Lee"}
TAKEN = "The email has already been taken."


class Kind(NamedTuple):
    path: str
    noun: str
    required: dict[str, Any]


@pytest.fixture(
    params=[
        Kind("/contacts", "contact", {"type": "contact"}),
        Kind("/team", "team member", {"role_id": 3}),
    ],
    ids=["contact", "member"],
)
def kind(request):
    return request.param


@pytest.fixture
def make_user(api, kind):
    def make(email="kim@acme.example", **more):
        response = api.post(kind.path, {**NAMES, **kind.required, "email": email, **more})
        assert response.status_code == 201, response.get_json()
        return response.get_json()["data"]

    return make


@pytest.fixture
def user(make_user):
    return make_user(phone="1", position="Buyer")


@pytest.fixture
def path(kind, user):
    return f"{kind.path}/{user['id']}"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_needs_names_and_address(api, user, path, method):
    response = api.call(method, path, json={"phone": "5", "email": ""})
    assert expect_error(response, 422)["errors"] == {
        "first_name": ["The first name field is required."],
        "last_name": ["The last name field is required."],
        "email": ["The email field is required."],
    }
    assert api.get(path).get_json()["data"] == user


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_leaves_alone_what_it_does_not_name(api, kind, user, path, method):
    body = {"first_name": "New", "last_name": "Name", "email": "new@acme.example"}
    response = api.call(method, path, json={**body, "position": ""})
    assert response.status_code == 200
    assert response.get_json()["message"] == f"{kind.noun.capitalize()} updated successfully."
    changed = response.get_json()["data"]
    assert changed["dates"]["updated"] > user["dates"]["updated"]
    dates = {**user["dates"], "updated": changed["dates"]["updated"]}
    assert changed == user | body | {"name": "New Name", "job_position": None, "dates": dates}


@pytest.mark.parametrize(
    ("name", "limit"), [("first_name", 100), ("last_name", 100), ("phone", 50), ("position", 100)]
)
def test_texts_have_their_length_and_no_more(api, kind, make_user, name, limit):
    user = make_user(**{name: "é" * limit})
    body = {**NAMES, **kind.required, "email": "new@acme.example", name: "é" * (limit + 1)}
    field = name.replace("_", " ")
    sentence = f"The {field} may not be greater than {limit} characters."
    expect_error(api.post(kind.path, body), 422, **{name: sentence})
    expect_error(api.patch(f"{kind.path}/{user['id']}", body), 422, **{name: sentence})


def test_an_address_belongs_to_one_user_of_whatever_kind(
    api, kind, make_client, make_contact, user, path
):
    make_client(email="owner@acme.example")
    make_contact(email="free@acme.example")
    member = {**NAMES, "email": "sam@crm.example", "role_id": 3}
    assert api.post("/team", member).status_code == 201
    for email in ("Owner@acme.example", "FREE@acme.example", "sam@CRM.example"):
        body = {**NAMES, **kind.required, "email": email}
        expect_error(api.post(kind.path, body), 422, email=TAKEN)
        expect_error(api.patch(path, body), 422, email=TAKEN)
    assert api.get(path).get_json()["data"] == user


def test_a_user_may_keep_its_address_in_another_case(api, path):
    changed = api.patch(path, {**NAMES, "email": "KIM@acme.example"}).get_json()["data"]
    assert changed["email"] == "KIM@acme.example"


def test_a_changed_address_frees_the_old_one(api, make_user, user, path):
    api.patch(path, {**NAMES, "email": "other@acme.example"})
    assert make_user(email=user["email"])["id"] != user["id"]


def test_send_email_queues_one_welcome(app, make_user):
    make_user("one@acme.example")
    make_user("two@acme.example", send_email="no")
    make_user("three@acme.example", send_email="yes")
    with using(app.database):
        assert [mail.recipient for mail in Mail.select()] == ["three@acme.example"]


def test_a_deleted_user_is_404_and_its_address_free(api, kind, make_user, user, path):
    assert api.delete(path).get_json() == {
        "data": {"id": user["id"]},
        "message": f"{kind.noun.capitalize()} deleted successfully.",
    }
    body = {**NAMES, **kind.required, "email": user["email"]}
    missing = f"The {kind.noun} could not be found."
    expect_error(api.get(path), 404, missing)
    expect_error(api.patch(path, body), 404, missing)
    expect_error(api.put(path, {}), 404, missing)
    expect_error(api.delete(path), 404, missing)
    assert api.get(kind.path).get_json()["data"] == []
    assert make_user(user["email"])["id"] != user["id"]


def test_the_record_of_a_deleted_user_is_kept(app, api, user, path):
    api.delete(path)
    sql = "SELECT status, first_name FROM user WHERE id = ?"
    row = app.database.execute_sql(sql, (user["id"],)).fetchone()
    assert row == ("deleted", "Kim")
