"""The filters and sorts of the list of clients, other than search."""

from urllib.parse import quote

import pytest
from conftest import expect_error


@pytest.fixture
def ids(api):
    """List clients and return their ids in the order of the answer."""

    def read(query=""):
        response = api.get(f"/clients?limit=100&{query}")
        assert response.status_code == 200, response.get_json()
        body = response.get_json()
        assert body["meta"]["total"] == len(body["data"])
        return [client["id"] for client in body["data"]]

    return read


@pytest.fixture
def three(api, make_client):
    """Three clients that differ in all that is filtered or sorted by."""
    category = api.post(
        "/categories", {"category_name": "Retail", "category_type": "client"}
    ).get_json()["data"]
    first = make_client(client_company_name="banana", tags=["a"], email="one@acme.example")
    second = make_client(client_company_name="Ápple", client_categoryid=category["id"])
    third = make_client(client_company_name="Cherry", tags=["A", "b"])
    second = api.put(f"/clients/{second['id']}/status", {"status": "suspended"})
    return [first, second.get_json()["data"], third]


def test_the_list_has_its_message_and_newest_first(api, three, ids):
    body = api.get("/clients").get_json()
    assert body["message"] == "Clients retrieved successfully."
    assert body["meta"] == {"current_page": 1, "per_page": 25, "total": 3, "last_page": 1}
    assert body["data"] == three[::-1]
    assert ids() == [3, 2, 1]


def test_an_empty_list_is_a_list(api):
    assert api.get("/clients").get_json() == {
        "data": [],
        "meta": {"current_page": 1, "per_page": 25, "total": 0, "last_page": 1},
        "message": "Clients retrieved successfully.",
    }


FILTERS = [
    ("status=active", [3, 1]),
    ("status=suspended", [2]),
    ("category_id=2", [3, 1]),
    ("category_id=3", [2]),
    ("category_id=99", []),
    ("category_id=-1", []),
    ("tag=a", [3, 1]),
    ("tag=A", [3, 1]),
    ("tag=a&tag=b", [3]),
    ("tag[]=a&tag[]=b", [3]),
    ("tag=a&tag=a", [3, 1]),
    ("tag=c", []),
    ("tag=a&tag=c", []),
    ("email=ONE@acme.example", [1]),
    ("email=one@ACME.example", [1]),
    ("email=nobody@acme.example", []),
    ("search=", [3, 2, 1]),
    ("owner_id=1", [1]),
    ("owner_id=99", []),
    ("status=active&category_id=3", []),
    ("status=active&tag=b&category_id=2&owner_id=3", [3]),
]


def test_filters(three, ids):
    for query, found in FILTERS:
        assert ids(query) == found, query


def test_email_is_that_of_any_user_and_not_of_a_deleted_one(api, three, make_contact, ids):
    contact = make_contact(clientid=2, email="kim@acme.example")
    assert ids("email=kim@acme.example") == [2]
    api.delete(f"/contacts/{contact['id']}")
    assert ids("email=kim@acme.example") == []


def test_owner_id_is_that_of_the_owner_alone(api, three, make_contact, ids):
    contact = make_contact(clientid=2)
    assert ids(f"owner_id={contact['id']}") == []
    api.put("/clients/2/owner", {"owner": contact["id"]})
    assert ids(f"owner_id={contact['id']}") == [2]
    assert ids("owner_id=2") == []


def test_after_includes_the_moment_and_before_does_not(three, ids):
    for name in ("created", "updated"):
        moments = [client["dates"][name] for client in three]
        for client, moment in zip(three, moments, strict=True):
            later = [c["id"] for c in three if c["dates"][name] >= moment]
            assert sorted(ids(f"{name}_after={moment}")) == later, (name, client["id"])
            earlier = [c["id"] for c in three if c["dates"][name] < moment]
            assert sorted(ids(f"{name}_before={moment}")) == earlier, (name, client["id"])


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("2000-01-01", [3, 2, 1]),
        ("2000-01-01T00:00:00Z", [3, 2, 1]),
        ("2000-01-01T00:00:00.5+02:00", [3, 2, 1]),
        ("2999-12-31", []),
    ],
)
def test_times_are_iso_8601(three, ids, moment, found):
    assert ids(f"created_after={quote(moment)}") == found
    assert ids(f"updated_before={quote(moment)}") == [3, 2, 1][len(found) :]


def test_an_offset_is_reckoned_with(three, ids):
    moment = three[0]["dates"]["created"].replace("Z", "")
    assert ids(f"created_after={quote(moment + '+00:00')}") == [3, 2, 1]
    assert ids(f"created_after={quote(moment + '-01:00')}") == []
    assert ids(f"created_before={quote(moment + '-01:00')}") == [3, 2, 1]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort=client_company_name&order=asc", [2, 1, 3]),
        ("sort=client_company_name", [3, 1, 2]),
        ("sort=client_status&order=asc", [1, 3, 2]),
        ("sort=client_status", [2, 3, 1]),
        ("sort=client_created&order=asc", [1, 2, 3]),
        ("sort=client_created", [3, 2, 1]),
        ("sort=client_updated&order=asc", [1, 3, 2]),
        ("sort=client_updated&order=desc", [2, 3, 1]),
    ],
)
def test_sorts(api, three, ids, query, order):
    # A name is sorted by its letters, whatever its case; the accent stands behind them.
    api.patch("/clients/2", {"client_company_name": "Apple"})
    assert ids(query) == order


WRONG = [
    ("status=maybe", "The selected status is invalid."),
    ("status=", "The selected status is invalid."),
    ("status=Active", "The selected status is invalid."),
    ("category_id=abc", "The category id must be an integer."),
    ("category_id=", "The category id must be an integer."),
    ("category_id=1.5", "The category id must be an integer."),
    ("owner_id=x", "The owner id must be an integer."),
    ("sort=id", "The selected sort is invalid."),
    ("sort=", "The selected sort is invalid."),
    ("order=up", "The selected order is invalid."),
    ("tag=", "The selected tag is invalid."),
    ("tag=a&tag=", "The selected tag is invalid."),
    ("tag[]=", "The selected tag is invalid."),
    ("created_after=yesterday", "The created after must be a valid date."),
    ("created_before=2026-02-30", "The created before must be a valid date."),
    ("updated_after=", "The updated after must be a valid date."),
    ("updated_before=1", "The updated before must be a valid date."),
    ("email=", "The email must be a valid email address."),
    ("email=notanemail", "The email must be a valid email address."),
    ("email=one@acme", "The email must be a valid email address."),
    ("email=%25", "The email must be a valid email address."),
    ("email[]=one@acme.example", "The email must be a string."),
    ("status=active&status=suspended", "The status may be given only once."),
    ("category_id=1&category_id=2", "The category id may be given only once."),
    ("search=a&search=a", "The search may be given only once."),
    ("limit=1&limit=2", "The limit may be given only once."),
    ("cursor=&cursor=", "The cursor may be given only once."),
    ("include=", "The selected include is invalid."),
    ("owner_id=", "The owner id must be an integer."),
    ("page=", "The page must be an integer."),
    ("email=%00", "The email contains characters that are not allowed."),
]


def test_a_value_that_is_not_allowed_is_no_guess(api, three):
    for query, sentence in WRONG:
        name = query.partition("=")[0].removesuffix("[]")
        expect_error(api.get(f"/clients?{query}"), 422, **{name: sentence})


FIELDS = {
    "text": ("gold & co", "Gold", None),
    "paragraph": ("one\ntwo", "one", None),
    "number": (42, 43, "The custom must be an integer."),
    "decimal": (2.5, 2, "The custom must be a number."),
    "date": ("2026-06-15", "2026-06-16", "The custom must be a valid date."),
    "checkbox": ("yes", "no", "The selected custom is invalid."),
    "dropdown": ("gold", "silver", "The selected custom is invalid."),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_clients_are_filtered_by_a_custom_field(api, make_client, ids, kind):
    value, other, sentence = FIELDS[kind]
    body = {"title": "T", "name": "custom", "type": kind, "options": ["gold", "silver"]}
    assert api.post("/custom-fields", body).status_code == 201
    make_client(custom=value)
    make_client()
    assert ids(f"custom={quote(str(value))}") == [1]
    assert ids(f"custom={quote(str(other))}") == []
    assert ids(f"custom={quote(str(value))}&status=suspended") == []
    if sentence is not None:
        expect_error(api.get("/clients?custom=maybe"), 422, custom=sentence)
    # A text that was left blank listed nothing.
    blank = sentence or "The selected custom is invalid."
    expect_error(api.get("/clients?custom="), 422, custom=blank)
    twice = f"/clients/export?custom={value}&custom={value}"
    expect_error(api.get(twice), 422, custom="The custom may be given only once.")


def test_two_custom_fields_must_both_match(api, make_client, ids):
    for name in ("tier", "region"):
        api.post("/custom-fields", {"title": name, "name": name, "type": "text"})
    make_client(tier="a", region="x")
    make_client(tier="a", region="y")
    assert ids("tier=a") == [2, 1]
    assert ids("tier=a&region=y") == [2]


def test_filters_may_be_many(api, make_client, ids):
    # Ninety tags, or a hundred custom fields, overflowed SQLite's parser: a 500.
    fields = {f"field{number}": "x" for number in range(120)}
    for name in fields:
        api.post("/custom-fields", {"title": "T", "type": "text", "name": name})
    tags = [f"t{number}" for number in range(100)]
    make_client(tags=tags, **fields)
    make_client(tags=tags[1:])
    assert ids("&".join(f"tag={tag}" for tag in tags)) == [1]
    assert ids("&".join(f"tag={tag}" for tag in tags[1:])) == [2, 1]
    assert ids("&".join(f"tag=t{number}" for number in range(900))) == []
    assert ids("&".join(f"{name}=x" for name in fields)) == [1]


def test_a_required_custom_field_is_no_required_filter(api, make_client, ids):
    make_client()
    body = {"title": "T", "name": "tier", "type": "text", "required": "yes"}
    api.post("/custom-fields", body)
    assert ids() == [1]
    assert ids("foo=bar") == [1]


def test_a_field_that_is_not_defined_is_no_filter_and_is_told(api, make_client):
    make_client()
    response = api.get("/clients?tier=a")
    assert response.headers["Ignored-Parameters"] == "tier"
    assert response.get_json()["meta"]["total"] == 1
    response = api.get("/clients?tier=a", headers={"Prefer": "handling=strict"})
    expect_error(response, 422, tier="The tier parameter is not known here.")
