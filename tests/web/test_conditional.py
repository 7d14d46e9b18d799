"""ETag, If-None-Match and If-Match: what is unchanged is not sent, what has changed is kept."""

from __future__ import annotations

import pytest
from conftest import expect_error

CHANGED = "The client has changed since you read it."


def tag_of(api, path, **headers):
    tag = api.get(path, headers=headers).headers["ETag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    return tag


@pytest.fixture
def path(make_client):
    return f"/clients/{make_client()['id']}"


def test_every_single_record_has_an_etag(api, make_client, make_contact):
    client = make_client(tags=["a"])
    field = api.post("/custom-fields", {"title": "A", "type": "text"}).get_json()["data"]
    member = api.post(
        "/team",
        {"first_name": "S", "last_name": "L", "email": "s@crm.example", "role_id": 3},
    ).get_json()["data"]
    paths = [
        f"/clients/{client['id']}",
        f"/contacts/{make_contact()['id']}",
        "/categories/2",
        f"/team/{member['id']}",
        "/tags/1",
        f"/custom-fields/{field['id']}",
    ]
    for path in paths:
        tag = tag_of(api, path)
        response = api.get(path, headers={"If-None-Match": tag})
        assert response.status_code == 304, path
        assert response.headers["ETag"] == tag
        assert response.get_data() == b""
        assert api.call("HEAD", path).headers["ETag"] == tag


def test_lists_have_no_etag(api, path):
    assert "ETag" not in api.get("/clients").headers


def test_the_etag_moves_with_every_change(api, path):
    seen = {tag_of(api, path)}
    changes = [
        ("PATCH", "", {"client_company_name": "New"}),
        ("PUT", "/tags", {"tags": ["a"]}),
        ("PUT", "/status", {"status": "suspended"}),
        ("POST", "/tags", {"tags": ["b"]}),
        ("DELETE", "/tags/a", None),
    ]
    for method, action, body in changes:
        response = api.call(method, path + action, json=body)
        assert response.status_code == 200
        tag = tag_of(api, path)
        assert response.headers["ETag"] == tag, "a change tells the new state"
        assert tag not in seen
        seen.add(tag)
    created = api.post(
        "/clients", {"first_name": "A", "last_name": "B", "email": "ab@acme.example"}
    )
    assert created.headers["ETag"] == tag_of(api, f"/clients/{created.get_json()['data']['id']}")


def test_the_etag_moves_with_the_owners_name(api, make_client):
    client = make_client()
    path = f"/clients/{client['id']}"
    before = tag_of(api, path)
    contact = api.get(f"/contacts/{client['owner']['id']}").get_json()["data"]
    body = {"first_name": "Other", "last_name": "Name", "email": contact["email"]}
    assert api.patch(f"/contacts/{contact['id']}", body).status_code == 200
    assert tag_of(api, path) != before


@pytest.mark.parametrize("header", ["{tag}", "W/{tag}", '"x", {tag}', '"x",W/{tag}', "*"])
def test_a_record_that_the_caller_has_is_304(api, path, header):
    value = header.replace("{tag}", tag_of(api, path))
    for method in ("GET", "HEAD"):
        response = api.call(method, path, headers={"If-None-Match": value})
        assert response.status_code == 304
        assert response.headers["Cache-Control"] == "no-store, no-transform"


@pytest.mark.parametrize("header", ['"x"', "", "garbage", '"', '"x', "W/", ",,,", '""', "{bare}x"])
def test_a_record_that_the_caller_does_not_have_is_sent(api, path, header):
    value = header.replace("{bare}", tag_of(api, path).strip('"'))
    response = api.get(path, headers={"If-None-Match": value})
    assert response.status_code == 200
    assert response.get_json()["data"]


def test_included_records_are_part_of_what_the_caller_has(api, make_client):
    client = make_client()
    path = f"/clients/{client['id']}?include=contacts"
    tag = tag_of(api, path)
    assert tag != tag_of(api, f"/clients/{client['id']}")
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 304
    body = {"first_name": "A", "last_name": "B", "email": "ab@x.example", "clientid": client["id"]}
    assert api.post("/contacts", body).status_code == 201
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 200


WRITES = [
    ("PATCH", "", {"client_company_name": "New"}),
    ("PUT", "", {"client_company_name": "New"}),
    ("PUT", "/tags", {"tags": ["a"]}),
    ("PUT", "/status", {"status": "suspended"}),
    ("DELETE", "/tags/old", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "action", "body"), WRITES)
def test_a_change_of_a_state_not_seen_is_412_and_changes_nothing(
    api, make_client, method, action, body
):
    path = f"/clients/{make_client(tags=['old'])['id']}"
    tag = tag_of(api, path)
    assert api.patch(path, {"client_company_name": "Faster"}).status_code == 200
    now = api.get(path).get_json()["data"]
    headers = {"If-Match": tag}
    response = api.call(method, path + action, json=body, headers=headers)
    expect_error(response, 412, CHANGED)
    assert api.get(path).get_json()["data"] == now
    headers = {"If-Match": tag_of(api, path)}
    assert api.call(method, path + action, json=body, headers=headers).status_code == 200


COMPRESSED = ["W/{tag}", 'W/"x", W/{tag}', 'W/"{bare}-gzip"', '"{bare}--gzip"', '"{bare};br"']


@pytest.mark.parametrize("header", ["*", " * ", '"x", {tag}', *COMPRESSED])
def test_a_change_of_the_state_seen_is_made(api, path, header):
    # What a proxy that compresses had made of a tag was a 412 for ever.
    tag = tag_of(api, path)
    headers = {"If-Match": header.replace("{tag}", tag).replace("{bare}", tag.strip('"'))}
    assert api.get(path, headers={"If-None-Match": headers["If-Match"]}).status_code == 304
    response = api.patch(path, {"client_company_name": "New"}, headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("header", ['"x"', "", "garbage", '"*"', '"', '""', '"x", W/""'])
def test_what_does_not_name_the_state_exactly_is_412(api, path, header):
    headers = {"If-Match": header.replace("{tag}", tag_of(api, path))}
    expect_error(api.delete(path, headers=headers), 412, CHANGED)
    assert api.get(path).status_code == 200


def test_the_etag_of_a_record_with_included_ones_matches_too(api, path):
    headers = {"If-Match": tag_of(api, path + "?include=contacts")}
    assert api.delete(path, headers=headers).status_code == 200


def test_a_record_that_is_not_there_is_404_whatever_is_asked(shared_api):
    for header in ("*", '"x"'):
        response = shared_api.delete("/clients/999", headers={"If-Match": header})
        expect_error(response, 404, "The client could not be found.")


def test_the_sentence_names_what_has_changed(api, make_contact):
    path = f"/contacts/{make_contact()['id']}"
    response = api.delete(path, headers={"If-Match": '"x"'})
    expect_error(response, 412, "The contact has changed since you read it.")
    response = api.delete("/categories/2", headers={"If-Match": '"x"'})
    expect_error(response, 412, "The category has changed since you read it.")


def test_wrong_values_are_told_before_the_state(api, path):
    response = api.patch(path, {"client_company_name": ""}, headers={"If-Match": '"x"'})
    expect_error(response, 422)
