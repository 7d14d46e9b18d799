"""Categories, as the contract's section 4 describes them."""

import pytest
from conftest import expect_error

MISSING = "The category could not be found."
OBJECT = [
    "id",
    "name",
    "description",
    "type",
    "visibility",
    "icon",
    "system_default",
    "slug",
    "count",
    "users_count",
    "dates",
]


@pytest.fixture
def make_category(api):
    def make(name="Retail", **more):
        body = {"category_name": name, "category_type": "client", **more}
        response = api.post("/categories", body)
        assert response.status_code == 201, response.get_json()
        return response.get_json()["data"]

    return make


@pytest.fixture
def make_member(api):
    def make(name):
        body = {"first_name": name, "last_name": "Lee", "email": f"{name}@crm.example"}
        return api.post("/team", {**body, "role_id": 3}).get_json()["data"]["id"]

    return make


def get(api, path):
    return api.get(path).get_json()["data"]


def test_a_new_database_has_the_system_default(api):
    body = api.get("/categories").get_json()
    assert body["message"] == "Categories retrieved successfully."
    (category,) = body["data"]
    assert list(category) == OBJECT
    assert (category["id"], category["name"], category["system_default"]) == (2, "Default", "yes")
    assert (category["type"], category["visibility"]) == ("client", "everyone")


def test_a_category_is_made(api):
    body = {
        "category_name": "Retail & Co",
        "category_type": "client",
        "category_visibility": "team",
        "category_description": "Shops",
        "category_icon": "sl-icon-bag",
    }
    response = api.post("/categories", body)
    assert response.status_code == 201
    category = response.get_json()["data"]
    assert response.get_json()["message"] == "Category created successfully."
    assert response.headers["Location"] == f"http://localhost/api/categories/{category['id']}"
    assert category["dates"]["created"] == category["dates"]["updated"]
    assert list(category) == OBJECT
    assert category == {
        "id": 3,
        "name": "Retail & Co",
        "description": "Shops",
        "type": "client",
        "visibility": "team",
        "icon": "sl-icon-bag",
        "system_default": "no",
        "slug": "3-retail-co",
        "count": 0,
        "users_count": 0,
        "dates": category["dates"],
    }
    answer = api.get("/categories/3").get_json()
    assert answer == {"data": category, "message": "Category retrieved successfully."}


def test_what_is_left_out_has_a_default(make_category):
    category = make_category()
    assert (category["visibility"], category["description"], category["icon"]) == (
        "everyone",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("name", "slug"), [("École & Söhne", "3-école-söhne"), ("日本", "3-日本"), ("!!!", "3")]
)
def test_a_slug_is_the_id_and_the_words_of_the_name(make_category, name, slug):
    assert make_category(name)["slug"] == slug


@pytest.mark.parametrize("name", ["Retail", "RETAIL", " retail "])
def test_a_name_is_taken_within_its_type_without_regard_to_case(api, make_category, name):
    make_category("Retail")
    other = make_category("Other")
    sentence = "A category with this name already exists."
    body = {"category_name": name, "category_type": "client"}
    expect_error(api.post("/categories", body), 422, category_name=sentence)
    for method in ("PATCH", "PUT"):
        response = api.call(method, f"/categories/{other['id']}", json={"category_name": name})
        expect_error(response, 422, category_name=sentence)
    assert get(api, f"/categories/{other['id']}") == other


def test_names_in_every_script_are_compared_without_regard_to_case(api, make_category):
    make_category("Школа")
    body = {"category_name": "ШКОЛА", "category_type": "client"}
    sentence = "A category with this name already exists."
    expect_error(api.post("/categories", body), 422, category_name=sentence)


def test_all_errors_come_at_once(api):
    body = {
        "category_name": "default",
        "category_type": "expense",
        "category_visibility": "x" * 51,
        "category_description": "x" * 65_536,
        "category_icon": 5,
    }
    assert expect_error(api.post("/categories", body), 422)["errors"] == {
        "category_name": ["A category with this name already exists."],
        "category_type": ["The selected category type is invalid."],
        "category_visibility": ["The category visibility may not be greater than 50 characters."],
        "category_description": [
            "The category description may not be greater than 65535 characters."
        ],
        "category_icon": ["The category icon must be a string."],
    }
    assert expect_error(api.post("/categories", {}), 422)["errors"] == {
        "category_name": ["The category name field is required."],
        "category_type": ["The category type field is required."],
    }


def test_a_name_may_have_150_characters(api, make_category):
    assert make_category("é" * 150)["name"] == "é" * 150
    body = {"category_name": "é" * 151, "category_type": "client"}
    sentence = "The category name may not be greater than 150 characters."
    expect_error(api.post("/categories", body), 422, category_name=sentence)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_leaves_alone_what_it_does_not_name(api, make_category, method):
    category = make_category(category_description="Shops", category_visibility="team")
    response = api.call(
        method,
        f"/categories/{category['id']}",
        json={"category_name": "Wholesale", "category_icon": "x", "category_type": "expense"},
    )
    assert response.status_code == 200
    assert response.headers["Ignored-Parameters"] == "category_type"
    assert response.get_json()["message"] == "Category updated successfully."
    changed = response.get_json()["data"]
    dates = {**category["dates"], "updated": changed["dates"]["updated"]}
    assert changed["dates"]["updated"] > category["dates"]["updated"]
    more = {"name": "Wholesale", "slug": "3-wholesale", "icon": "x", "dates": dates}
    assert changed == category | more


def test_a_change_needs_the_name(api, make_category):
    category = make_category()
    response = api.patch(f"/categories/{category['id']}", {"category_icon": "x"})
    expect_error(response, 422, category_name="The category name field is required.")


def test_null_and_blank_clear(api, make_category):
    category = make_category(
        category_description="Shops", category_icon="x", category_visibility="team"
    )
    body = {
        "category_name": "RETAIL",
        "category_description": "",
        "category_icon": None,
        "category_visibility": None,
    }
    changed = api.patch(f"/categories/{category['id']}", body).get_json()["data"]
    assert (changed["name"], changed["visibility"]) == ("RETAIL", "everyone")
    assert changed["description"] is changed["icon"] is None


def test_a_renamed_category_is_seen_in_its_clients(api, make_category, make_client):
    category = make_category()
    client = make_client(client_categoryid=category["id"])
    api.patch(f"/categories/{category['id']}", {"category_name": "Wholesale"})
    shown = get(api, f"/clients/{client['id']}")
    assert shown["category"] == {"id": category["id"], "name": "Wholesale"}


def test_an_empty_category_can_be_deleted(api, make_category):
    category = make_category()
    response = api.delete(f"/categories/{category['id']}")
    assert response.status_code == 200
    assert response.get_json() == {
        "data": {"id": category["id"]},
        "message": "Category deleted successfully.",
    }
    expect_error(api.get(f"/categories/{category['id']}"), 404, MISSING)
    assert make_category()["id"] == category["id"] + 1


def test_a_category_with_a_team_can_be_deleted(api, make_category, make_member):
    category = make_category()
    api.put(f"/categories/{category['id']}/team", {"users": [make_member("sam")]})
    assert api.delete(f"/categories/{category['id']}").status_code == 200


def test_a_category_with_clients_stays(api, make_category, make_client):
    category = make_category()
    client = make_client(client_categoryid=category["id"])
    body = expect_error(api.delete(f"/categories/{category['id']}"), 409)
    assert "igrate" in body["message"]
    assert get(api, f"/categories/{category['id']}")["count"] == 1
    api.delete(f"/clients/{client['id']}")
    assert api.delete(f"/categories/{category['id']}").status_code == 200


def test_the_system_default_stays(api):
    body = expect_error(api.delete("/categories/2"), 409)
    assert "migrate" in body["message"]
    assert get(api, "/categories/2")["name"] == "Default"


def test_counts_follow_the_clients(api, make_category, make_client):
    category = make_category()
    path = f"/categories/{category['id']}"
    client = make_client(client_categoryid=category["id"])
    make_client(client_categoryid=category["id"])
    assert (get(api, path)["count"], get(api, "/categories/2")["count"]) == (2, 0)
    api.patch(f"/clients/{client['id']}", {"client_company_name": "x", "client_categoryid": 2})
    assert (get(api, path)["count"], get(api, "/categories/2")["count"]) == (1, 1)
    api.put(f"/clients/{client['id']}/status", {"status": "suspended"})
    assert get(api, "/categories/2")["count"] == 1
    assert {shown["id"]: shown["count"] for shown in get(api, "/categories")} == {2: 1, 3: 1}


def test_migrate_moves_all_clients(api, make_category, make_client):
    source, target = make_category("Source"), make_category("Target")
    moved = [make_client(client_categoryid=source["id"]) for _ in range(3)]
    stays = make_client()
    response = api.put(f"/categories/{source['id']}/migrate", {"target_id": target["id"]})
    assert response.status_code == 200
    assert response.get_json()["message"] == "Category resources migrated successfully."
    assert response.get_json()["data"]["id"] == source["id"]
    assert response.get_json()["data"]["count"] == 0
    assert get(api, f"/categories/{target['id']}")["count"] == 3
    for client in moved:
        shown = get(api, f"/clients/{client['id']}")
        assert shown["category"] == {"id": target["id"], "name": "Target"}
        assert shown["dates"]["updated"] > client["dates"]["updated"]
    assert get(api, f"/clients/{stays['id']}") == stays
    assert api.delete(f"/categories/{source['id']}").status_code == 200


def test_the_default_can_be_emptied_by_migrating(api, make_category, make_client):
    make_client()
    target = make_category()
    response = api.put("/categories/2/migrate", {"target_id": str(target["id"])})
    assert response.get_json()["data"]["count"] == 0
    assert get(api, f"/categories/{target['id']}")["count"] == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "The target id field is required."),
        ({"target_id": None}, "The target id field is required."),
        ({"target_id": "x"}, "The target id must be an integer."),
        ({"target_id": 99}, "The selected target id is invalid."),
        ({"target_id": 0}, "The selected target id is invalid."),
        ({"target_id": 3}, "The selected target id is invalid."),
    ],
)
def test_the_target_is_another_category(api, make_category, make_client, body, sentence):
    category = make_category()
    make_client(client_categoryid=category["id"])
    response = api.put(f"/categories/{category['id']}/migrate", body)
    expect_error(response, 422, target_id=sentence)
    assert get(api, "/categories/3")["count"] == 1


def test_a_team_is_set_as_a_whole(api, make_category, make_member):
    category = make_category()
    path = f"/categories/{category['id']}"
    sam, pat, lou = make_member("sam"), make_member("pat"), make_member("lou")
    response = api.put(f"{path}/team", {"users": [sam, pat, sam]})
    assert response.status_code == 200
    assert response.get_json()["message"] == "Category team updated successfully."
    assert response.get_json()["data"]["users_count"] == 2
    response = api.put(f"{path}/team", form=[("users[]", str(lou))])
    assert response.get_json()["data"]["users_count"] == 1
    assert response.get_json()["data"]["dates"]["updated"] > category["dates"]["updated"]
    assert api.put(f"{path}/team", {"users": []}).get_json()["data"]["users_count"] == 0


def test_a_deleted_member_is_off_the_categories(api, make_category, make_member):
    category = make_category()
    sam, pat = make_member("sam"), make_member("pat")
    path = f"/categories/{category['id']}"
    api.put(f"{path}/team", {"users": [sam, pat]})
    api.delete(f"/team/{sam}")
    assert get(api, path)["users_count"] == 1
    response = api.put(f"{path}/team", {"users": [sam]})
    expect_error(response, 422, **{"users.0": "The selected users.0 is invalid."})
    assert get(api, path)["users_count"] == 1


def test_only_team_members_are_in_a_team(api, make_category, make_member, make_client):
    sam = make_member("sam")
    path = f"/categories/{make_category()['id']}"
    api.put(f"{path}/team", {"users": [sam]})
    for wrong in (make_client()["owner"]["id"], 99):
        response = api.put(f"{path}/team", {"users": [sam, wrong]})
        expect_error(response, 422, **{"users.1": "The selected users.1 is invalid."})
    assert get(api, path)["users_count"] == 1


@pytest.mark.parametrize(
    ("users", "errors"),
    [
        (None, {"users": ["The users field is required."]}),
        (7, {"users": ["The users must be an array."]}),
        (["x"], {"users.0": ["The users.0 must be an integer."]}),
        ([0], {"users.0": ["The selected users.0 is invalid."]}),
        ([True], {"users.0": ["The users.0 must be an integer."]}),
    ],
)
def test_a_team_is_an_array_of_ids(api, users, errors):
    body = expect_error(api.put("/categories/2/team", {"users": users}), 422)
    assert body["errors"] == errors


@pytest.mark.parametrize("id", ["99", "0", "x", "9223372036854775808"])
def test_what_is_no_category_is_404(api, id):
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"category_name": "x"}),
        ("PATCH", "", {}),
        ("PUT", "", {"category_name": "x"}),
        ("DELETE", "", None),
        ("PUT", "/team", {"users": []}),
        ("PUT", "/migrate", {"target_id": 2}),
        ("PUT", "/migrate", {}),
    ):
        options = {} if body is None else {"json": body}
        expect_error(api.call(method, f"/categories/{id}{path}", **options), 404, MISSING)


LISTS = [
    ("", [4, 3, 2]),
    ("order=asc", [2, 3, 4]),
    ("sort=category_name", [3, 2, 4]),
    ("sort=category_name&order=asc", [4, 2, 3]),
    ("sort=category_type", [4, 3, 2]),
    ("sort=category_type&order=asc", [2, 3, 4]),
    ("sort=category_created", [4, 3, 2]),
    ("sort=category_created&order=asc", [2, 3, 4]),
    ("type=client", [4, 3, 2]),
    ("visibility=team", [3]),
    ("visibility=everyone", [4, 2]),
    ("search=ÉT", [3]),
    ("search=a&visibility=everyone", [4, 2]),
]


def test_the_list_is_filtered_and_sorted(api, make_category):
    make_category("Étage", category_visibility="team")
    make_category("alpha")
    for query, ids in LISTS:
        body = api.get(f"/categories?{query}").get_json()
        assert [category["id"] for category in body["data"]] == ids, query
        assert body["meta"]["total"] == len(ids)


def test_a_value_that_is_not_allowed_is_no_guess(api):
    for query in ("visibility=", "type=", "sort=name"):
        name = query.partition("=")[0]
        sentence = f"The selected {name} is invalid."
        expect_error(api.get(f"/categories?{query}"), 422, **{name: sentence})


def test_of_types_other_than_client_there_are_none(api):
    # Any word is taken, as the API that this one stands in for has other types too.
    assert api.get("/categories?type=client").get_json()["meta"]["total"] == 1
    for word in ("expense", "lead", "Client"):
        body = api.get(f"/categories?type={word}").get_json()
        assert (body["data"], body["meta"]["total"]) == ([], 0)
    expect_error(api.get("/categories?type="), 422, type="The selected type is invalid.")
