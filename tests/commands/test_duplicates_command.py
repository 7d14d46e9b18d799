"""`clients-api duplicates`: the groups that the API has, for a person and for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re

import pytest


@pytest.fixture
def world(make_client) -> None:
    make_client(email="a@acme.example", client_company_name="Acme Inc", client_vat="GB1")
    make_client(email="b@gmail.com", client_company_name="ACME\u202e", client_vat="gb 1")
    make_client(email="c@acme.example", client_company_name="=1+1", client_vat="x")


def test_groups_are_listed_for_a_person(run, world):
    result = run("duplicates")
    assert (result.exit_code, result.stderr) == (0, "3 groups\n")
    day = r"\d{4}-\d\d-\d\d"
    assert re.fullmatch(
        rf"""vat GB1 \(strong\): 2 clients
        1  {day}  Acme Inc
        2  {day}  ACME\\u202e
name acme \(strong\): 2 clients
        1  {day}  Acme Inc
        2  {day}  ACME\\u202e
domain acme.example \(weak\): 2 clients
        1  {day}  Acme Inc
        3  {day}  =1\+1
""",
        result.stdout,
    )


def test_kinds_can_be_chosen(run, world):
    result = run("duplicates", "--by", "domain", "--by", "phone")
    assert result.stdout.splitlines()[0] == "domain acme.example (weak): 2 clients"
    assert result.stderr == "1 group\n"
    assert run("duplicates", "--by", "size").exit_code == 2


@pytest.mark.parametrize("place", ["-", "file"])
def test_a_spreadsheet_gets_a_line_a_client_and_no_formula(run, world, tmp_path, api, place):
    path = "-" if place == "-" else str(tmp_path / "out.csv")
    result = run("duplicates", "--csv", path)
    assert (result.exit_code, result.stderr) == (0, "")
    text = result.stdout if place == "-" else (tmp_path / "out.csv").read_text(encoding="utf-8")
    head, *rows = csv.reader(io.StringIO(text))
    assert ",".join(head) == "by,value,strength,count,id,company_name,created,updated"
    assert [row[:6] for row in rows] == [
        ["vat", "GB1", "strong", "2", "1", "Acme Inc"],
        ["vat", "GB1", "strong", "2", "2", "ACME\u202e"],
        ["name", "acme", "strong", "2", "1", "Acme Inc"],
        ["name", "acme", "strong", "2", "2", "ACME\u202e"],
        ["domain", "acme.example", "weak", "2", "1", "Acme Inc"],
        ["domain", "acme.example", "weak", "2", "3", "'=1+1"],
    ]
    dates = api.get("/clients/1").get_json()["data"]["dates"]
    assert rows[0][6:] == [dates["created"], dates["updated"]]


def test_more_groups_than_are_read_at_once_are_all_listed(run, api):
    lines = ["first_name,last_name,email,client_company_name"]
    lines += [f"J,D,{n}@gmail.com,Name {n // 2}" for n in range(500)]
    api.post("/clients/import", data="\n".join(lines), content_type="text/csv")
    result = run("duplicates", "--by", "name")
    assert result.stderr == "250 groups\n"
    assert len(result.stdout.splitlines()) == 3 * 250


def test_where_there_are_none_it_says_so(run):
    result = run("duplicates")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 groups\n")
    assert len(run("duplicates", "--csv", "-").stdout.splitlines()) == 1
