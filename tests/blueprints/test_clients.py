"""Clients, as the contract's section 2 describes them: the object, and making and changing one."""

import re

import pytest
from conftest import expect_error

from clients_api.models import Mail
from clients_api.models.engines.current import using

OBJECT = [
    "id",
    "company_name",
    "description",
    "status",
    "phone",
    "website",
    "vat",
    "category",
    "owner",
    "billing",
    "shipping",
    "dates",
    "tags",
]
PLACE = ["street", "city", "state", "zip", "country"]

# What a client's text parameters are called, how long they may be, and where they come out.
TEXTS = {
    "client_description": (65_535, "description"),
    "client_phone": (50, "phone"),
    "client_vat": (50, "vat"),
    "client_website": (250, "website"),
    "client_billing_street": (200, "billing.street"),
    "client_billing_city": (100, "billing.city"),
    "client_billing_state": (100, "billing.state"),
    "client_billing_zip": (50, "billing.zip"),
    "client_billing_country": (100, "billing.country"),
    "client_shipping_street": (250, "shipping.street"),
    "client_shipping_city": (100, "shipping.city"),
    "client_shipping_state": (100, "shipping.state"),
    "client_shipping_zip": (50, "shipping.zip"),
    "client_shipping_country": (100, "shipping.country"),
}


@pytest.fixture
def pending_mail(app):
    """Read what waits to be sent: the recipients."""

    def read():
        with using(app.database):
            return [mail.recipient for mail in Mail.select()]

    return read


def value_at(client, path):
    for name in path.split("."):
        client = client[name]
    return client


def address_of_length(length):
    """Make an e-mail address of so many characters, with the longest local part there may be."""
    domain = length - 65
    return "a" * 64 + "@" + "b" * 60 + "." + "c" * (domain - 61 - 4) + ".com"


def test_a_missing_client_is_404(api):
    expect_error(api.get("/clients/1"), 404, "The client could not be found.")


def test_a_client_has_exactly_the_members_of_the_contract_in_its_order(api, make_client):
    for client in (made := make_client(), api.get(f"/clients/{made['id']}").get_json()["data"]):
        assert list(client) == OBJECT
        assert list(client["category"]) == ["id", "name"]
        assert list(client["owner"]) == ["id", "name"]
        assert list(client["billing"]) == [*PLACE, "invoice_due_days"]
        assert list(client["shipping"]) == PLACE
        assert list(client["dates"]) == ["created", "updated"]


def test_creating_a_client_makes_its_owner(api, make_client):
    client = make_client(first_name="Jane", last_name="Doe", client_company_name="Acme Inc")
    assert client["company_name"] == "Acme Inc"
    assert client["owner"]["name"] == "Jane Doe"
    owner = api.get(f"/contacts/{client['owner']['id']}").get_json()["data"]
    assert owner["account_owner"] == "yes"
    assert owner["client"] == {"id": client["id"], "company_name": "Acme Inc"}
    assert owner["role"] == {"id": 2, "name": "Client"}


def test_creating_a_client_answers_201_with_its_place_and_a_message(api):
    body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    response = api.post("/clients", body)
    assert response.status_code == 201
    assert set(response.get_json()) == {"data", "message"}
    assert response.get_json()["message"] == "Client created successfully."
    location = response.headers["Location"]
    assert location == f"http://localhost/api/clients/{response.get_json()['data']['id']}"
    found = api.get(location.removeprefix("http://localhost/api"))
    assert found.get_json()["data"] == response.get_json()["data"]
    assert found.get_json()["message"] == "Client retrieved successfully."


def test_a_new_client_has_the_defaults(api, make_client):
    client = make_client(first_name="Jane", last_name="Doe")
    assert client["company_name"] == "Jane Doe"
    assert client["status"] == "active"
    assert client["category"] == {"id": 2, "name": "Default"}
    assert client["tags"] == []
    assert client["billing"] == dict.fromkeys([*PLACE, "invoice_due_days"])
    assert client["shipping"] == dict.fromkeys(PLACE)
    assert client["description"] is client["phone"] is client["website"] is client["vat"] is None
    assert client["dates"]["created"] == client["dates"]["updated"]
    assert re.fullmatch(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z", client["dates"]["created"]
    )


def test_the_default_company_name_is_cut_to_what_a_name_may_have(make_client):
    client = make_client(first_name="a" * 100, last_name="b" * 100)
    assert client["company_name"] == "a" * 100 + " " + "b" * 49


def test_everything_that_a_client_can_be_made_with_comes_back(api, make_client):
    category = api.post(
        "/categories", {"category_name": "Retail", "category_type": "client"}
    ).get_json()["data"]
    texts = {name: f"the {place}" for name, (_, place) in TEXTS.items()}
    client = make_client(
        client_company_name="Acme",
        client_categoryid=category["id"],
        client_billing_invoice_due_days="7",
        tags=["b", "a"],
        **texts,
    )
    assert client["category"] == {"id": category["id"], "name": "Retail"}
    assert client["billing"]["invoice_due_days"] == 7
    assert client["tags"] == ["b", "a"]
    for name, (_, place) in TEXTS.items():
        assert value_at(client, place) == texts[name]


@pytest.mark.parametrize(("name", "limit"), [(name, limit) for name, (limit, _) in TEXTS.items()])
def test_texts_have_their_length_and_no_more(api, make_client, name, limit):
    client = make_client(**{name: "é" * limit})
    assert value_at(client, TEXTS[name][1]) == "é" * limit
    field = name.replace("_", " ")
    sentence = f"The {field} may not be greater than {limit} characters."
    long = {name: "é" * (limit + 1), "client_company_name": "x"}
    names = {"first_name": "J", "last_name": "D", "email": "long@acme.example"}
    expect_error(api.post("/clients", {**names, **long}), 422, **{name: sentence})
    expect_error(api.patch(f"/clients/{client['id']}", long), 422, **{name: sentence})
    number = {name: 5, "client_company_name": "x"}
    expect_error(
        api.patch(f"/clients/{client['id']}", number),
        422,
        **{name: f"The {field} must be a string."},
    )


@pytest.mark.parametrize(
    ("name", "limit"), [("first_name", 100), ("last_name", 100), ("client_company_name", 150)]
)
def test_names_have_their_length_and_no_more(api, make_client, name, limit):
    make_client(**{name: "x" * limit})
    body = {"first_name": "J", "last_name": "D", "email": "j@acme.example", name: "x" * (limit + 1)}
    sentence = f"The {name.replace('_', ' ')} may not be greater than {limit} characters."
    expect_error(api.post("/clients", body), 422, **{name: sentence})


def test_an_address_may_have_190_characters(api, make_client):
    assert len(address_of_length(190)) == 190
    make_client(email=address_of_length(190))
    body = {"first_name": "J", "last_name": "D", "email": address_of_length(191)}
    expect_error(
        api.post("/clients", body), 422, email="The email may not be greater than 190 characters."
    )


@pytest.mark.parametrize("address", ["jane", "jane@", "@acme.example", "a b@acme.example", "a@b@c"])
def test_what_is_no_address_is_refused(api, address):
    body = {"first_name": "J", "last_name": "D", "email": address}
    expect_error(api.post("/clients", body), 422, email="The email must be a valid email address.")


@pytest.mark.parametrize("blank", [{}, dict.fromkeys(("first_name", "last_name", "email"), " ")])
def test_names_and_address_are_required(api, blank):
    body = expect_error(api.post("/clients", blank), 422)
    assert body["errors"] == {
        "first_name": ["The first name field is required."],
        "last_name": ["The last name field is required."],
        "email": ["The email field is required."],
    }


def test_all_errors_come_at_once(api, make_client):
    make_client(email="jane@acme.example")
    body = {
        "first_name": "",
        "email": "JANE@acme.example",
        "client_categoryid": 99,
        "client_billing_invoice_due_days": True,
        "client_phone": "5" * 51,
        "tags": ["fine", "x" * 101],
        "send_email": "maybe",
    }
    assert expect_error(api.post("/clients", body), 422)["errors"] == {
        "first_name": ["The first name field is required."],
        "last_name": ["The last name field is required."],
        "email": ["The email has already been taken."],
        "client_categoryid": ["The selected client categoryid is invalid."],
        "client_billing_invoice_due_days": [
            "The client billing invoice due days must be an integer."
        ],
        "client_phone": ["The client phone may not be greater than 50 characters."],
        "tags.1": ["The tags.1 may not be greater than 100 characters."],
        "send_email": ["The selected send email is invalid."],
    }


@pytest.mark.parametrize("days", [0, 32_767, "7", "32767"])
def test_due_days_may_be(make_client, days):
    client = make_client(client_billing_invoice_due_days=days)
    assert client["billing"]["invoice_due_days"] == int(days)


@pytest.mark.parametrize(
    ("days", "rule"),
    [
        (-1, "be between 0 and 32767"),
        (32_768, "be between 0 and 32767"),
        (1.5, "be an integer"),
        ("1.5", "be an integer"),
        ("seven", "be an integer"),
        (True, "be an integer"),
        ([7], "be an integer"),
        ("\N{FULLWIDTH DIGIT SEVEN}", "be an integer"),
    ],
)
def test_due_days_may_not_be(api, make_client, days, rule):
    body = {"client_company_name": "x", "client_billing_invoice_due_days": days}
    expect_error(
        api.patch(f"/clients/{make_client()['id']}", body),
        422,
        client_billing_invoice_due_days=f"The client billing invoice due days must {rule}.",
    )


@pytest.mark.parametrize("id", [0, -1, 99, "99"])
def test_a_category_must_exist(api, make_client, id):
    sentence = "The selected client categoryid is invalid."
    body = {"first_name": "J", "last_name": "D", "email": "j@acme.example"}
    expect_error(
        api.post("/clients", {**body, "client_categoryid": id}), 422, client_categoryid=sentence
    )
    change = {"client_company_name": "x", "client_categoryid": id}
    client = make_client()
    expect_error(api.patch(f"/clients/{client['id']}", change), 422, client_categoryid=sentence)
    assert api.get(f"/clients/{client['id']}").get_json()["data"] == client


def test_a_category_is_given_by_its_number(api, make_client):
    body = {"client_company_name": "x", "client_categoryid": "retail"}
    expect_error(
        api.patch(f"/clients/{make_client()['id']}", body),
        422,
        client_categoryid="The client categoryid must be an integer.",
    )


@pytest.mark.parametrize("tags", [None, "", []])
def test_a_client_may_be_made_with_no_tags(make_client, tags):
    # null was a 500.
    assert make_client(tags=tags)["tags"] == []


@pytest.mark.parametrize("address", ["jane@acme.example", "JANE@ACME.EXAMPLE"])
def test_an_address_is_taken_without_regard_to_case(api, make_client, address):
    make_client(email="Jane@acme.example")
    body = {"first_name": "J", "last_name": "D", "email": address}
    expect_error(api.post("/clients", body), 422, email="The email has already been taken.")
    assert api.get("/clients").get_json()["meta"]["total"] == 1


def test_an_address_of_the_team_is_taken(api):
    names = {"first_name": "Sam", "last_name": "Lee", "email": "sam@crm.example"}
    assert api.post("/team", {**names, "role_id": 3}).status_code == 201
    expect_error(api.post("/clients", names), 422, email="The email has already been taken.")


def test_a_contact_of_no_client_is_promoted(api, make_contact, make_client):
    contact = make_contact(
        first_name="Old", last_name="Name", email="kim@acme.example", phone="1", position="Buyer"
    )
    client = make_client(first_name="Kim", last_name="Lee", email="KIM@acme.example")
    assert client["owner"] == {"id": contact["id"], "name": "Kim Lee"}
    promoted = api.get(f"/contacts/{contact['id']}").get_json()["data"]
    assert promoted["account_owner"] == "yes"
    assert promoted["client"]["id"] == client["id"]
    assert (promoted["first_name"], promoted["last_name"]) == ("Kim", "Lee")
    assert (promoted["phone"], promoted["job_position"]) == ("1", "Buyer")
    assert promoted["dates"]["updated"] > contact["dates"]["updated"]
    for needle, total in {"kim lee": 1, "lee": 1, "old": 0, "name": 0}.items():
        found = api.get(f"/contacts?search={needle}").get_json()
        assert found["meta"]["total"] == total, needle


def test_a_contact_is_promoted_once(api, make_contact, make_client):
    make_contact(email="kim@acme.example")
    make_client(email="kim@acme.example")
    body = {"first_name": "Kim", "last_name": "Lee", "email": "kim@acme.example"}
    expect_error(api.post("/clients", body), 422, email="The email has already been taken.")


def test_a_client_that_is_refused_leaves_nothing_behind(api, make_contact):
    contact = make_contact(first_name="Kim", email="kim@acme.example")
    body = {"first_name": "New", "last_name": "Name", "email": "kim@acme.example"}
    expect_error(api.post("/clients", {**body, "client_categoryid": 99, "tags": ["new"]}), 422)
    assert api.get("/clients").get_json()["data"] == []
    assert api.get("/tags").get_json()["data"] == []
    assert api.get(f"/contacts/{contact['id']}").get_json()["data"] == contact


def test_send_email_queues_one_welcome(make_client, make_contact, pending_mail):
    make_client()
    make_client(send_email="no")
    assert pending_mail() == []
    make_client(email="one@acme.example", send_email="yes")
    assert pending_mail() == ["one@acme.example"]
    make_contact(email="two@acme.example")
    make_client(email="two@acme.example", send_email="yes")
    assert pending_mail() == ["one@acme.example", "two@acme.example"]


def test_no_mail_is_queued_for_what_is_refused(api, make_client, pending_mail):
    make_client(email="jane@acme.example")
    body = {"first_name": "J", "last_name": "D", "email": "jane@acme.example", "send_email": "yes"}
    expect_error(api.post("/clients", body), 422)
    assert pending_mail() == []


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_leaves_alone_what_it_does_not_name(api, make_client, method):
    texts = {name: f"old {name}" for name in TEXTS}
    client = make_client(client_billing_invoice_due_days=7, tags=["a"], **texts)
    response = api.call(
        method,
        f"/clients/{client['id']}",
        json={"client_company_name": "Acme GmbH", "client_vat": "DE1"},
    )
    assert response.status_code == 200
    assert response.get_json()["message"] == "Client updated successfully."
    changed = response.get_json()["data"]
    assert changed["dates"]["updated"] > client["dates"]["updated"]
    dates = {"created": client["dates"]["created"], "updated": changed["dates"]["updated"]}
    assert changed == client | {"company_name": "Acme GmbH", "vat": "DE1", "dates": dates}


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_null_and_blank_clear(api, make_client, blank):
    client = make_client(
        client_billing_invoice_due_days=7, **{name: f"old {name}" for name in TEXTS}
    )
    names = [*TEXTS, "client_billing_invoice_due_days"]
    changed = api.patch(
        f"/clients/{client['id']}", {"client_company_name": "Acme", **dict.fromkeys(names, blank)}
    ).get_json()["data"]
    assert [value_at(changed, place) for _, place in TEXTS.values()] == [None] * len(TEXTS)
    assert changed["billing"]["invoice_due_days"] is None


def test_a_cleared_category_is_the_default_one(api, make_client):
    category = api.post(
        "/categories", {"category_name": "Retail", "category_type": "client"}
    ).get_json()["data"]
    client = make_client(client_categoryid=category["id"])
    changed = api.patch(
        f"/clients/{client['id']}", {"client_company_name": "Acme", "client_categoryid": None}
    ).get_json()["data"]
    assert changed["category"] == {"id": 2, "name": "Default"}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("body", [{}, {"client_company_name": None}, {"client_company_name": " "}])
def test_a_change_needs_the_company_name(api, make_client, method, body):
    client = make_client()
    expect_error(
        api.call(method, f"/clients/{client['id']}", json={**body, "client_phone": "5"}),
        422,
        client_company_name="The client company name field is required.",
    )
    assert api.get(f"/clients/{client['id']}").get_json()["data"] == client


def test_status_is_changed_by_its_own_call(api, make_client):
    client = make_client()
    for status in ("suspended", "active"):
        response = api.put(f"/clients/{client['id']}/status", {"status": status})
        assert response.status_code == 200
        assert response.get_json()["message"] == "Client status updated successfully."
        changed = response.get_json()["data"]
        assert changed["status"] == status
        assert changed["dates"]["updated"] > client["dates"]["updated"]
        assert changed["dates"]["created"] == client["dates"]["created"]
        client = changed


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "The status field is required."),
        ({"status": ""}, "The status field is required."),
        ({"status": "maybe"}, "The selected status is invalid."),
        ({"status": "Active"}, "The selected status is invalid."),
        ({"status": True}, "The selected status is invalid."),
        ({"status": ["active"]}, "The selected status is invalid."),
    ],
)
def test_a_status_is_one_of_two(api, make_client, body, sentence):
    client = make_client()
    expect_error(api.put(f"/clients/{client['id']}/status", body), 422, status=sentence)
    assert api.get(f"/clients/{client['id']}").get_json()["data"] == client


def test_deleting_a_client_answers_with_its_id(api, make_client):
    client = make_client()
    response = api.delete(f"/clients/{client['id']}")
    assert response.status_code == 200
    assert response.get_json() == {
        "data": {"id": client["id"]},
        "message": "Client deleted successfully.",
    }
    expect_error(api.get(f"/clients/{client['id']}"), 404, "The client could not be found.")
    expect_error(api.delete(f"/clients/{client['id']}"), 404, "The client could not be found.")


def test_deleting_a_client_takes_its_users_links_and_values_along(app, api, make_client):
    api.post("/custom-fields", {"title": "Code", "type": "text", "name": "code"})
    client = make_client(email="jane@acme.example", tags=["vip"], code="x")
    other = make_client(tags=["vip"], code="y")
    more = {"first_name": "K", "last_name": "L", "email": "kim@acme.example"}
    contact = api.post("/contacts", {**more, "clientid": client["id"]}).get_json()["data"]
    gone = api.post("/contacts", {**more, "email": "g@acme.example", "clientid": client["id"]})
    api.delete(f"/contacts/{gone.get_json()['data']['id']}")
    api.delete(f"/clients/{client['id']}")
    for id in (client["owner"]["id"], contact["id"]):
        expect_error(api.get(f"/contacts/{id}"), 404, "The contact could not be found.")
    assert api.get("/tags").get_json()["data"][0]["count"] == 1
    tables = {"user": "client_id", "client_tag": "client_id", "custom_value": "client_id"}
    for table, column in tables.items():
        rows = app.database.execute_sql(f'SELECT DISTINCT {column} FROM "{table}"').fetchall()
        assert rows == [(other["id"],)], table
    for email in ("jane@acme.example", "kim@acme.example"):
        assert make_client(email=email)["id"] > client["id"]


def test_the_id_of_a_deleted_client_is_not_used_again(api, make_client):
    client = make_client()
    api.delete(f"/clients/{client['id']}")
    assert make_client()["id"] == client["id"] + 1


CALLS = [
    ("GET", "", None),
    ("PATCH", "", {"client_company_name": "x"}),
    ("PATCH", "", {}),
    ("PUT", "", {"client_company_name": "x"}),
    ("DELETE", "", None),
    ("PUT", "/tags", {"tags": []}),
    ("PUT", "/tags", {}),
    ("POST", "/tags", {"tags": []}),
    ("DELETE", "/tags/vip", None),
    ("PUT", "/status", {"status": "active"}),
    ("PUT", "/owner", {"owner": 1}),
]


@pytest.mark.parametrize("id", ["99", "0", "-1", "x", "9223372036854775808", "1.0"])
def test_what_is_no_client_is_404_in_every_call(api, id):
    for method, path, body in CALLS:
        options = {} if body is None else {"json": body}
        response = api.call(method, f"/clients/{id}{path}", **options)
        expect_error(response, 404, "The client could not be found.")


def test_every_call_that_returns_a_client_can_include_its_contacts(api, make_client):
    names = {"first_name": "J", "last_name": "D"}
    created = api.post("/clients?include=contacts", {**names, "email": "j@acme.example"})
    client = created.get_json()["data"]
    id = client["id"]
    second = api.post("/contacts", {**names, "email": "k@acme.example", "clientid": id})
    calls = [
        ("GET", f"/clients/{id}", None),
        ("PATCH", f"/clients/{id}", {"client_company_name": "x"}),
        ("PUT", f"/clients/{id}", {"client_company_name": "x"}),
        ("PUT", f"/clients/{id}/tags", {"tags": ["a"]}),
        ("POST", f"/clients/{id}/tags", {"tags": ["b"]}),
        ("DELETE", f"/clients/{id}/tags/b", None),
        ("PUT", f"/clients/{id}/status", {"status": "active"}),
        ("PUT", f"/clients/{id}/owner", {"owner": second.get_json()["data"]["id"]}),
    ]
    assert [contact["email"] for contact in client["contacts"]] == ["j@acme.example"]
    assert list(client) == [*OBJECT, "contacts"]
    for method, path, body in calls:
        options = {} if body is None else {"json": body}
        data = api.call(method, f"{path}?include=contacts", **options).get_json()["data"]
        emails = [contact["email"] for contact in data["contacts"]]
        assert emails == ["j@acme.example", "k@acme.example"], (method, path)
        assert "contacts" not in api.call(method, path, **options).get_json().get("data", {})


def test_included_contacts_are_those_that_the_contacts_call_shows(api, make_client):
    first, second = make_client(), make_client()
    data = api.get("/clients?include=contacts&order=asc").get_json()["data"]
    for client, shown in zip((first, second), data, strict=True):
        contact = api.get(f"/contacts/{client['owner']['id']}").get_json()["data"]
        assert shown["contacts"] == [contact]


def test_a_deleted_contact_is_not_included(api, make_client):
    client = make_client()
    api.delete(f"/contacts/{client['owner']['id']}")
    shown = api.get(f"/clients/{client['id']}?include=contacts").get_json()["data"]
    assert shown["contacts"] == []
    assert shown["owner"] is None


@pytest.mark.parametrize("value", ["", "users", "contacts,tags"])
def test_nothing_else_can_be_included(api, make_client, value):
    client = make_client()
    expect_error(
        api.get(f"/clients/{client['id']}?include={value}"),
        422,
        include="The selected include is invalid.",
    )


def test_surrounding_space_is_trimmed(make_client):
    client = make_client(first_name="  Jane ", client_company_name="\tAcme\n", client_phone=" 5 ")
    assert client["owner"]["name"] == "Jane Doe"
    assert (client["company_name"], client["phone"]) == ("Acme", "5")
