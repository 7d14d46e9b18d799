"""The account owner of a client, chosen among its users."""

import peewee
import pytest
from conftest import expect_error

INVALID = "The selected owner is invalid."


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def second(client, make_contact):
    return make_contact(clientid=client["id"], first_name="Second", last_name="User")


def test_another_user_of_the_client_becomes_its_owner(api, client, second):
    response = api.put(f"/clients/{client['id']}/owner", {"owner": second["id"]})
    assert response.status_code == 200
    assert response.get_json()["message"] == "Client account owner updated successfully."
    changed = response.get_json()["data"]
    assert changed["owner"] == {"id": second["id"], "name": "Second User"}
    assert changed["dates"]["updated"] > client["dates"]["updated"]
    users = api.get(f"/contacts?client_id={client['id']}&account_owner=yes").get_json()["data"]
    assert [user["id"] for user in users] == [second["id"]]
    former = api.get(f"/contacts/{client['owner']['id']}").get_json()["data"]
    assert former["account_owner"] == "no"
    assert former["client"]["id"] == client["id"]


def test_the_owner_may_be_set_again(api, client):
    response = api.put(f"/clients/{client['id']}/owner", {"owner": client["owner"]["id"]})
    assert response.get_json()["data"]["owner"] == client["owner"]


def test_a_user_of_another_client_is_refused(api, client, make_client):
    other = make_client()
    response = api.put(f"/clients/{client['id']}/owner", {"owner": other["owner"]["id"]})
    expect_error(response, 422, owner=INVALID)
    for known in (client, other):
        assert api.get(f"/clients/{known['id']}").get_json()["data"] == known


def test_a_contact_of_no_client_is_refused(api, client, make_contact):
    response = api.put(f"/clients/{client['id']}/owner", {"owner": make_contact()["id"]})
    expect_error(response, 422, owner=INVALID)
    assert api.get(f"/clients/{client['id']}").get_json()["data"] == client


def test_a_team_member_is_refused(api, client):
    body = {"first_name": "S", "last_name": "L", "email": "sam@crm.example", "role_id": 1}
    member = api.post("/team", body).get_json()["data"]
    response = api.put(f"/clients/{client['id']}/owner", {"owner": member["id"]})
    expect_error(response, 422, owner=INVALID)


def test_a_deleted_user_is_refused(api, client, second):
    api.delete(f"/contacts/{second['id']}")
    response = api.put(f"/clients/{client['id']}/owner", {"owner": second["id"]})
    expect_error(response, 422, owner=INVALID)
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["owner"] == client["owner"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "The owner field is required."),
        ({"owner": None}, "The owner field is required."),
        ({"owner": ""}, "The owner field is required."),
        ({"owner": "x"}, "The owner must be an integer."),
        ({"owner": 1.5}, "The owner must be an integer."),
        ({"owner": True}, "The owner must be an integer."),
        ({"owner": 0}, INVALID),
        ({"owner": -1}, INVALID),
        ({"owner": 99}, INVALID),
    ],
)
def test_an_owner_is_the_id_of_a_user(api, client, body, sentence):
    expect_error(api.put(f"/clients/{client['id']}/owner", body), 422, owner=sentence)
    assert api.get(f"/clients/{client['id']}").get_json()["data"] == client


def test_an_owner_may_be_a_numeric_string(api, client, second):
    response = api.put(f"/clients/{client['id']}/owner", form=[("owner", str(second["id"]))])
    assert response.get_json()["data"]["owner"]["id"] == second["id"]


def test_a_client_whose_owner_was_deleted_has_none_and_can_get_one(api, client, second):
    api.delete(f"/contacts/{client['owner']['id']}")
    shown = api.get(f"/clients/{client['id']}").get_json()["data"]
    assert shown["owner"] is None
    assert shown["dates"]["updated"] > client["dates"]["updated"]
    response = api.put(f"/clients/{client['id']}/owner", {"owner": second["id"]})
    assert response.get_json()["data"]["owner"]["id"] == second["id"]


def test_a_renamed_owner_is_seen_in_the_client(api, client):
    owner = api.get(f"/contacts/{client['owner']['id']}").get_json()["data"]
    names = {"first_name": "New", "last_name": "Name", "email": owner["email"]}
    api.patch(f"/contacts/{owner['id']}", names)
    shown = api.get(f"/clients/{client['id']}").get_json()["data"]
    assert shown["owner"] == {"id": owner["id"], "name": "New Name"}
    assert shown["dates"]["updated"] > client["dates"]["updated"]


def test_the_database_itself_keeps_a_second_owner_out(app, client, second):
    with pytest.raises(peewee.IntegrityError, match=r"(?i)unique.*(client_id|user_owner)"):
        app.database.execute_sql(
            f"""UPDATE "user" SET account_owner = 'yes' WHERE id = {second["id"]}"""
        )
