"""The tags of a client: set, added, taken away."""

import json
from urllib.parse import quote

import pytest
from conftest import expect_error


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def put_tags(api, client):
    def put(*titles):
        response = api.put(f"/clients/{client['id']}/tags", {"tags": list(titles)})
        assert response.status_code == 200, response.get_json()
        return response.get_json()["data"]["tags"]

    return put


def test_tags_are_replaced_as_a_whole(api, client, put_tags):
    assert put_tags("priority", "retainer") == ["priority", "retainer"]
    response = api.put(f"/clients/{client['id']}/tags", {"tags": ["new", "priority"]})
    assert response.get_json()["message"] == "Client tags updated successfully."
    assert response.get_json()["data"]["tags"] == ["new", "priority"]
    assert put_tags() == []


def test_tags_stand_in_the_order_in_which_they_were_set(api, client, put_tags):
    titles = ["zebra", "Apple", "mango", "école", "10", "9"]
    assert put_tags(*titles) == titles
    assert put_tags(*reversed(titles)) == titles[::-1]
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["tags"] == titles[::-1]
    assert api.get("/clients").get_json()["data"][0]["tags"] == titles[::-1]


def test_titles_are_trimmed_and_blank_ones_dropped(put_tags):
    assert put_tags("  vip ", "", "   ", None, "\tnew\n") == ["vip", "new"]


@pytest.mark.parametrize(
    "titles", [["VIP", "vip", " Vip "], ["École", "ÉCOLE", "e\u0301cole"], ["Straße", "STRASSE"]]
)
def test_titles_that_differ_in_case_are_one_and_the_first_stays(api, put_tags, titles):
    assert put_tags(*titles) == titles[:1]
    assert [tag["title"] for tag in api.get("/tags").get_json()["data"]] == titles[:1]


def test_a_tag_that_exists_keeps_its_spelling(api, make_client, put_tags):
    make_client(tags=["VIP"])
    assert put_tags("vip") == ["VIP"]
    assert api.get("/tags").get_json()["meta"]["total"] == 1


def test_a_title_may_have_100_characters(api, client, put_tags):
    assert put_tags("é" * 100) == ["é" * 100]
    for method in ("PUT", "POST"):
        response = api.call(
            method, f"/clients/{client['id']}/tags", json={"tags": ["fine", "é" * 101]}
        )
        expect_error(
            response, 422, **{"tags.1": "The tags.1 may not be greater than 100 characters."}
        )
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["tags"] == ["é" * 100]


def test_a_client_may_have_100_tags(api, client, put_tags):
    titles = [f"t{number}" for number in range(101)]
    sentence = "The tags may not have more than 100 items."
    path = f"/clients/{client['id']}/tags"
    expect_error(api.put(path, {"tags": titles}), 422, tags=sentence)
    assert put_tags(*titles[:100], "T0", " ") == titles[:100]
    expect_error(api.post(path, {"tags": ["one more"]}), 422, tags=sentence)
    assert api.post(path, {"tags": ["T99", "t0"]}).get_json()["data"]["tags"] == titles[:100]
    assert api.get("/tags?search=one").get_json()["data"] == []


def test_a_new_client_may_have_100_tags(api):
    body = {"first_name": "J", "last_name": "D", "email": "j@acme.example"}
    titles = [f"t{number}" for number in range(101)]
    expect_error(
        api.post("/clients", {**body, "tags": titles}),
        422,
        tags="The tags may not have more than 100 items.",
    )
    assert api.post("/clients", {**body, "tags": titles[1:]}).status_code == 201


@pytest.mark.parametrize("body", [{}, {"tags": None}])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_tags_are_required(api, client, method, body):
    response = api.call(method, f"/clients/{client['id']}/tags", json=body)
    expect_error(response, 422, tags="The tags field is required.")


@pytest.mark.parametrize("tags", ["vip", 5, {"a": "b"}, True])
def test_tags_are_an_array(api, client, tags):
    response = api.put(f"/clients/{client['id']}/tags", {"tags": tags})
    expect_error(response, 422, tags="The tags must be an array.")


def test_each_tag_is_a_string(api, client):
    response = api.put(f"/clients/{client['id']}/tags", {"tags": ["a", 5, ["b"], True, "n\0l"]})
    assert expect_error(response, 422)["errors"] == {
        "tags.1": ["The tags.1 must be a string."],
        "tags.2": ["The tags.2 must be a string."],
        "tags.3": ["The tags.3 must be a string."],
        "tags.4": ["The tags.4 contains characters that are not allowed."],
    }


@pytest.mark.parametrize(
    "form",
    [
        [("tags[]", "a"), ("tags[]", "b")],
        [("tags[0]", "a"), ("tags[1]", "b")],
        [("tags[1]", "b"), ("tags[0]", "a")],
        [("tags", "a"), ("tags", "b")],
    ],
)
def test_a_form_may_spell_the_array_as_it_likes(api, client, form):
    response = api.put(f"/clients/{client['id']}/tags", form=form)
    assert response.get_json()["data"]["tags"] == ["a", "b"]


@pytest.mark.parametrize("form", [[("tags", "")], [("tags[]", "")]])
def test_a_form_can_empty_the_set(api, client, put_tags, form):
    put_tags("a")
    response = api.put(f"/clients/{client['id']}/tags", form=form)
    assert response.get_json()["data"]["tags"] == []


def test_adding_keeps_what_is_there_and_stands_behind_it(api, client, put_tags):
    put_tags("b", "a")
    response = api.post(f"/clients/{client['id']}/tags", {"tags": ["c", "B", "0"]})
    assert response.status_code == 200
    assert response.get_json()["message"] == "Client tags updated successfully."
    assert response.get_json()["data"]["tags"] == ["b", "a", "c", "0"]


@pytest.mark.parametrize(
    ("title", "path"),
    [
        ("vip", "vip"),
        ("VIP", "vip"),
        ("École", "%C3%89COLE"),
        ("a/b", "a/b"),
        ("a/b", "a%2Fb"),
        ("50 % off?", "50%20%25%20off%3F"),
        ("#1", "%231"),
        ("日本", "日本"),
    ],
)
def test_one_tag_is_taken_away_by_its_title(api, client, put_tags, title, path):
    put_tags("first", title, "last")
    response = api.delete(f"/clients/{client['id']}/tags/{path}")
    assert response.status_code == 200
    assert response.get_json()["message"] == "Client tags updated successfully."
    assert response.get_json()["data"]["tags"] == ["first", "last"]
    assert title in [tag["title"] for tag in api.get("/tags").get_json()["data"]]


def test_a_tag_that_the_client_lacks_is_404(api, client, make_client, put_tags):
    make_client(tags=["elsewhere"])
    put_tags("a")
    for title in ("elsewhere", "nowhere", "%00", "%FF"):
        response = api.delete(f"/clients/{client['id']}/tags/{title}")
        expect_error(response, 404, "The tag could not be found.")
    shown = api.get(f"/clients/{client['id']}").get_json()["data"]
    assert shown["tags"] == ["a"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "", {"tags": ["b"]}), ("POST", "", {"tags": ["b"]}), ("DELETE", "/a", None)],
)
def test_updated_moves_with_the_tags(api, client, put_tags, method, path, body):
    put_tags("a")
    before = api.get(f"/clients/{client['id']}").get_json()["data"]["dates"]
    options = {} if body is None else {"json": body}
    data = api.call(method, f"/clients/{client['id']}/tags{path}", **options).get_json()["data"]
    assert data["dates"]["updated"] > before["updated"]
    assert data["dates"]["created"] == before["created"]


@pytest.mark.parametrize(
    "title", ["/lead", "/", "//", "trail/", "a//b", "...", ".a/..b", "%2F", "?", "#", "é"]
)
def test_a_tag_is_taken_off_whatever_its_title(api, make_client, title):
    # A title that began with a slash was a path that is none.
    path = f"/clients/{make_client(tags=[title])['id']}/tags"
    answer = api.delete(f"{path}/{quote(title, safe='')}")
    assert answer.status_code == 200
    assert answer.get_json()["data"]["tags"] == []


@pytest.mark.parametrize(
    "title",
    [".", "..", "../../2", "a/..", "a/./b", "..\\..\\2", "%2e%2E", ".%2e/x", "\u2025", ". "],
)
def test_a_title_that_would_be_folded_into_another_address_is_refused(
    api, client, make_client, title
):
    # Every client sent `DELETE /clients/1/tags/..` as `DELETE /clients/1/`: the client was gone.
    make_client(tags=["vip"])
    path = f"/clients/{client['id']}/tags"
    for method in ("PUT", "POST"):
        response = api.call(method, path, json={"tags": ["ok", title]})
        expect_error(response, 422, **{"tags.1": "The tags.1 format is invalid."})
    response = api.patch("/tags/1", {"title": title})
    expect_error(response, 422, title="The title format is invalid.")
    person = {"first_name": "A", "last_name": "B", "email": "a@b.example"}
    expect_error(api.post("/clients", {**person, "tags": [title]}), 422)
    row = json.dumps({**person, "tags": [title]})
    response = api.post("/clients/import", data=row, content_type="application/x-ndjson")
    assert "format is invalid" in str(expect_error(response, 422)["errors"])
    assert [tag["title"] for tag in api.get("/tags").get_json()["data"]] == ["vip"]


@pytest.mark.parametrize("title", ["..", "../../2"])
def test_a_title_of_dots_from_before_can_be_taken_off(app, api, client, put_tags, title):
    put_tags("a", "b", "c")
    for new, which in ((f"'{title}' || id", "true"), (f"'{title}'", "id = 1")):
        sql = f"UPDATE tag SET title = {new}, title_key = {new} WHERE {which}"
        app.database.execute_sql(sql)
    assert put_tags("x")[0] == "x"
    assert api.patch("/tags/1", {"title": "named"}).status_code == 200
    assert api.delete("/tags/2").status_code == 200
