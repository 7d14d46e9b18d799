"""What Excel, LibreOffice, Outlook, Numbers and pandas write is taken, or refused."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

HEAD = "first_name,last_name,email,client_company_name,client_phone,client_vat\n"
JANE = "Jane,Doe,jane@acme.example,Acme Inc,,\n"


@pytest.fixture
def taken(run, clients):
    """Import a file that has one client, and return it."""

    def taken(file, *options):
        result = run("import", *options, file=file)
        assert (result.exit_code, result.stdout) == (
            0,
            "1 created, 0 updated, 0 skipped, 0 failed\n",
        ), result.stderr
        (client,) = clients()
        return client

    return taken


@pytest.fixture
def refused(run, clients):
    """Try to import a file, and return what is said of it."""

    def refused(file, *options, **how):
        result = run("import", *options, file=file, **how)
        assert (result.exit_code, result.stdout) == (1, "")
        assert clients() == []
        return result.stderr.removeprefix("Error: ").removesuffix("\n")

    return refused


def test_a_row_may_be_short_of_its_last_blank_cells(taken):
    # Excel leaves them out; the row was refused for the number of its cells.
    client = taken(HEAD + "Jane,Doe,jane@acme.example\n")
    assert (client["company_name"], client["phone"]) == ("Jane Doe", None)


def test_a_row_may_have_blank_cells_too_many(taken):
    assert taken(HEAD + JANE.strip() + ",, ,\n")["company_name"] == "Acme Inc"


def test_columns_without_a_name_may_be_there_if_they_are_empty(taken):
    text = ",first_name,last_name,email, ,Unnamed: 5,\n,Jane,Doe,jane@acme.example,, \n"
    assert taken(text)["owner"]["name"] == "Jane Doe"


def test_a_column_without_a_name_that_has_text_is_refused(refused):
    # What pandas writes with its index
    text = ",first_name,last_name,email\n0,Jane,Doe,jane@acme.example\n"
    assert refused(text) == "Column 1 has no name, but text in line 2: name it, or take it out."


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_line_may_say_the_separator(taken, run, line):
    head = "first_name;last_name;email;client_company_name"
    text = f"{line}\r\n{head}\r\nJane;Doe;jane@acme.example;a,b"
    assert taken(text)["company_name"] == "a,b"
    wrong = run("import", file=f"{line}\nfirst_name;last_name;email\n\nJane;Doe;no\n")
    assert "line 4, email: " in wrong.stderr


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_whatever_separates_a_separator_line_may_say(taken, sign):
    row = sign.join(["Jane", "Doe", "jane@acme.example"])
    head = sign.join(["first_name", "last_name", "email"])
    assert taken(f"sep={sign}\n{head}\n{row}\n")["owner"]["name"] == "Jane Doe"


def test_cells_may_be_separated_by_tabs(taken):
    # As Excel's "Unicode Text"
    text = (
        'first_name\tlast_name\temail\tclient_company_name\nJane\tDoe\tjane@acme.example\t"a\tb;"\n'
    )
    assert taken(text)["company_name"] == "a\tb;"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_may_end_as_on_any_system(taken, run, end):
    # As Excel's "CSV (Macintosh)": it has a line feed within a cell.
    head = "first_name,last_name,email,client_description"
    client = taken(end.join([head, 'Jane,Doe,jane@acme.example,"two\nlines"', ""]))
    assert client["description"] == "two\nlines"
    wrong = run("import", file=end.join([head, "", "Jane,Doe,no,", ""]))
    assert wrong.stderr.startswith("line 3, email: ")


def test_a_long_file_may_have_lines_that_end_with_cr(run):
    rows = [f"Jane,Doe,jane{n}@acme.example,{'x' * 100},," for n in range(1000)]
    result = run("import", "--dry-run", file="\r".join([HEAD.strip(), *rows]))
    assert result.stdout == "1000 created, 0 updated, 0 skipped, 0 failed\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_a_byte_order_mark_says_the_encoding(taken, encoding, end):
    text = "\ufeff" * (encoding in ("utf-16-le", "utf-16-be"))
    text += end.join(["first_name;last_name;email", "Zoë;Łuk 👩‍👧;zoe@acme.example", ""])
    assert taken(text.encode(encoding), "--encoding", "cp1252")["owner"]["name"] == "Zoë Łuk 👩‍👧"


def test_text_in_utf_16_may_be_longer_than_what_is_read_at_once(run, clients):
    rows = [f"Zoë,Łuk 👩‍👧,zoe{n}@acme.example,{'é' * 100},,\r\n" for n in range(1000)]
    result = run("import", file=(HEAD + "".join(rows)).encode("utf-16"))
    assert result.stdout == "1000 created, 0 updated, 0 skipped, 0 failed\n", result.stderr
    assert {client["company_name"] for client in clients()} == {"é" * 100}


@pytest.mark.parametrize(
    "encoding", ["windows-1252", "CP1252", "mac-roman", "shift_jis", "utf-16-le"]
)
def test_the_caller_may_say_the_encoding(taken, encoding):
    name = "ソ表" if encoding == "shift_jis" else "Zoë"
    text = f"first_name,last_name,email\r\n{name},Doe,zoe@acme.example\r\n"
    assert taken(text.encode(encoding), "--encoding", encoding)["owner"]["name"] == f"{name} Doe"


def test_ndjson_may_be_in_another_encoding(run, clients):
    line = '{"first_name": "Zoë", "last_name": "Doe", "email": "zoe@acme.example"}\n'
    for encoding, options in (("utf-16", ()), ("latin-1", ("--encoding", "latin-1"))):
        options = (*options, "--on-conflict", "update")
        assert run("import", *options, file=line.encode(encoding), suffix="jsonl").exit_code == 0
        assert clients()[0]["owner"]["name"] == "Zoë Doe"


def test_what_is_no_utf_8_is_refused_with_what_to_say(refused):
    told = refused((HEAD + JANE.replace("Doe", "Döe")).encode("latin-1"))
    assert told.startswith("Line 2 is not valid UTF-8.")
    assert "encoding windows-1252" in told
    assert refused(HEAD.encode() + b"\x81", "--encoding", "cp1252") == "Line 2 is not valid cp1252."
    assert refused(b"\xff\xfea\x00\x00\xd8\x00") == "The file is not valid utf-16-le."
    told = refused((HEAD + JANE).encode("utf-16-le"))
    assert told == "The file is no UTF-8; if it is UTF-16, say so: encoding utf-16."


@pytest.mark.parametrize(
    "encoding",
    # Those after utf-7 are Python's own: a file of them was imported, as nobody would read it.
    [
        "klingon",
        "base64",
        "rot13",
        "utf-7",
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
        "palmos",
        "charmap",
        "cp037",
        "x\x00",
    ],
)
def test_an_encoding_in_which_no_line_is_found_is_wrong_usage(run, encoding):
    result = run("import", "--encoding", encoding, file=HEAD + JANE)
    assert (result.exit_code, result.stdout) == (2, "")


def test_blanks_around_a_quoted_cell_are_no_part_of_it(taken):
    # The quotes were stored in the names, silently.
    head = '"first_name", "last_name" ,"email", "client_company_name","client_description"\n'
    row = ' "Jane", "Doe"\t, "jane@acme.example" , "a ""b"" , c" , "d "" , ""\ne "" , f" \n'
    client = taken(head + row)
    assert client["owner"]["name"] == "Jane Doe"
    assert (client["company_name"], client["description"]) == ('a "b" , c', 'd " , "\ne " , f')


def test_a_cell_may_have_a_carriage_return_and_no_quotes(taken):
    # As pandas writes it; it failed the whole file.
    head = "first_name,last_name,email,client_company_name,client_description,tags\n"
    row = 'Jane,Doe,jane@acme.example,a\rb\rc,"d\ne,f\rg,h ""i"" ,\n\r ""j"",k\rl",m\rn\n'
    client = taken(head + row)
    assert (client["company_name"], client["tags"]) == ("a\rb\rc", ["m\rn"])
    assert client["description"] == 'd\ne,f\rg,h "i" ,\n\r "j",k\rl'


def test_a_cell_that_is_far_too_long_is_an_error_of_its_row(run, clients):
    # It failed the whole file, with Python's words.
    row = f"Kim,Lee,kim@acme.example,{'x' * 200_000},,\n"
    result = run("import", "--partial", file=HEAD + row + JANE)
    assert result.stdout == "1 created, 0 updated, 0 skipped, 1 failed\n"
    assert "line 2, client_company_name: The client company name may not be" in result.stderr
    assert [client["company_name"] for client in clients()] == ["Acme Inc"]


@pytest.mark.parametrize("name", ["'@home' BV", "'=1", "''x", "'-"])
def test_a_name_keeps_its_apostrophe_in_a_file_that_is_not_ours(taken, name):
    # It was taken for one that an export had put there.
    assert taken(HEAD + JANE.replace("Acme Inc", name))["company_name"] == name


def test_raw_cells_are_taken_and_written_as_they_stand(run, make_client):
    make_client(client_company_name="=1+1", client_phone="'-", tags=["@a", "b"])
    raw = run("export", "-", "--raw").stdout
    head, row = raw.splitlines()
    assert head.endswith(",tags")
    assert ",=1+1," in row
    assert row.endswith(",@a;b")
    update = ("import", "--match", "id", "--on-conflict", "update")
    assert run(*update, file=raw).exit_code == 0
    assert run("export", "-", "--raw").stdout == raw
    marked = run("export", "-").stdout
    assert ",'=1+1," in marked
    assert run(*update, "--raw", file=marked).exit_code == 0
    assert ",'=1+1," in run("export", "-", "--raw").stdout


def test_text_in_the_marks_column_is_an_error_of_its_row(run, make_client):
    # Such as where a comma too many has moved the cells.
    make_client()
    text = run("export", "-").stdout_bytes.replace(b",\r\n", b",x\r\n")
    result = run("import", file=text)
    told = "line 2: The row has text in the column defused_by_clients_api, which must be empty.\n"
    assert told in result.stderr


@pytest.mark.parametrize(
    ("written", "due"), [("15", 15), ("15.0", 15), ("15.00", 15), ("15.5", None), ("1.0e1", None)]
)
def test_a_whole_number_may_have_a_fraction_of_zeros(run, clients, api, written, due):
    # pandas writes it so where other cells of the column are blank.
    api.post("/custom-fields", {"title": "N", "name": "n", "type": "number"})
    head = "first_name,last_name,email,client_billing_invoice_due_days,n\n"
    result = run("import", file=f"{head}Jane,Doe,jane@acme.example,{written},{written}\n")
    if due is None:
        assert "line 2, n: The n must be an integer.\n" in result.stderr
    else:
        assert clients()[0]["billing"]["invoice_due_days"] == due
        assert clients()[0]["custom_fields"] == {"n": due}


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as workbook:
        workbook.writestr("[Content_Types].xml", "<Types/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (zipped(), "a workbook of Excel, LibreOffice or Numbers (.xlsx, .ods, …)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old workbook of Excel (.xls)"),
        (gzip.compress(HEAD.encode(), mtime=0), "compressed (.gz)"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"SQLite format 3\0" + bytes(100), "a SQLite database"),
        (b'[\n{"first_name": "Jane"}]', "a JSON array"),
        (b'{"first_name": "Jane"}\n', "JSON"),
        (b"<html><table>", "HTML or XML"),
    ],
)
def test_a_file_of_another_kind_is_named_as_what_it_is(refused, file, what):
    assert refused(file).startswith(f"The file is {what}")


@pytest.mark.parametrize("text", ['[{"first_name": "Jane"}]', '[\n{"first_name": "Jane"}\n]'])
def test_a_json_array_is_no_ndjson(refused, text):
    assert refused(text, suffix="ndjson").startswith("The file is a JSON array, no NDJSON: ")
    assert refused('{\n"email": 1}', suffix="jsonl").startswith("The file is JSON, no NDJSON: ")


def test_columns_are_matched_as_people_mean_them(taken, api):
    api.post("/custom-fields", {"title": "Account code", "type": "text"})
    head = "First name,Last-Name,EMAIL,Company,Billing City,client phone,VAT,Account code,Tags\n"
    client = taken(head + "Jane,Doe,jane@acme.example,Acme Inc,Rome,123,IT1,A-17,a\n")
    assert (client["owner"]["name"], client["company_name"]) == ("Jane Doe", "Acme Inc")
    assert (client["billing"]["city"], client["phone"], client["vat"]) == ("Rome", "123", "IT1")
    assert (client["custom_fields"], client["tags"]) == ({"client_custom_field_1": "A-17"}, ["a"])


def test_a_column_that_is_none_is_asked_about(refused):
    told = refused("frist_name,client_phnoe,colour\nJane,1,red\n")
    assert told == (
        "There are columns that are not known here: 'frist_name' (did you mean first_name?), "
        "'client_phnoe' (did you mean client_phone?), 'colour'."
    )
    assert "'E-mail Address' (did you mean email?)" in refused("E-mail Address\nx\n")
    told = refused("email,phone\nx,1\n")
    assert told.endswith(": 'phone' (did you mean client_phone?).")
    told = refused("EMAIL,email\nx,y\n")
    assert told == "There are columns more than once: email."


def test_a_file_may_begin_with_a_mark_for_excel(run, make_client, taken):
    make_client(client_company_name="Łódź")
    plain, marked = run("export", "-").stdout_bytes, run("export", "-", "--bom").stdout_bytes
    assert marked == b"\xef\xbb\xbf" + plain
