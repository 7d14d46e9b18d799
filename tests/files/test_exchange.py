"""Import and export by command: files in, files out, and the way back."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading

import pytest
from conftest import ROOT, issue_key

from clients_api.files import decoding
from clients_api.files.columns import COLUMNS
from clients_api.files.defusing import MARK
from clients_api.models import Client
from clients_api.models.engines.current import using
from clients_api.schemas.client import ClientCreateSchema

HEAD = "first_name,last_name,email,client_company_name\n"
JANE = "Jane,Doe,jane@acme.example,Acme Inc\n"
KIM = "Kim,Lee,kim@acme.example,Beta Ltd\n"
SAY_WHICH = (
    "If the file is in another encoding, say which: "
    "encoding windows-1252 is what Excel writes in Western Europe and America."
)
TAKEN = "The email has already been taken."


def expect(result, code, counts):
    assert (result.exit_code, result.stdout) == (code, counts + "\n"), result.stderr


def test_the_columns_are_the_parameters_of_the_api():
    beside = {"client_categoryid", "send_email"}
    parameters = set(ClientCreateSchema().parameters) - beside
    assert set(COLUMNS) == parameters | {"id", "status", "category"}


def test_a_csv_file_is_imported(run, clients):
    head = "first_name,last_name,email,client_company_name,client_phone,status,category,tags\n"
    row = 'Jane,Doe,jane@acme.example,"Acme, Inc",+1 555,suspended,Retail,b;a\\;c;\\\\\n'
    expect(run("import", file=head + row), 0, "1 created, 0 updated, 0 skipped, 0 failed")
    (client,) = clients()
    assert client["company_name"] == "Acme, Inc"
    assert client["owner"]["name"] == "Jane Doe"
    assert client["phone"] == "+1 555"
    assert client["status"] == "suspended"
    assert client["category"]["name"] == "Retail"
    assert client["tags"] == ["b", "a;c", "\\"]
    assert client["contacts"][0]["email"] == "jane@acme.example"


def test_an_ndjson_file_is_imported(run, clients):
    row = {"first_name": " Jane ", "last_name": "Doe", "email": "jane@acme.example", "tags": ["a"]}
    row |= {"client_billing_invoice_due_days": 7, "client_vat": ""}
    lines = "\ufeff" + json.dumps(row) + "\n\n"
    expect(
        run("import", file=lines, suffix="ndjson"), 0, "1 created, 0 updated, 0 skipped, 0 failed"
    )
    (client,) = clients()
    assert (client["company_name"], client["tags"], client["vat"]) == ("Jane Doe", ["a"], None)
    assert client["billing"]["invoice_due_days"] == 7


def test_what_excel_writes_is_imported(run, clients):
    text = "\ufefffirst_name;last_name;email;client_description\r\n"
    text += 'Zoë;Łuk;zoe@acme.example;"two\r\nlines; and more"\r\n\r\n;;;\r\n'
    expect(run("import", file=text), 0, "1 created, 0 updated, 0 skipped, 0 failed")
    (client,) = clients()
    assert client["owner"]["name"] == "Zoë Łuk"
    assert client["description"] == "two\r\nlines; and more"


def test_a_category_is_found_in_whatever_case(run, clients, api):
    head = "first_name,last_name,email,category\n"
    rows = "A,A,a@acme.example,Retail\nB,B,b@acme.example,RETAIL\nC,C,c@acme.example,\n"
    assert run("import", file=head + rows).exit_code == 0
    assert [client["category"]["name"] for client in clients()] == ["Retail", "Retail", "Default"]
    assert len(api.get("/categories").get_json()["data"]) == 2


def test_every_bad_row_is_told_by_line_and_column(run, clients):
    text = HEAD + JANE + '"","Doe",no,"two\nlines"\nKim,Lee\nKim,Lee,kim@acme.example,' + "x" * 151
    result = run("import", file=text)
    expect(result, 1, "0 created, 0 updated, 0 skipped, 3 failed")
    assert result.stderr.splitlines() == [
        "line 3, first_name: The first name field is required.",
        "line 3, email: The email must be a valid email address.",
        "line 5, email: The email field is required.",
        "line 6, client_company_name: "
        "The client company name may not be greater than 150 characters.",
        "Error: Nothing was imported, because of the rows that failed.",
    ]
    assert clients() == []


def test_bad_lines_of_ndjson_are_told(run):
    lines = '{"first_name": 1}\n[]\n{"a\n{"client_phnoe": "1", "client_company_name": "A"}\n'
    result = run("import", file=lines, suffix="jsonl")
    expect(result, 1, "0 created, 0 updated, 0 skipped, 4 failed")
    assert "line 1, first_name: The first name must be a string.\n" in result.stderr
    assert "line 2: The line must be a JSON object.\n" in result.stderr
    assert "line 3: The line is not valid JSON: " in result.stderr
    assert "line 4, client_phnoe: The client phnoe parameter is not known here.\n" in result.stderr


def test_partial_imports_the_good_rows(run, clients):
    result = run("import", "--partial", file=HEAD + "Jane,,x,y\n" + KIM)
    expect(result, 1, "1 created, 0 updated, 0 skipped, 1 failed")
    assert [client["company_name"] for client in clients()] == ["Beta Ltd"]
    result = run("import", "--partial", file=HEAD + JANE)
    expect(result, 0, "1 created, 0 updated, 0 skipped, 0 failed")


@pytest.mark.parametrize("options", [(), ("--partial",), ("--on-conflict", "update")])
def test_a_dry_run_reports_what_the_real_run_then_does(run, clients, api, options):
    text = HEAD.replace("\n", ",category\n") + JANE.replace("\n", ",Retail\n") * 2
    dry = run("import", "--dry-run", *options, file=text)
    assert clients() == []
    assert len(api.get("/categories").get_json()["data"]) == 1
    real = run("import", *options, file=text)
    assert (dry.stdout, dry.exit_code) == (real.stdout, real.exit_code)
    rest = "Dry run: nothing was imported.\n"
    assert dry.stderr.replace(rest, "") == real.stderr


def test_a_conflict_fails_is_skipped_or_updates(run, clients, make_client):
    make_client(
        email="JANE@acme.example", first_name="J", client_vat="1", client_phone="2", tags=["a"]
    )
    text = "first_name,last_name,email,client_company_name,client_vat\n"
    text += "Jane,Doe,jane@acme.example,Acme Inc,\n"
    failed = run("import", file=text)
    expect(failed, 1, "0 created, 0 updated, 0 skipped, 1 failed")
    assert f"line 2, email: {TAKEN}\n" in failed.stderr
    expect(
        run("import", "--on-conflict", "skip", file=text),
        0,
        "0 created, 0 updated, 1 skipped, 0 failed",
    )
    assert clients()[0]["owner"]["name"] == "J Doe"
    expect(
        run("import", "--on-conflict", "update", file=text),
        0,
        "0 created, 1 updated, 0 skipped, 0 failed",
    )
    (client,) = clients()
    assert (client["company_name"], client["owner"]["name"]) == ("Acme Inc", "Jane Doe")
    assert client["contacts"][0]["email"] == "jane@acme.example"
    assert (client["vat"], client["phone"], client["tags"]) == (None, "2", ["a"])


def test_an_update_sets_status_category_and_tags_where_they_are_given(run, clients, make_client):
    make_client(email="jane@acme.example", client_company_name="Acme", tags=["a"])
    head = "first_name,last_name,email,client_company_name,status,category,tags\n"
    row = "Jane,Doe,jane@acme.example,,{},{},{}\n"
    update = ("import", "--on-conflict", "update")
    assert run(*update, file=head + row.format("suspended", "Retail", "b;c")).exit_code == 0
    (client,) = clients()
    assert (client["status"], client["category"]["name"]) == ("suspended", "Retail")
    assert (client["tags"], client["company_name"]) == (["b", "c"], "Jane Doe")
    assert run(*update, file=head + row.format("", "", "")).exit_code == 0
    (client,) = clients()
    assert (client["status"], client["category"]["name"]) == ("suspended", "Default")
    assert client["tags"] == []


def test_rows_of_one_file_conflict_with_each_other(run, clients):
    result = run("import", file=HEAD + JANE + JANE.replace("jane", "JANE"))
    expect(result, 1, "0 created, 0 updated, 0 skipped, 1 failed")
    assert f"line 3, email: {TAKEN}\n" in result.stderr


def test_a_row_without_the_owners_columns_is_no_client_without_owner(run, clients):
    result = run("import", file="client_company_name\nAcme\n")
    expect(result, 1, "0 created, 0 updated, 0 skipped, 1 failed")
    assert "line 2, email: The email field is required.\n" in result.stderr
    head = "first_name,last_name,email,client_company_name\n"
    assert run("import", file=head + ",,,Acme\n").exit_code == 0
    assert clients()[0]["owner"] is None
    assert run("import", file=head + ",,,\n,Doe,,\n").exit_code == 1


@pytest.mark.parametrize("word", ["=1", "x"])
def test_in_what_we_wrote_one_apostrophe_before_a_formula_is_taken_away(run, clients, word):
    head = f"first_name,last_name,email,client_phone,{MARK}\n"
    assert run("import", file=f"{head}A,B,a@acme.example,'{word},\n").exit_code == 0
    assert clients()[0]["phone"] == ("=1" if word == "=1" else "'x")


@pytest.mark.parametrize("conflict", ["fail", "skip", "update"])
def test_the_address_of_a_user_who_owns_no_client_is_an_error(run, api, make_client, conflict):
    client = make_client()
    person = {"first_name": "Jane", "last_name": "Doe"}
    team = {**person, "email": "jane@acme.example", "role_id": 3}
    user = {**person, "email": "kim@acme.example", "clientid": client["id"]}
    assert api.post("/team", team).status_code == 201
    assert api.post("/contacts", user).status_code == 201
    result = run("import", "--on-conflict", conflict, file=HEAD + JANE + KIM)
    expect(result, 1, "0 created, 0 updated, 0 skipped, 2 failed")
    assert f"line 2, email: {TAKEN}\nline 3, email: {TAKEN}\n" in result.stderr


def test_a_contact_of_no_client_is_promoted(run, clients, make_contact):
    contact = make_contact(email="Jane@acme.example")
    assert run("import", file=HEAD + JANE).exit_code == 0
    assert clients()[0]["owner"] == {"id": contact["id"], "name": "Jane Doe"}


def test_custom_fields_are_columns(run, clients, api):
    field = {"title": "Level", "name": "level", "type": "number", "required": "yes"}
    api.post("/custom-fields", field)
    # The name of a column of the table, but of no parameter
    api.post("/custom-fields", {"title": "Vat", "name": "vat", "type": "text"})
    head = "first_name,last_name,email,level,vat\n"
    missing = run("import", file=HEAD + JANE)
    assert "line 2, level: The level field is required.\n" in missing.stderr
    wrong = run("import", file=head + "Jane,Doe,jane@acme.example,x,\n")
    assert "line 2, level: The level must be an integer.\n" in wrong.stderr
    assert run("import", file=head + "Jane,Doe,jane@acme.example,-5,=1+1\n").exit_code == 0
    assert clients()[0]["custom_fields"] == {"level": -5, "vat": "=1+1"}
    assert clients()[0]["vat"] is None
    assert run("export", "-").stdout.splitlines()[1].endswith(",-5,'=1+1,")


def test_the_welcome_is_queued_for_new_clients_only(run, app):
    text = "first_name,last_name,email,send_email\nJane,Doe,jane@acme.example,yes\n"
    run("import", file=text)
    run("import", "--on-conflict", "update", file=text)
    assert app.database.execute_sql("SELECT recipient FROM mail").fetchall() == [
        ("jane@acme.example",)
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Line 1 must name the columns."),
        (
            b"first_name,nmae,,x y\n",
            "There are columns that are not known here: 'nmae', 'x y'.",
        ),
        (b"email,email\n", "There are columns more than once: email."),
        (b"email\n\xe9\n", f"Line 2 is not valid UTF-8. {SAY_WHICH}"),
        (HEAD.encode() + b'a,"b', "Line 2 is not valid CSV: unexpected end of data."),
        (
            HEAD.encode() + JANE.encode() + b'a,"b"c,d,e\n',
            "Line 3 is not valid CSV: ',' expected after '\"'.",
        ),
        (
            HEAD.encode() + b'"' + b"x\n" * 600_000,
            "Line 2 is not valid CSV: a cell has more than 1048576 characters, "
            "as where a quote is not closed.",
        ),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(run, clients, data, message):
    result = run("import", "--partial", file=data)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {message}\n"
    assert clients() == []


def test_a_line_without_end_does_not_fill_the_memory(run, monkeypatch):
    monkeypatch.setattr(decoding, "LINE_MAX", 1000)
    result = run("import", file=b'{"first_name": "' + b"x" * 1000, suffix="ndjson")
    assert result.stderr == "Error: Line 1 is longer than 1000 bytes.\n"


def test_wrong_usage_exits_with_2(run, tmp_path):
    assert run("import", str(tmp_path / "none.csv")).exit_code == 2
    assert run("import", str(tmp_path)).exit_code == 2
    assert run("import", "-", "--format", "xml").exit_code == 2
    assert run("import", "-", "--on-conflict", "merge").exit_code == 2
    assert run("export", "-", "--status", "maybe").exit_code == 2


def test_stdin_and_stdout_carry_data_alone(run):
    assert run("import", "-", input=(HEAD + JANE).encode()).exit_code == 0
    result = run("export", "-", "--format", "ndjson")
    assert result.exit_code == 0
    client = json.loads(result.stdout)
    assert list(client) == list(COLUMNS)
    assert client["email"] == "jane@acme.example"
    assert client["tags"] == []
    assert client["client_vat"] is None
    assert result.stderr == "1 exported\n"


def test_an_export_can_be_filtered(run, make_client):
    make_client(client_company_name="École")
    other = make_client(client_company_name="Beta")
    found = run("export", "-", "--search", "éCOLE").stdout
    assert "École" in found
    assert "Beta" not in found
    assert other["status"] == "active"
    assert len(run("export", "-", "--status", "suspended").stdout.splitlines()) == 1


AWKWARD = [
    {"client_description": "two\r\nlines\rand \"quotes\", 'apostrophes'; and\tmore"},
    *({"client_phone": text} for text in ("=1+1", "+1", "-1", "@x", "'=1", "''-", "'x", "''x")),
    {"tags": ["a;b", "back\\slash", "\\;", "end\\", "=sum", "Ü", "'@"]},
    {"client_company_name": "  名前 👩‍👩‍👧 \u2028 x"},
    {"client_billing_invoice_due_days": 0, "client_billing_zip": "007"},
]


@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_what_is_exported_is_imported_as_it_was(run, api, make_app, make_client, tmp_path, suffix):
    fields = [
        {"title": "N", "name": "n", "type": "decimal"},
        {"title": "C", "name": "c", "type": "checkbox"},
    ]
    for overrides in AWKWARD:
        make_client(**overrides)
    for field in fields:
        api.post("/custom-fields", field)
    last = make_client(n="-1.5e-7", c="yes", client_company_name="Beta")
    api.put(f"/clients/{last['id']}/status", {"status": "suspended"})
    for tags in ([], ["x"]):
        ownerless = make_client(client_company_name="Nobody's", tags=tags)
        api.delete(f"/contacts/{ownerless['owner']['id']}")
    first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
    count = len(AWKWARD) + 3
    expect(run("export", str(first)), 0, f"{count} exported")

    other = make_app()
    other_api = type(api)(other, issue_key(other))
    for field in fields:
        other_api.post("/custom-fields", field)
    expect(
        run("import", str(first), target=other),
        0,
        f"{count} created, 0 updated, 0 skipped, 0 failed",
    )
    expect(run("export", str(second), target=other), 0, f"{count} exported")
    assert second.read_bytes() == first.read_bytes()
    shown = [
        [client["tags"], client["phone"], client["description"], client["company_name"]]
        for caller in (api, other_api)
        for client in caller.get("/clients?sort=client_created&order=asc").get_json()["data"]
    ]
    assert shown[:count] == shown[count:]
    assert other_api.get(f"/clients/{count}").get_json()["data"]["owner"] is None


def test_cells_that_a_spreadsheet_would_run_are_defused(run, make_client):
    make_client(client_description="=HYPERLINK(1)", client_vat="'quoted", tags=["@a"])
    line = run("export", "-").stdout.splitlines()[1]
    assert ",'=HYPERLINK(1)," in line
    assert ",'quoted," in line
    assert line.endswith(",'@a,")


def test_an_export_is_one_snapshot(app, make_client):
    # Parts of the file are made while others write; what they write is not in it.
    from clients_api.files.exporting import export

    make_client(client_company_name="Before")
    with using(app.database):
        parts = export(app.database, Client.matching(), "ndjson")
        assert next(parts) == b""
        make_client(client_company_name="After")
        text = b"".join(parts)
    assert text.count(b"\n") == 1
    assert b"Before" in text


def test_an_export_that_fails_leaves_no_file(run, app, make_client, tmp_path):
    make_client()
    target = tmp_path / "out.csv"
    target.write_text("what was here before")
    app.database.execute_sql("DROP TABLE custom_value")
    result = run("export", str(target))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert target.read_text() == "what was here before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.csv"]


def test_what_is_no_file_is_written_as_it_is(run, make_client, tmp_path):
    make_client()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert run("export", str(pipe)).exit_code == 0
    reader.join(10)
    assert read[0].startswith("id,first_name,")
    assert pipe.is_fifo()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(app, tmp_path, is_terminal):
    file = tmp_path / "in.csv"
    file.write_text(HEAD + JANE + "x,y,z,\n" + KIM)
    instance = app.instance_path
    ours, theirs = pty.openpty() if is_terminal else os.pipe()
    result = subprocess.run(
        [sys.executable, "-m", "clients_api", "import", "--partial", str(file)],
        cwd=ROOT,
        env={**os.environ, "CLIENTS_API_INSTANCE_PATH": instance, "TERM": "xterm"},
        stderr=theirs,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert result.stdout == b"2 created, 0 updated, 0 skipped, 1 failed\n"
    assert ("100%" in shown) == is_terminal
    assert "line 3, email: The email must be a valid email address." in shown
