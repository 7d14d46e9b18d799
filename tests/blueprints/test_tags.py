"""Tags, as the contract's section 6 describes them."""

import pytest
from conftest import expect_error

MISSING = "The tag could not be found."


def get(api, path):
    return api.get(path).get_json()["data"]


@pytest.fixture
def tagged(api, make_client):
    """Two clients; the tags `vip` (1) and `Old` (2) of the first, `vip` and `new` (3) of the
    second."""
    return [make_client(tags=["vip", "Old"]), make_client(tags=["new", "vip"])]


def test_tags_are_listed_with_their_counts(api, tagged):
    body = api.get("/tags").get_json()
    assert body["message"] == "Tags retrieved successfully."
    assert [list(tag) for tag in body["data"]] == [["id", "title", "count", "dates"]] * 3
    assert {tag["title"]: tag["count"] for tag in body["data"]} == {"new": 1, "Old": 1, "vip": 2}
    answer = api.get("/tags/1").get_json()
    vip = next(tag for tag in body["data"] if tag["id"] == 1)
    assert answer == {"data": vip, "message": "Tag retrieved successfully."}


def test_the_list_is_sorted_and_searched(api, tagged):
    for query, ids in {
        "": [3, 2, 1],
        "sort=title&order=desc": [1, 2, 3],
        "sort=count": [2, 3, 1],
        "sort=count&order=desc": [1, 3, 2],
        "sort=created": [1, 2, 3],
        "sort=created&order=desc": [3, 2, 1],
        "search=OL": [2],
        "search=i": [1],
        "search=xyz": [],
    }.items():
        assert [tag["id"] for tag in get(api, f"/tags?{query}")] == ids, query
    sentence = "The selected sort is invalid."
    expect_error(api.get("/tags?sort=id"), 422, sort=sentence)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_tag_is_renamed_in_all_its_clients(api, tagged, method):
    before = get(api, "/tags/1")
    response = api.call(method, "/tags/1", json={"title": "  Key account "})
    assert response.status_code == 200
    assert response.get_json()["message"] == "Tag updated successfully."
    renamed = response.get_json()["data"]
    assert (renamed["id"], renamed["title"], renamed["count"]) == (1, "Key account", 2)
    assert renamed["dates"]["updated"] > before["dates"]["updated"]
    assert renamed["dates"]["created"] == before["dates"]["created"]
    for client, tags in zip(tagged, (["Key account", "Old"], ["new", "Key account"]), strict=True):
        shown = get(api, f"/clients/{client['id']}")
        assert shown["tags"] == tags
        assert shown["dates"]["updated"] > client["dates"]["updated"]


def test_the_case_of_a_title_can_be_changed(api, tagged):
    assert api.patch("/tags/1", {"title": "VIP"}).get_json()["data"]["title"] == "VIP"
    assert get(api, "/clients/1")["tags"] == ["VIP", "Old"]


@pytest.mark.parametrize("title", ["vip", "VIP"])
def test_renaming_onto_another_tag_merges_the_two(api, tagged, title):
    third = get(api, "/clients/1")
    merged = api.patch("/tags/3", {"title": title}).get_json()["data"]
    assert (merged["id"], merged["title"], merged["count"]) == (1, "vip", 2)
    expect_error(api.get("/tags/3"), 404, MISSING)
    assert get(api, "/clients/1") == third
    shown = get(api, "/clients/2")
    assert shown["tags"] == ["vip"]
    assert shown["dates"]["updated"] > tagged[1]["dates"]["updated"]


def test_merging_keeps_the_place_among_the_others(api, tagged):
    merged = api.patch("/tags/2", {"title": "NEW"}).get_json()["data"]
    assert (merged["id"], merged["title"], merged["count"]) == (3, "new", 2)
    assert get(api, "/clients/1")["tags"] == ["vip", "new"]
    assert get(api, "/clients/2")["tags"] == ["new", "vip"]


def test_titles_in_every_script_merge_without_regard_to_case(api, make_client):
    make_client(tags=["Школа", "other"])
    (other,) = get(api, "/tags?search=other")
    merged = api.patch(f"/tags/{other['id']}", {"title": "ШКОЛА"}).get_json()["data"]
    assert (merged["title"], merged["count"]) == ("Школа", 1)


def test_a_title_is_required_and_may_have_100_characters(api, tagged):
    for body in ({}, {"title": None}, {"title": " "}):
        expect_error(api.patch("/tags/1", body), 422, title="The title field is required.")
    sentence = "The title may not be greater than 100 characters."
    expect_error(api.patch("/tags/1", {"title": "é" * 101}), 422, title=sentence)
    expect_error(api.patch("/tags/1", {"title": 5}), 422, title="The title must be a string.")
    assert api.patch("/tags/1", {"title": "é" * 100}).status_code == 200


def test_a_deleted_tag_is_off_every_client(api, tagged):
    response = api.delete("/tags/1")
    assert response.status_code == 200
    assert response.get_json() == {"data": {"id": 1}, "message": "Tag deleted successfully."}
    for client, tags in zip(tagged, (["Old"], ["new"]), strict=True):
        shown = get(api, f"/clients/{client['id']}")
        assert shown["tags"] == tags
        assert shown["dates"]["updated"] > client["dates"]["updated"]
    expect_error(api.get("/tags/1"), 404, MISSING)
    assert get(api, "/clients?tag=vip") == []


def test_a_tag_without_clients_stays_until_it_is_deleted(api, tagged):
    for client in tagged:
        api.delete(f"/clients/{client['id']}")
    assert [tag["count"] for tag in get(api, "/tags")] == [0, 0, 0]


def test_what_is_no_tag_is_404(api):
    for id in ("99", "0", "x", "9223372036854775808"):
        expect_error(api.get(f"/tags/{id}"), 404, MISSING)
        expect_error(api.patch(f"/tags/{id}", {"title": "x"}), 404, MISSING)
        expect_error(api.patch(f"/tags/{id}", {}), 404, MISSING)
        expect_error(api.put(f"/tags/{id}", {"title": "x"}), 404, MISSING)
        expect_error(api.delete(f"/tags/{id}"), 404, MISSING)


def test_tags_are_made_by_giving_them_to_a_client_alone(api):
    response = api.post("/tags", {"title": "vip"})
    expect_error(response, 405, "Method not allowed.")
    assert "POST" not in response.headers["Allow"]
