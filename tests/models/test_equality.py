"""One idea of what is the same, and of what is found, wherever texts are compared."""

# ruff: noqa: RUF001 - letters of many scripts, some of which look alike

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import expect_error

from clients_api.models.engines import migrating, sqlite

# Pairs of spellings of the same address, and the other ones that it is not.
SAME = (
    ("p@xn--bcher-kva.example", "P@bücher.example"),
    ("p@straße.example", "p@xn--strae-oqa.example"),
    ("STRASSE@x.example", "straße@x.example"),
)
TAKEN = "The email has already been taken."


def ids(api, path: str, **query) -> list[int]:
    return [row["id"] for row in api.get(path, query_string=query).get_json()["data"]]


@pytest.mark.parametrize("pair", [*SAME, *(pair[::-1] for pair in SAME)])
def test_an_address_is_the_same_in_each_spelling_wherever_it_is_compared(api, make_client, pair):
    """An address that was made as `p@xn--bcher-kva.example` was not found by it."""
    made, other = pair
    client = make_client(email=made)
    person = {"first_name": "A", "last_name": "B", "email": other}
    expect_error(api.post("/clients", person), 422, email=TAKEN)
    expect_error(api.post("/contacts", person | {"clientid": client["id"]}), 422, email=TAKEN)
    expect_error(api.post("/team", person | {"role_id": 3}), 422, email=TAKEN)
    for spelling in pair:
        assert ids(api, "/clients", email=spelling) == [client["id"]]
        assert ids(api, "/contacts", search=spelling) == [client["owner"]["id"]]
    row = json.dumps(person | {"client_company_name": "Anew"})
    query = "format=ndjson&on_conflict=update"
    answer = api.post(
        f"/clients/import?{query}", data=row, content_type="application/x-ndjson"
    ).get_json()
    assert answer["data"]["updated"] == 1
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["company_name"] == "Anew"


def test_a_contact_is_promoted_by_another_spelling_of_its_address(api):
    person = {"first_name": "A", "last_name": "B", "email": "p@xn--bcher-kva.example"}
    contact = api.post("/contacts", person | {"type": "contact"}).get_json()["data"]
    client = api.post("/clients", person | {"email": "P@BÜCHER.example"}).get_json()["data"]
    assert client["owner"]["id"] == contact["id"]


def test_addresses_that_idna_2008_tells_apart_are_two(api, make_client):
    """`straße.example` was taken by `strasse.example`."""
    first = make_client(email="p@straße.example")["id"]
    second = make_client(email="p@strasse.example")["id"]
    assert ids(api, "/clients", email="p@straße.example") == [first]
    assert ids(api, "/clients", email="p@STRASSE.example") == [second]


def test_a_part_of_an_address_finds_it_in_each_spelling(api, make_client):
    owner = make_client(email="jürgen@bücher.example")["owner"]["id"]
    make_client()
    for part in (
        "jür",
        "JÜRGEN@",
        "n@b",
        "bücher",
        "BÜCH",
        "@bü",
        "cher.ex",
        "xn--b",
        "@XN--BCHER",
    ):
        assert ids(api, "/contacts", search=part) == [owner], part
    assert ids(api, "/contacts", search="burger") == []


def test_names_that_differ_in_accents_stand_beside_each_other(api, make_client):
    """Ä used to stand behind Z."""
    names = ("Zebra", "apfel", "Äpfel", "Apfelbaum", "Łódź", "Lodz", "Öl", "Ol", "ôl", "Étude")
    made = {name: make_client(client_company_name=name)["id"] for name in names}
    ordered = ["apfel", "Äpfel", "Apfelbaum", "Étude", "Łódź", "Lodz", "Öl", "Ol", "ôl", "Zebra"]
    by_name = {"sort": "client_company_name", "limit": 3}
    for order, expected in (("asc", ordered), ("desc", ordered[::-1])):
        seen = [
            id
            for page in range(1, 5)
            for id in ids(api, "/clients", **by_name, order=order, page=page)
        ]
        assert seen == [made[name] for name in expected]


def test_people_tags_and_categories_are_found_and_sorted_without_accents(api, make_client):
    for first_name in ("Zoë", "Zoe", "Änne", "Anna"):
        body = {"first_name": first_name, "last_name": "Łęcki", "email": f"{first_name}@x.example"}
        for path, more in (("/contacts", {"type": "contact"}), ("/team", {"role_id": 3})):
            mail = body["email"].replace("@", f"@{path[1:]}.")
            assert api.post(path, body | more | {"email": mail}).status_code == 201
    make_client(tags=["Büro", "buro", "Zoo", "Ähre"])
    for name in ("Büro", "buro", "Zoo", "Ähre"):
        body = {"category_name": name, "category_type": "client"}
        assert api.post("/categories", body).status_code == 201
    for path in ("/contacts", "/team"):
        found = api.get(f"{path}?search=zoe+lecki").get_json()["data"]
        assert [person["first_name"] for person in found] == ["Zoë", "Zoe"]
        people = api.get(f"{path}?sort=first_name&search=lecki").get_json()["data"]
        assert [person["first_name"] for person in people] == ["Anna", "Änne", "Zoë", "Zoe"]
    for path, sort, name in (("/tags", "title", "title"), ("/categories", "category_name", "name")):
        found = api.get(f"{path}?search=BURO&sort={sort}&order=asc").get_json()["data"]
        assert [row[name] for row in found] == ["Büro", "buro"]
        rows = api.get(f"{path}?sort={sort}&order=asc").get_json()["data"]
        assert [row[name] for row in rows if row[name] != "Default"] == [
            "Ähre",
            "Büro",
            "buro",
            "Zoo",
        ]


def test_tags_that_differ_in_accents_are_two(api, make_client):
    client = make_client(tags=["cafe", "Café", "CAFE"])
    assert client["tags"] == ["cafe", "Café"]
    assert ids(api, "/clients", tag="CAFÉ") == [client["id"]]


@pytest.fixture
def older(tmp_path: Path, monkeypatch) -> Path:
    """Make a database of the version before the keys of today."""
    folder = tmp_path / "older"
    (folder / "sqlite").mkdir(parents=True)
    shutil.copy(migrating.FOLDER / "sqlite" / "0001_initial.py", folder / "sqlite")
    path = tmp_path / "clients.sqlite3"
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "FOLDER", folder)
        db = sqlite.Database(path)
        migrating.migrate(db)
        db.close_all()
    return path


USER = """INSERT INTO user (id, type, first_name, first_name_key, last_name, last_name_key, email,
    email_key, account_owner, status, role_id, created, updated) VALUES
    (?, 'contact', 'A', 'a', 'B', 'b', ?, ?, 'no', 'active', 2, '', '')"""
MARK = "\uffff"


@pytest.mark.file("of an earlier version")
def test_keys_that_become_the_same_lose_nothing(older):
    tags = [
        (1, "α\u0345\u0301", "first"),  # older, and gets the key
        (2, "ά\u0345", "second"),  # has to make do with another
        (3, "x", "y"),  # these two swap their keys
        (4, "y", "x"),
        (5, "Kept", "kept"),
    ]
    with closing(sqlite3.connect(older)) as db, db:
        db.executemany("INSERT INTO tag VALUES (?, ?, ?, '', '')", tags)
        db.execute(USER, (1, "p@xn--bcher-kva.example", "p@xn--bcher-kva.example"))
        db.execute(USER, (2, "p@bücher.example", "p@bücher.example"))
        db.execute(USER, (3, "p@straße.example", "p@strasse.example"))
    db = sqlite.Database(older)
    migrating.migrate(db)
    rows = db.execute_sql("SELECT id, title, title_key FROM tag").fetchall()
    assert rows == [
        (1, tags[0][1], "άι"),
        (2, tags[1][1], f"άι{MARK}2"),
        (3, "x", "x"),
        (4, "y", "y"),
        (5, "Kept", "kept"),
    ]
    keys = dict(db.execute_sql("SELECT id, email_key FROM user").fetchall())
    # The first has its key already; who comes behind it keeps address and record.
    assert keys == {
        1: "p@xn--bcher-kva.example",
        2: f"p@xn--bcher-kva.example{MARK}2",
        3: "p@xn--strae-oqa.example",
    }
    db.close_all()
