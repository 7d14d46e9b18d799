"""Contacts, as the contract's section 3 describes them."""

import pytest
from conftest import expect_error

NAMES = {"first_name": "Kim", "last_name": "Lee"}
OBJECT = [
    "id",
    "first_name",
    "last_name",
    "name",
    "email",
    "phone",
    "job_position",
    "account_owner",
    "status",
    "client",
    "role",
    "social",
    "dates",
]
MISSING = "The contact could not be found."


@pytest.fixture
def contact(make_contact, make_client):
    """A user of a client that has another owner."""
    client = make_client(client_company_name="Acme Inc")
    return make_contact(clientid=client["id"], email="kim@acme.example")


def get(api, path):
    return api.get(path).get_json()["data"]


def test_a_contact_has_exactly_the_members_of_the_contract_in_its_order(api, contact):
    for shown in (contact, get(api, f"/contacts/{contact['id']}"), get(api, "/contacts")[-1]):
        assert list(shown) == OBJECT
        assert list(shown["client"]) == ["id", "company_name"]
        assert list(shown["role"]) == ["id", "name"]
        assert list(shown["social"]) == ["facebook", "twitter", "linkedin", "github", "dribbble"]
        assert list(shown["dates"]) == ["created", "updated"]


def test_a_contact_of_a_client_is_made(api, make_client):
    client = make_client(client_company_name="Acme Inc")
    body = {**NAMES, "email": "kim@acme.example", "clientid": client["id"], "phone": "1"}
    response = api.post("/contacts", {**body, "position": "Buyer"})
    assert response.status_code == 201
    assert response.get_json()["message"] == "Contact created successfully."
    contact = response.get_json()["data"]
    assert response.headers["Location"] == f"http://localhost/api/contacts/{contact['id']}"
    dates = contact["dates"]
    assert dates["created"] == dates["updated"]
    assert contact == {
        "id": contact["id"],
        **NAMES,
        "name": "Kim Lee",
        "email": "kim@acme.example",
        "phone": "1",
        "job_position": "Buyer",
        "account_owner": "no",
        "status": "active",
        "client": {"id": client["id"], "company_name": "Acme Inc"},
        "role": {"id": 2, "name": "Client"},
        "social": dict.fromkeys(["facebook", "twitter", "linkedin", "github", "dribbble"]),
        "dates": dates,
    }
    response = api.get(f"/contacts/{contact['id']}")
    assert response.get_json() == {
        "data": contact,
        "message": "Contact retrieved successfully.",
    }


@pytest.mark.parametrize("more", [{}, {"clientid": None}, {"clientid": ""}])
def test_of_type_contact_it_is_one_of_no_client(api, make_contact, more):
    contact = make_contact(type="contact", **more)
    assert contact["client"] is None
    assert contact["account_owner"] == "no"


@pytest.mark.parametrize("more", [{}, {"clientid": None}, {"clientid": ""}, {"type": ""}])
def test_of_no_type_it_needs_a_client(api, more):
    # A program that forgot the client made people of none.
    body = {**NAMES, "email": "kim@acme.example", **more}
    expect_error(api.post("/contacts", body), 422, clientid="The clientid field is required.")
    assert get(api, "/contacts") == []


def test_there_is_no_type_but_contact_to_ask_for(api, make_client):
    body = {**NAMES, "email": "kim@acme.example", "clientid": make_client()["id"]}
    for word in ("client", "team", "Contact", 1):
        answer = api.post("/contacts", {**body, "type": word})
        expect_error(answer, 422, type="The selected type is invalid.")
    contact = api.post("/contacts", {**body, "type": "contact"}).get_json()["data"]
    assert contact["client"]["id"] == body["clientid"], "whoever has a client is of that client"


@pytest.mark.parametrize(
    ("id", "sentence"),
    [
        (99, "The selected clientid is invalid."),
        (0, "The selected clientid is invalid."),
        ("x", "The clientid must be an integer."),
    ],
)
def test_the_client_must_exist(api, id, sentence):
    body = {**NAMES, "email": "kim@acme.example", "clientid": id}
    expect_error(api.post("/contacts", body), 422, clientid=sentence)
    assert get(api, "/contacts") == []


def test_all_errors_come_at_once(api, contact):
    body = {"email": "KIM@acme.example", "clientid": 99, "phone": "5" * 51, "send_email": "maybe"}
    assert expect_error(api.post("/contacts", body), 422)["errors"] == {
        "first_name": ["The first name field is required."],
        "last_name": ["The last name field is required."],
        "email": ["The email has already been taken."],
        "clientid": ["The selected clientid is invalid."],
        "phone": ["The phone may not be greater than 50 characters."],
        "send_email": ["The selected send email is invalid."],
    }


def test_a_deleted_contact_is_not_found_and_owns_nothing(api, contact):
    path = f"/contacts/{contact['id']}"
    assert api.delete(path).status_code == 200
    expect_error(api.put(f"{path}/account-owner"), 404, MISSING)
    assert contact["id"] not in [shown["id"] for shown in get(api, "/contacts")]
    assert get(api, "/contacts?search=kim") == []


def test_deleted_contacts_are_listed_where_they_are_asked_for_and_nowhere_else(api, make_contact):
    # Nobody could see any more who had been there.
    kept = make_contact(first_name="Ann", email="ann@acme.example")
    gone = [make_contact(first_name=name, email=f"{name}@acme.example") for name in ("bea", "cid")]
    for contact in gone:
        assert api.delete(f"/contacts/{contact['id']}").status_code == 200
    assert [c["id"] for c in api.get("/contacts").get_json()["data"]] == [kept["id"]]
    for sort in ("email", "created", "first_name", "updated"):
        body = api.get(f"/contacts?status=deleted&sort={sort}").get_json()
        assert [c["id"] for c in body["data"]] == [c["id"] for c in gone]
        assert {c["status"] for c in body["data"]} == {"deleted"}
        assert body["meta"]["total"] == 2
    page = api.get("/contacts?status=deleted&sort=email&limit=1&cursor=").get_json()
    rest = api.get(
        f"/contacts?status=deleted&sort=email&limit=1&cursor={page['meta']['next_cursor']}"
    ).get_json()
    assert [page["data"][0]["id"], rest["data"][0]["id"]] == [c["id"] for c in gone]
    assert api.get("/contacts?status=deleted&search=bea").get_json()["meta"]["total"] == 1
    expect_error(api.get(f"/contacts/{gone[0]['id']}"), 404, "The contact could not be found.")
    # The address is free again.
    assert make_contact(email="bea@acme.example")["id"] not in [c["id"] for c in gone]


def test_a_deleted_owner_leaves_its_client_without_one(api, make_client):
    client = make_client()
    api.delete(f"/contacts/{client['owner']['id']}")
    shown = get(api, f"/clients/{client['id']}")
    assert shown["owner"] is None
    assert shown["dates"]["updated"] > client["dates"]["updated"]
    assert get(api, f"/clients?owner_id={client['owner']['id']}") == []


def test_a_contact_becomes_the_account_owner(api, contact):
    client = get(api, f"/clients/{contact['client']['id']}")
    response = api.put(f"/contacts/{contact['id']}/account-owner")
    assert response.status_code == 200
    assert response.get_json()["message"] == "Contact set as account owner successfully."
    changed = response.get_json()["data"]
    assert changed["account_owner"] == "yes"
    assert changed["dates"]["updated"] > contact["dates"]["updated"]
    assert get(api, f"/contacts/{client['owner']['id']}")["account_owner"] == "no"
    shown = get(api, f"/clients/{client['id']}")
    assert shown["owner"] == {"id": contact["id"], "name": "Kim Lee"}
    assert shown["dates"]["updated"] > client["dates"]["updated"]
    owners = get(api, f"/contacts?client_id={client['id']}&account_owner=yes")
    assert [owner["id"] for owner in owners] == [contact["id"]]


def test_the_account_owner_takes_over_where_there_was_none(api, contact):
    client = get(api, f"/clients/{contact['client']['id']}")
    api.delete(f"/contacts/{client['owner']['id']}")
    api.put(f"/contacts/{contact['id']}/account-owner")
    assert get(api, f"/clients/{client['id']}")["owner"]["id"] == contact["id"]


def test_a_contact_of_no_client_owns_no_account(api, make_contact):
    contact = make_contact()
    body = expect_error(api.put(f"/contacts/{contact['id']}/account-owner"), 409)
    assert "no client" in body["message"]
    assert "Create a client" in body["message"]
    assert get(api, f"/contacts/{contact['id']}") == contact


def test_what_is_no_contact_is_404(api):
    for id in ("99", "0", "x", "9223372036854775808"):
        body = {**NAMES, "email": "k@acme.example"}
        expect_error(api.get(f"/contacts/{id}"), 404, MISSING)
        expect_error(api.patch(f"/contacts/{id}", {}), 404, MISSING)
        expect_error(api.put(f"/contacts/{id}", body), 404, MISSING)
        expect_error(api.delete(f"/contacts/{id}"), 404, MISSING)
        expect_error(api.put(f"/contacts/{id}/account-owner"), 404, MISSING)


def test_a_team_member_is_no_contact(api):
    body = {**NAMES, "email": "sam@crm.example", "role_id": 3}
    member = api.post("/team", body).get_json()["data"]
    expect_error(api.get(f"/contacts/{member['id']}"), 404, MISSING)
    expect_error(api.delete(f"/contacts/{member['id']}"), 404, MISSING)
    assert get(api, "/contacts") == []


@pytest.fixture
def people(api, make_client, make_contact):
    """Ids 1 to 4: two owners, a second user of the first client, and a contact of none."""
    first = make_client(first_name="bob", last_name="Young", email="c@acme.example")
    make_client(first_name="Carol", last_name="adams", email="B@acme.example")
    make_contact(first_name="Álice", last_name="Zed", email="a@acme.example", clientid=first["id"])
    make_contact(first_name="Dan", last_name="Moe", email="d@acme.example")
    return first


LISTS = [
    ("", [3, 1, 2, 4]),
    ("order=desc", [4, 2, 1, 3]),
    ("sort=last_name", [2, 4, 1, 3]),
    ("sort=email", [3, 2, 1, 4]),
    ("sort=created", [1, 2, 3, 4]),
    ("sort=updated&order=desc", [4, 3, 2, 1]),
    ("client_id=1", [3, 1]),
    ("client_id=99", []),
    ("account_owner=yes", [1, 2]),
    ("account_owner=no", [3, 4]),
    ("client_id=1&account_owner=no", [3]),
    ("status=active", [3, 1, 2, 4]),
    ("status=suspended", []),
    ("search=ZED", [3]),
    ("search=zed&account_owner=yes", []),
]


def test_the_list_is_filtered_and_sorted(api, people):
    for query, ids in LISTS:
        body = api.get(f"/contacts?{query}").get_json()
        assert [contact["id"] for contact in body["data"]] == ids, query
        assert body["message"] == "Contacts retrieved successfully."
        assert body["meta"] == {
            "current_page": 1,
            "per_page": 25,
            "total": len(ids),
            "last_page": 1,
        }


WRONG = [
    ("status", "gone", "The selected status is invalid."),
    ("client_id", "x", "The client id must be an integer."),
    ("account_owner", "true", "The selected account owner is invalid."),
    ("sort", "name", "The selected sort is invalid."),
    ("order", "up", "The selected order is invalid."),
]


def test_a_value_that_is_not_allowed_is_no_guess(api, people):
    for name, value, sentence in WRONG:
        expect_error(api.get(f"/contacts?{name}={value}"), 422, **{name: sentence})


def test_contacts_are_found_by_their_address_as_uniqueness_compares_it(api, make_contact):
    # It was no filter, and all were listed.
    found = make_contact(email="Kim@acme.example")
    make_contact(email="kim2@acme.example")
    for address in ("kim@acme.example", "KIM@ACME.example"):
        answer = api.get(f"/contacts?email={address}").get_json()
        assert [contact["id"] for contact in answer["data"]] == [found["id"]]
        assert answer["meta"]["total"] == 1
    assert api.get("/contacts?email=no@acme.example").get_json()["data"] == []
    sentence = "The email must be a valid email address."
    for wrong in ("", "notanemail"):
        expect_error(api.get(f"/contacts?email={wrong}"), 422, email=sentence)
    twice = "/contacts?email=a@b.example&email=c@b.example"
    expect_error(api.get(twice), 422, email="The email may be given only once.")
    api.delete(f"/contacts/{found['id']}")
    assert api.get("/contacts?email=kim@acme.example").get_json()["data"] == []


@pytest.mark.parametrize("path", ["/contacts", "/team", "/categories", "/tags", "/custom-fields"])
def test_no_filter_that_is_left_blank_lists_all_but_search(api, path):
    """`search` does, for every text contains the empty one; `cursor` begins."""
    operation = api.get("/openapi.json").get_json()["paths"][f"/api{path}"]["get"]
    names = {p["name"] for p in operation["parameters"] if p.get("in") == "query"}
    assert names > {"page", "limit", "sort"}
    for name in names - {"search", "q", "cursor"}:
        assert name in expect_error(api.get(f"{path}?{name}="), 422)["errors"]


def test_a_contact_moves_to_another_client_but_an_owner_does_not(api, make_client, make_contact):
    first, second = make_client(), make_client()
    contact = make_contact(clientid=first["id"], email="kim@acme.example")
    path, body = f"/contacts/{contact['id']}", {**NAMES, "email": "kim@acme.example"}
    moved = api.patch(path, {**body, "clientid": second["id"]}).get_json()["data"]
    assert (moved["client"]["id"], moved["account_owner"]) == (second["id"], "no")
    for wrong in (99, 0):
        answer = api.patch(path, {**body, "clientid": wrong})
        expect_error(answer, 422, clientid="The selected clientid is invalid.")
    assert api.get(path).get_json()["data"]["client"]["id"] == second["id"]
    assert api.patch(path, {**body, "clientid": second["id"]}).status_code == 200
    owner = api.get(f"/contacts/{first['owner']['id']}").get_json()["data"]
    body = {**NAMES, "email": owner["email"], "clientid": second["id"]}
    answer = api.patch(f"/contacts/{owner['id']}", body)
    assert "account owner first" in expect_error(answer, 409)["message"]
    nobodys = make_contact(email="lee@acme.example")
    body = {**NAMES, "email": "lee@acme.example", "clientid": first["id"]}
    moved = api.patch(f"/contacts/{nobodys['id']}", body).get_json()["data"]
    assert moved["client"]["id"] == first["id"]
    assert api.put(f"/contacts/{nobodys['id']}/account-owner").status_code == 200
