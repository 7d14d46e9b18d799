"""The users of clients into files, and back."""

from __future__ import annotations

import json

import pytest
from conftest import issue_key

HEAD = "first_name,last_name,email,client_id,client_company_name\n"


@pytest.fixture
def load(run):
    """Import contacts; returns what is said of the rows, or the counts."""

    def load(file, *options, **how):
        result = run("import", "--contacts", *options, file=file, **how)
        if result.exit_code:
            return result.stderr.splitlines()[:-1]
        return [int(part.split()[0]) for part in result.stdout.strip().split(", ")]

    return load


@pytest.fixture
def contacts(api):
    def contacts():
        return api.get("/contacts?sort=created&limit=100").get_json()["data"]

    return contacts


def test_an_export_has_a_line_a_contact_with_its_client(run, make_client, make_contact):
    acme = make_client(client_company_name="Acme", email="jane@acme.example")
    make_client(client_company_name="Beta", email="bob@beta.example")
    make_contact(email="kim@acme.example", clientid=acme["id"], phone="+1", position="=CEO")
    make_contact(email="free@acme.example")
    result = run("export", "-", "--contacts")
    assert result.stdout.splitlines() == [
        "id,first_name,last_name,email,phone,position,account_owner,client_id,"
        "client_company_name,defused_by_clients_api",
        "1,Jane,Doe,jane@acme.example,,,yes,1,Acme,",
        "3,Kim,Lee,kim@acme.example,'+1,'=CEO,no,1,Acme,",
        "2,Jane,Doe,bob@beta.example,,,yes,2,Beta,",
        "4,Kim,Lee,free@acme.example,,,no,,,",
    ]
    assert result.stderr == "4 exported\n"
    filtered = run("export", "-", "--contacts", "--search", "acme", "--format", "ndjson").stdout
    assert [json.loads(line)["email"] for line in filtered.splitlines()] == [
        "jane@acme.example",
        "kim@acme.example",
    ]


def test_what_is_exported_is_imported_as_it_was(
    run, load, api, make_app, make_client, make_contact
):
    for number in range(3):
        client = make_client(client_company_name=f"Acme {number}", client_vat=str(number))
        make_contact(clientid=client["id"], phone="'-1", position="@Chief; =1")
    api.put("/clients/2/owner", {"owner": 4})
    make_contact()
    contacts = run("export", "-", "--contacts").stdout
    clients = run("export", "-").stdout
    other = make_app()
    assert run("import", "-", input=clients.encode(), target=other).exit_code == 0
    result = run(
        "import",
        "-",
        "--contacts",
        "--on-conflict",
        "update",
        input=contacts.encode(),
        target=other,
    )
    assert result.stdout == "4 created, 3 updated, 0 skipped, 0 failed\n", result.stderr
    again = run("export", "-", "--contacts", target=other).stdout

    def without_ids(text):
        return sorted(line.split(",", 1)[1] for line in text.splitlines())

    assert without_ids(again) == without_ids(contacts)
    assert load(contacts, "--match", "id", "--on-conflict", "update") == [0, 7, 0, 0]
    assert run("export", "-", "--contacts").stdout == contacts
    assert issue_key(other)


def test_a_client_is_found_by_its_id_or_its_only_name(load, make_client, contacts):
    make_client(client_company_name="Acme")
    make_client(client_company_name="Beta")
    make_client(client_company_name="BETA")
    rows = "A,A,a@x.example,1,\nB,B,b@x.example,,ACME\nC,C,c@x.example,1,acme\nD,D,d@x.example,,\n"
    assert load(HEAD + rows) == [4, 0, 0, 0]
    clients = {c["email"]: c["client"] and c["client"]["id"] for c in contacts()}
    assert [clients[f"{name}@x.example"] for name in "abcd"] == [1, 1, 1, None]
    rows = "A,A,e@x.example,9,\nA,A,f@x.example,,Gamma\nA,A,g@x.example,,beta\n"
    rows += "A,A,h@x.example,1,Beta\n"
    assert load(HEAD + rows) == [
        "line 2, client_id: The selected client id is invalid.",
        "line 3, client_company_name: The selected client company name is invalid.",
        "line 4, client_company_name: Several clients have this company name: say which by "
        "client_id.",
        "line 5, client_id: The client of this id has another company name: take one of the two "
        "out.",
    ]


def test_a_contact_is_updated_and_moved_nowhere(load, make_client, make_contact, contacts):
    for name in ("Acme", "Beta"):
        make_client(client_company_name=name)
    contact = make_contact(email="kim@acme.example", clientid=1, phone="1")
    text = HEAD + "Kim,Roe,KIM@acme.example,{},\n"
    assert load(text.format(1)) == ["line 2, email: The email has already been taken."]
    update = ("--on-conflict", "update")
    assert load(text.format(1), "--on-conflict", "skip") == [0, 0, 1, 0]
    assert load(text.format(1), *update) == [0, 1, 0, 0]
    moved = ["line 2, client_id: The contact belongs to another client, and an import moves none."]
    assert load(text.format(2), *update) == moved
    assert load(text.format(""), *update) == moved
    assert load(text.format(""), *update, "--blank", "keep") == [0, 1, 0, 0]
    assert load("id,email\n3,new@acme.example\n", *update, "--match", "id") == [0, 1, 0, 0]
    (now,) = [c for c in contacts() if c["id"] == contact["id"]]
    assert (now["name"], now["email"], now["phone"]) == ("Kim Roe", "new@acme.example", "1")
    assert load("id,email\n9,x@acme.example\n", *update, "--match", "id") == [
        "line 2, id: The selected id is invalid.",
        "line 2, first_name: The first name field is required.",
        "line 2, last_name: The last name field is required.",
    ]


def test_a_row_may_make_a_contact_the_owner(load, make_client, clients):
    make_client(email="jane@acme.example")
    head = HEAD.replace("client_id", "client_id,account_owner")
    assert load(head + "Kim,Lee,kim@acme.example,1,yes,\n") == [1, 0, 0, 0]
    assert clients()[0]["owner"]["name"] == "Kim Lee"
    update = ("--on-conflict", "update")
    assert load(head + "Kim,Lee,kim@acme.example,1,no,\n", *update) == [
        "line 2, account_owner: An owner is one until another contact is made it: have that one's "
        "row first."
    ]
    both = "Jane,Doe,jane@acme.example,1,yes,\nKim,Lee,kim@acme.example,1,no,\n"
    assert load(head + both, *update) == [0, 2, 0, 0]
    assert clients()[0]["owner"]["name"] == "Jane Doe"
    assert load(head + "Max,Lee,max@acme.example,,yes,\n") == [
        "line 2, account_owner: A contact of no client owns no account."
    ]


def test_the_addresses_of_others_are_taken(load, api, make_contact):
    make_contact(email="kim@acme.example")
    team = {"first_name": "A", "last_name": "B", "email": "team@acme.example", "role_id": 3}
    api.post("/team", team)
    taken = ["line 2, email: The email has already been taken."]
    for options in ((), ("--on-conflict", "update")):
        assert load(HEAD + "A,B,team@acme.example,,\n", *options) == taken
    text = "id,email\n1,team@acme.example\n"
    assert load(text, "--match", "id", "--on-conflict", "update") == taken


def test_contacts_have_no_vat_number(run, api):
    assert run("import", "--contacts", "--match", "vat", file=HEAD).exit_code == 2
    response = api.post(
        "/clients/import?contacts=yes&match=vat", data=HEAD, content_type="text/csv"
    )
    assert response.get_json()["errors"] == {"match": ["The selected match is invalid."]}


def test_contacts_go_in_and_out_over_http(api, make_client):
    make_client(email="jane@acme.example")
    rows = HEAD + "Kim,Lee,kim@acme.example,1,\n"
    path = "/clients/import?contacts=yes"
    response = api.post(path, data=rows, content_type="text/csv")
    assert response.get_json()["data"]["created"] == 1
    response = api.get("/clients/export?contacts=yes&email=kim@acme.example")
    assert response.headers["Content-Disposition"] == "attachment; filename=contacts.csv"
    assert len(response.get_data(as_text=True).splitlines()) == 3
