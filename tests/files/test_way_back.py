"""An export that was edited comes back to the clients that it is of."""

from __future__ import annotations

import csv
import io
import os

import pytest

UPDATE = ("import", "--on-conflict", "update")
BY_ID = (*UPDATE, "--match", "id")
TAKEN = "The email has already been taken."


@pytest.fixture
def exported(run):
    """Export, have the rows changed by a function, and return the file that comes of it."""

    def exported(change=lambda rows: None, *options):
        table = csv.DictReader(io.StringIO(run("export", "-", *options).stdout, newline=""))
        rows = list(table)
        change(rows)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, table.fieldnames)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    return exported


def counts(result):
    assert result.exit_code == 0, result.stderr
    return [int(part.split()[0]) for part in result.stdout.strip().split(", ")]


def told(result):
    assert (result.exit_code, result.stdout[:9]) == (1, "0 created")
    return result.stderr.splitlines()[:-1]


def test_clients_without_owner_and_renamed_owners_come_back_to_themselves(
    run, api, make_client, clients, exported
):
    # The first was made a second time, and of the second a new client was made.
    ownerless, renamed = make_client(client_company_name="Nobody's"), make_client(tags=["a"])
    api.delete(f"/contacts/{ownerless['owner']['id']}")

    def change(rows):
        rows[0]["client_phone"] = "1"
        rows[1] |= {"first_name": "Kim", "email": "kim@acme.example"}

    assert counts(run(*BY_ID, file=exported(change))) == [0, 2, 0, 0]
    first, second = clients()
    assert (first["id"], first["phone"], first["owner"]) == (ownerless["id"], "1", None)
    assert second["owner"] == {"id": renamed["owner"]["id"], "name": "Kim Doe"}
    assert [(c["email"], c["account_owner"]) for c in second["contacts"]] == [
        ("kim@acme.example", "yes")
    ]
    assert second["tags"] == ["a"]


def test_an_id_that_is_not_there_is_an_error_and_no_id_a_new_client(run, make_client, clients):
    make_client()
    head = "id,first_name,last_name,email\n"
    row = "Jane,Doe,jane@acme.example\n"
    message = "line 2, id: The selected id is invalid."
    for id in ("7", "0", "-1", str(2**70)):
        assert told(run(*BY_ID, file=f"{head}{id},{row}")) == [message]
    assert told(run(*BY_ID, file=f"{head}x,{row}")) == ["line 2, id: The id must be an integer."]
    assert counts(run(*BY_ID, file=f"{head},{row}")) == [1, 0, 0, 0]
    assert len(clients()) == 2


def test_without_match_the_id_is_not_looked_at(run, make_client, clients):
    make_client(client_company_name="Acme")
    text = (
        "id,first_name,last_name,email\n1,Jane,Doe,new@acme.example\nA-7,Kim,Lee,kim@acme.example\n"
    )
    assert counts(run(*UPDATE, file=text)) == [2, 0, 0, 0]
    assert [client["company_name"] for client in clients()] == ["Acme", "Jane Doe", "Kim Lee"]


def test_a_conflict_by_id_fails_is_skipped_or_updates(run, make_client, exported):
    make_client()
    text = exported()
    by_id = ("import", "--match", "id")
    assert told(run(*by_id, file=text)) == ["line 2, id: The id has already been taken."]
    assert counts(run(*by_id, "--on-conflict", "skip", file=text)) == [0, 0, 1, 0]


def test_a_file_by_id_may_have_only_what_changes(run, make_client, clients):
    client = make_client(client_company_name="Acme", client_vat="1", tags=["a"])
    assert counts(run(*BY_ID, file="id,client_phone\n1,5\n")) == [0, 1, 0, 0]
    assert counts(run(*UPDATE, file=f"email,client_vat\n{email(clients)},2\n")) == [0, 1, 0, 0]
    (now,) = clients()
    assert (now["phone"], now["vat"], now["tags"]) == ("5", "2", ["a"])
    assert (now["company_name"], now["owner"]) == ("Acme", client["owner"])


def email(clients):
    return clients()[0]["contacts"][0]["email"]


def test_an_owners_new_address_may_not_be_anybody_elses(
    run, api, make_client, make_contact, exported
):
    make_client(email="one@acme.example")
    make_client(email="two@acme.example")
    make_contact(email="three@acme.example")
    team = {"first_name": "A", "last_name": "B", "email": "four@acme.example", "role_id": 3}
    assert api.post("/team", team).status_code == 201
    for address in ("two@acme.example", "THREE@acme.example", "four@acme.example"):
        text = exported(lambda rows, address=address: rows[0].update(email=address))
        assert told(run(*BY_ID, file=text)) == [f"line 2, email: {TAKEN}"]


def test_the_address_of_another_user_of_the_client_makes_that_one_the_owner(
    run, api, make_client, make_contact, clients, exported
):
    client = make_client(email="jane@acme.example")
    user = make_contact(email="kim@acme.example", clientid=client["id"])
    text = exported(lambda rows: rows[0].update(email="kim@acme.example", first_name="Kim"))
    assert counts(run(*BY_ID, file=text)) == [0, 1, 0, 0]
    assert clients()[0]["owner"] == {"id": user["id"], "name": "Kim Doe"}
    assert [c["account_owner"] for c in clients()[0]["contacts"]] == ["no", "yes"]


def test_a_client_without_owner_can_be_given_one(run, api, make_client, make_contact, clients):
    contact = make_contact(email="kim@acme.example")
    for id in (1, 2):
        api.delete(f"/contacts/{make_client()['owner']['id']}")
        assert api.get(f"/clients/{id}").get_json()["data"]["owner"] is None
    rows = "1,Jane,Doe,jane@acme.example\n2,Kim,Lee,kim@acme.example\n"
    assert counts(run(*BY_ID, file="id,first_name,last_name,email\n" + rows)) == [0, 2, 0, 0]
    first, second = clients()
    assert first["owner"]["name"] == "Jane Doe"
    assert second["owner"] == {"id": contact["id"], "name": "Kim Lee"}


def test_blank_cells_do_not_take_the_owner_away(run, make_client, clients):
    make_client()
    text = "id,first_name,last_name,email,client_company_name\n1,,,,Acme\n"
    assert told(run(*BY_ID, file=text)) == ["line 2, email: The email field is required."]
    assert counts(run(*BY_ID, "--blank", "keep", file=text)) == [0, 1, 0, 0]
    assert (clients()[0]["company_name"], clients()[0]["owner"]["name"]) == ("Acme", "Jane Doe")


def test_blank_cells_clear_unless_they_are_to_keep(run, api, make_client, clients):
    api.post("/custom-fields", {"title": "N", "name": "n", "type": "number"})
    given = {"client_phone": "1", "tags": ["a"], "n": 5, "client_billing_invoice_due_days": 7}
    make_client(email="jane@acme.example", client_company_name="Acme", **given)
    head = "first_name,last_name,email,client_company_name,client_phone,category,tags,n,"
    head += "client_billing_invoice_due_days,client_vat\n"
    text = f"{head},,jane@acme.example,,,,,,,9\n"
    assert counts(run(*UPDATE, "--blank", "keep", file=text)) == [0, 1, 0, 0]
    (client,) = clients()
    assert (client["phone"], client["tags"], client["custom_fields"]) == ("1", ["a"], {"n": 5})
    assert (client["billing"]["invoice_due_days"], client["vat"]) == (7, "9")
    assert (client["company_name"], client["owner"]["name"]) == ("Acme", "Jane Doe")
    assert counts(run(*UPDATE, file=text.replace(",,jane", "Jane,Doe,jane"))) == [0, 1, 0, 0]
    (client,) = clients()
    assert (client["phone"], client["tags"], client["custom_fields"]) == (None, [], {"n": None})
    assert (client["billing"]["invoice_due_days"], client["company_name"]) == (None, "Jane Doe")


def test_the_help_says_that_blank_cells_clear(run):
    assert "a blank cell clears" in " ".join(run("import", "--help").stdout.split())


def test_clients_can_be_found_by_their_vat_number(run, make_client, clients):
    make_client(client_vat="GB 123.456-789", client_company_name="Acme")
    head = "client_vat,client_company_name,first_name,last_name,email\n"
    text = "client_vat,client_company_name\ngb123456789,Acme Ltd\n"
    by_vat = (*UPDATE, "--match", "vat")
    assert counts(run(*by_vat, file=text)) == [0, 1, 0, 0]
    assert clients()[0]["company_name"] == "Acme Ltd"
    assert clients()[0]["vat"] == "gb123456789"
    fail = run("import", "--match", "vat", file=text)
    assert told(fail) == ["line 2, client_vat: The client vat has already been taken."]
    new = "IT1,A,Jane,Doe,a@acme.example\n,B,Jane,Doe,b@acme.example\n"
    new += "IT 1,C,Jane,Doe,a@acme.example\n"
    assert counts(run(*by_vat, file=head + new)) == [2, 1, 0, 0]
    assert [client["company_name"] for client in clients()] == ["Acme Ltd", "C", "B"]


def test_a_vat_number_of_several_clients_is_an_error_of_its_row(run, make_client):
    make_client(client_vat="IT1")
    make_client(client_vat="it 1")
    text = "client_vat,client_company_name\nIT1,A\n"
    result = run(*UPDATE, "--match", "vat", file=text)
    assert "line 2, client_vat: Several clients have this VAT number." in told(result)


def test_what_was_exported_comes_back_whatever_became_required_meanwhile(
    run, api, make_client, clients, exported
):
    field = api.post("/custom-fields", {"title": "Code", "name": "code", "type": "text"}).get_json()
    choice = {"title": "Level", "name": "level", "type": "dropdown", "options": ["gold", "tin"]}
    choice = api.post("/custom-fields", choice).get_json()["data"]
    make_client(level="tin", client_company_name="Acme")
    file = exported(lambda rows: rows[0].update(client_phone="5"))
    path = f"/custom-fields/{field['data']['id']}"
    assert api.patch(path, {"title": "Code", "required": "yes"}).status_code == 200
    api.patch(f"/custom-fields/{choice['id']}", {"title": "Level", "options": ["gold"]})
    before = clients()
    for options in (UPDATE, BY_ID):
        assert counts(run(*options, file=file)) == [0, 1, 0, 0]
        (client,) = clients()
        assert (client["phone"], client["custom_fields"]) == ("5", before[0]["custom_fields"])
    assert counts(run("import", "--on-conflict", "skip", file=file)) == [0, 0, 1, 0]
    # What changes something has to be right, and so has what is new.
    changed = exported(lambda rows: rows[0].update(level="steel"))
    assert told(run(*BY_ID, file=changed)) == ["line 2, level: The selected level is invalid."]
    new = exported(lambda rows: rows[0].update(id="", email="new@acme.example"))
    assert told(run(*BY_ID, file=new)) == [
        "line 2, code: The code field is required.",
        "line 2, level: The selected level is invalid.",
    ]


def test_a_dry_run_names_the_categories_and_tags_that_it_would_make(run, api, make_client):
    make_client(tags=["old"])
    head = "first_name,last_name,email,category,tags\n"
    rows = "A,A,a@acme.example,Retail,new;OLD\nB,B,b@acme.example,retail,New;vip\n"
    for options in (("--dry-run",), ()):
        result = run("import", *options, file=head + rows)
        assert result.stdout == "2 created, 0 updated, 0 skipped, 0 failed\n"
        assert "1 new categories: 'Retail'\n2 new tags: 'new', 'vip'\n" in result.stderr
        assert ("Dry run: nothing was imported.\n" in result.stderr) == bool(options)
    again = run("import", "--on-conflict", "update", file=head + rows)
    assert again.stderr == ""


def test_an_export_writes_through_no_link_that_waits_for_it(run, make_client, tmp_path):
    # `.NAME.PID.part` could be foreseen, and what it pointed to was overwritten.
    make_client()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "shared"
    folder.mkdir()
    for pid in range(os.getpid() - 3, os.getpid() + 3):
        (folder / f".out.csv.{pid}.part").symlink_to(victim)
    assert run("export", str(folder / "out.csv")).exit_code == 0
    assert victim.read_text() == "precious"
    assert (folder / "out.csv").read_text().startswith("id,first_name,")
    assert (folder / "out.csv").stat().st_mode & 0o777 == 0o600
