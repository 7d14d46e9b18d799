"""The team, as the contract's section 5 describes it."""

import pytest
from conftest import expect_error

NAMES = {"first_name": "Sam", "last_name": "Lee"}
MISSING = "The team member could not be found."
OBJECT = [
    "id",
    "first_name",
    "last_name",
    "name",
    "email",
    "phone",
    "job_position",
    "dashboard_access",
    "status",
    "role",
    "social",
    "dates",
]


@pytest.fixture
def make_member(api):
    def make(email="sam@crm.example", role_id=3, **more):
        response = api.post("/team", {**NAMES, "email": email, "role_id": role_id, **more})
        assert response.status_code == 201, response.get_json()
        return response.get_json()["data"]

    return make


def get(api, path):
    return api.get(path).get_json()["data"]


@pytest.mark.parametrize(("role_id", "role"), [(1, "Administrator"), (3, "Staff"), ("3", "Staff")])
def test_a_member_is_made(api, role_id, role):
    body = {**NAMES, "email": "sam@crm.example", "phone": "1", "position": "Sales"}
    response = api.post("/team", {**body, "role_id": role_id})
    assert response.status_code == 201
    member = response.get_json()["data"]
    assert response.get_json()["message"] == "Team member created successfully."
    assert response.headers["Location"] == f"http://localhost/api/team/{member['id']}"
    assert list(member) == OBJECT
    assert member["dates"]["created"] == member["dates"]["updated"]
    assert member == {
        "id": member["id"],
        **NAMES,
        "name": "Sam Lee",
        "email": "sam@crm.example",
        "phone": "1",
        "job_position": "Sales",
        "dashboard_access": "yes",
        "status": "active",
        "role": {"id": int(role_id), "name": role},
        "social": dict.fromkeys(["facebook", "twitter", "linkedin", "github", "dribbble"]),
        "dates": member["dates"],
    }
    answer = api.get(f"/team/{member['id']}").get_json()
    assert answer == {"data": member, "message": "Team member retrieved successfully."}


@pytest.mark.parametrize("role_id", [0, 2, 4, -1, 99])
def test_the_role_is_one_of_the_teams(api, make_member, role_id):
    sentence = "The selected role id is invalid."
    body = {**NAMES, "email": "new@crm.example", "role_id": role_id}
    expect_error(api.post("/team", body), 422, role_id=sentence)
    expect_error(api.patch(f"/team/{make_member()['id']}", body), 422, role_id=sentence)


def test_all_errors_come_at_once(api, make_member):
    make_member()
    assert expect_error(api.post("/team", {"email": "SAM@crm.example"}), 422)["errors"] == {
        "first_name": ["The first name field is required."],
        "last_name": ["The last name field is required."],
        "email": ["The email has already been taken."],
        "role_id": ["The role id field is required."],
    }
    body = {**NAMES, "email": "x", "role_id": "boss", "phone": "5" * 51, "send_email": 1}
    assert expect_error(api.post("/team", body), 422)["errors"] == {
        "email": ["The email must be a valid email address."],
        "role_id": ["The role id must be an integer."],
        "phone": ["The phone may not be greater than 50 characters."],
        "send_email": ["The selected send email is invalid."],
    }


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_the_role_is_changed_but_never_taken_away(api, make_member, method):
    path = f"/team/{make_member()['id']}"
    body = {**NAMES, "email": "sam@crm.example", "role_id": 1}
    changed = api.call(method, path, json=body).get_json()["data"]
    assert changed["role"] == {"id": 1, "name": "Administrator"}
    response = api.call(method, path, json={**body, "role_id": None})
    expect_error(response, 422, role_id="The role id field is required.")


def test_a_contact_is_no_team_member(api, make_client, make_contact):
    for id in (make_client()["owner"]["id"], make_contact()["id"], 99, 0, "x"):
        expect_error(api.get(f"/team/{id}"), 404, MISSING)
        expect_error(api.delete(f"/team/{id}"), 404, MISSING)
        expect_error(api.patch(f"/team/{id}", {}), 404, MISSING)
    assert get(api, "/team") == []


def test_no_password_is_stored(app):
    names = [column.name for column in app.database.get_columns("user")]
    assert "email" in names
    assert not [name for name in names if "pass" in name or "hash" in name]


LISTS = [
    ("", [2, 1, 3]),
    ("order=desc", [3, 1, 2]),
    ("sort=email", [3, 2, 1]),
    ("sort=created&order=desc", [3, 2, 1]),
    ("role_id=1", [2]),
    ("role_id=3", [1, 3]),
    ("status=active&search=CRM", [2, 1, 3]),
    ("status=suspended", []),
]


def test_the_list_is_filtered_and_sorted(api, make_member):
    make_member("c@crm.example", first_name="bob")
    make_member("b@crm.example", first_name="Ann", role_id=1)
    make_member("A@crm.example", first_name="Cid")
    for query, ids in LISTS:
        body = api.get(f"/team?{query}").get_json()
        assert [member["id"] for member in body["data"]] == ids, query
        assert body["message"] == "Team members retrieved successfully."
        assert body["meta"]["total"] == len(ids)


WRONG = [
    ("status=deleted", "The selected status is invalid."),
    ("role_id=2", "The selected role id is invalid."),
    ("role_id=x", "The role id must be an integer."),
    ("sort=x", "The selected sort is invalid."),
]


def test_a_value_that_is_not_allowed_is_no_guess(api):
    for query, sentence in WRONG:
        expect_error(api.get(f"/team?{query}"), 422, **{query.partition("=")[0]: sentence})
