"""The calls of the public documentation, as curl and PHP send them, one after the other."""

from conftest import expect_error


def ok(response, message, status=200):
    """Check the envelope of an answer and return its data."""
    body = response.get_json()
    assert (response.status_code, body.get("message")) == (status, message), body
    assert set(body) <= {"data", "meta", "message"}
    assert "Ignored-Parameters" not in response.headers
    return body["data"]


def test_clients_from_creation_to_deletion(api):
    created = api.post(
        "/clients",
        form=[
            ("first_name", "Jane"),
            ("last_name", "Doe"),
            ("email", "jane@acme.example"),
            ("client_company_name", "Acme Inc"),
            ("client_categoryid", "2"),
            ("client_description", "Key account."),
            ("client_phone", "+1 555 0100"),
            ("client_website", "https://acme.example"),
            ("client_vat", "GB123456789"),
            ("client_billing_street", "1 Market St"),
            ("client_billing_city", "San Francisco"),
            ("client_billing_state", "CA"),
            ("client_billing_zip", "94105"),
            ("client_billing_country", "United States"),
            ("client_billing_invoice_due_days", "7"),
            ("tags[]", "priority"),
            ("tags[]", "retainer"),
            ("send_email", "no"),
        ],
    )
    client = ok(created, "Client created successfully.", 201)
    assert client["billing"] == {
        "street": "1 Market St",
        "city": "San Francisco",
        "state": "CA",
        "zip": "94105",
        "country": "United States",
        "invoice_due_days": 7,
    }
    path = f"/clients/{client['id']}"
    assert ok(api.get(path), "Client retrieved successfully.") == client

    query = "status=active&category_id=2&search=acme&sort=client_created&order=desc&limit=25&page=1"
    found = api.get(f"/clients?{query}")
    assert ok(found, "Clients retrieved successfully.") == [client]
    meta = {"current_page": 1, "per_page": 25, "total": 1, "last_page": 1}
    assert found.get_json()["meta"] == meta

    form = [("client_company_name", "Acme Incorporated"), ("client_phone", "+1 555 0199")]
    changed = ok(api.patch(path, form=form), "Client updated successfully.")
    assert (changed["company_name"], changed["phone"]) == ("Acme Incorporated", "+1 555 0199")
    assert changed["vat"] == "GB123456789"

    form = [("tags[]", "priority"), ("tags[]", "vip")]
    tagged = ok(api.put(f"{path}/tags", form=form), "Client tags updated successfully.")
    assert tagged["tags"] == ["priority", "vip"]

    form = [("status", "suspended")]
    answer = api.put(f"{path}/status", form=form)
    assert ok(answer, "Client status updated successfully.")["status"] == "suspended"

    contact = api.post(
        "/contacts",
        form=[
            ("first_name", "John"),
            ("last_name", "Roe"),
            ("email", "john@acme.example"),
            ("clientid", str(client["id"])),
        ],
    )
    contact = ok(contact, "Contact created successfully.", 201)
    answer = api.put(f"{path}/owner", form=[("owner", str(contact["id"]))])
    owned = ok(answer, "Client account owner updated successfully.")
    assert owned["owner"] == {"id": contact["id"], "name": "John Roe"}

    assert ok(api.delete(path), "Client deleted successfully.") == {"id": client["id"]}
    expect_error(api.get(path), 404, "The client could not be found.")


def test_contacts_from_creation_to_deletion(api, make_client):
    client = make_client(client_company_name="Acme Inc")
    created = api.post(
        "/contacts",
        form=[
            ("first_name", "Jane"),
            ("last_name", "Doe"),
            ("email", "jane@acme.example"),
            ("clientid", str(client["id"])),
            ("phone", "+1 555 0100"),
            ("position", "Procurement Lead"),
            ("send_email", "no"),
        ],
    )
    contact = ok(created, "Contact created successfully.", 201)
    assert contact["job_position"] == "Procurement Lead"
    path = f"/contacts/{contact['id']}"
    assert ok(api.get(path), "Contact retrieved successfully.") == contact

    query = f"client_id={client['id']}&status=active&account_owner=no&search=jane&sort=first_name"
    found = api.get(f"/contacts?{query}&order=asc&limit=25&page=1")
    assert ok(found, "Contacts retrieved successfully.") == [contact]

    form = [
        ("first_name", "Jane"),
        ("last_name", "Smith"),
        ("email", "jane@acme.example"),
        ("position", "Head of Procurement"),
    ]
    changed = ok(api.patch(path, form=form), "Contact updated successfully.")
    assert (changed["name"], changed["phone"]) == ("Jane Smith", "+1 555 0100")
    assert changed["job_position"] == "Head of Procurement"

    answer = api.put(f"{path}/account-owner")
    assert ok(answer, "Contact set as account owner successfully.")["account_owner"] == "yes"
    owner = {"id": contact["id"], "name": "Jane Smith"}
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["owner"] == owner

    assert ok(api.delete(path), "Contact deleted successfully.") == {"id": contact["id"]}
    expect_error(api.get(path), 404, "The contact could not be found.")


def test_categories_from_creation_to_deletion(api, make_client):
    created = api.post(
        "/categories",
        form=[
            ("category_name", "Retail"),
            ("category_type", "client"),
            ("category_visibility", "everyone"),
            ("category_description", "Shops."),
            ("category_icon", "ti ti-folder"),
        ],
    )
    category = ok(created, "Category created successfully.", 201)
    assert category["slug"] == f"{category['id']}-retail"
    path = f"/categories/{category['id']}"
    assert ok(api.get(path), "Category retrieved successfully.") == category
    query = "type=client&visibility=everyone&search=retail&sort=category_name&order=asc&limit=25"
    assert ok(api.get(f"/categories?{query}"), "Categories retrieved successfully.") == [category]

    form = [("category_name", "Retail & Food"), ("category_icon", "ti ti-basket")]
    changed = ok(api.patch(path, form=form), "Category updated successfully.")
    assert (changed["name"], changed["description"]) == ("Retail & Food", "Shops.")

    names = [("first_name", "Sam"), ("last_name", "Lee"), ("role_id", "3")]
    users = [
        ok(
            api.post("/team", form=[*names, ("email", f"sam{n}@crm.example")]),
            "Team member created successfully.",
            201,
        )["id"]
        for n in range(2)
    ]
    form = [("users[]", str(user)) for user in users]
    assigned = ok(api.put(f"{path}/team", form=form), "Category team updated successfully.")
    assert assigned["users_count"] == 2

    make_client(client_categoryid=category["id"])
    assert "igrate" in expect_error(api.delete(path), 409)["message"]
    answer = api.put(f"{path}/migrate", form=[("target_id", "2")])
    assert ok(answer, "Category resources migrated successfully.")["count"] == 0
    assert ok(api.delete(path), "Category deleted successfully.") == {"id": category["id"]}


def test_the_team_from_creation_to_deletion(api):
    created = api.post(
        "/team",
        form=[
            ("first_name", "Jane"),
            ("last_name", "Doe"),
            ("email", "jane@crm.example"),
            ("role_id", "3"),
            ("phone", "12345"),
            ("position", "Developer"),
            ("send_email", "no"),
        ],
    )
    member = ok(created, "Team member created successfully.", 201)
    assert member["role"] == {"id": 3, "name": "Staff"}
    path = f"/team/{member['id']}"
    assert ok(api.get(path), "Team member retrieved successfully.") == member
    found = api.get("/team?role_id=3&status=active&search=jane&sort=created&order=desc")
    assert ok(found, "Team members retrieved successfully.") == [member]

    form = [
        ("first_name", "Jane"),
        ("last_name", "Smith"),
        ("email", "jane@crm.example"),
        ("role_id", "1"),
    ]
    changed = ok(api.patch(path, form=form), "Team member updated successfully.")
    assert (changed["name"], changed["role"]["name"]) == ("Jane Smith", "Administrator")
    assert changed["phone"] == "12345"
    assert ok(api.delete(path), "Team member deleted successfully.") == {"id": member["id"]}
    expect_error(api.get(path), 404, "The team member could not be found.")


def test_the_same_call_in_three_encodings_has_the_same_effect(api, make_client):
    client = make_client()
    path = f"/clients/{client['id']}"
    values = {"client_company_name": " Acme ", "client_billing_invoice_due_days": "7"}
    answers = [
        api.patch(path, values),
        api.patch(path, form=list(values.items())),
        api.call("PATCH", path, data=values, content_type="multipart/form-data"),
    ]
    for response in answers:
        data = ok(response, "Client updated successfully.")
        assert data["company_name"] == "Acme"
        assert data["billing"]["invoice_due_days"] == 7
