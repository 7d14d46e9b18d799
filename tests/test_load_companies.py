"""The loader of real companies and universities, on a few rows that are made up."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

COMPANIES = """\
Symbol,Security,GICS Sector,Headquarters Location
AC,Acme,Industrials,"Springfield, Ohio"
AC.B,Acme (Class B),Industrials,none
ZO,"Zoé, ""Fils"" & Cie",Energy,"Lyon, Rhône, France"
"""
UNIVERSITIES = [
    {
        "name": name,
        "country": "Brazil",
        "alpha_two_code": "BR",
        "state-province": state,
        "web_pages": ["https://www.school.example/"],
        "domains": ["school.example"],
    }
    for name, state in (("Fundação O'Higgins", "São Paulo"), ("東京 100% _大学_", None))
]


@pytest.fixture
def load(tmp_path):
    """Run the loader on the rows above; return the finished process."""
    companies, universities = tmp_path / "companies.csv", tmp_path / "universities.json"
    companies.write_text(COMPANIES, encoding="utf-8")
    universities.write_text(json.dumps(UNIVERSITIES), encoding="utf-8")
    files = ["--sp500", companies, "--universities", universities]

    def run(*options):
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "benchmarks.load_companies", *files, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    return run


def test_all_rows_are_loaded_into_a_server_of_its_own_and_found_again(load):
    run = load()
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "3 of 3 twins found, 0 groups of universities alike"
    *_, companies, contacts, owners, _, universities, search, bare, pages, cursors = (
        line.split() for line in lines[1:-3]
    )
    twins, alike, everything = (line.split() for line in lines[-3:])
    assert companies[0] == "companies"
    # Three rows, and the counts of two categories, each asked for twice.
    assert companies[-3:-1] == ["7", "0"]
    assert contacts[-3:-1] == ["7", "0"]
    assert owners[-3:-1] == ["10", "0"]
    assert universities[-3:-1] == ["3", "0"]
    assert search[-3:-1] == ["3", "0"]
    assert bare[-3:-1] == ["3", "0"]  # those with letters beyond ASCII
    assert pages[-3:-1] == cursors[-3:-1] == ["8", "0"]
    assert twins[-3:-1] == ["3", "0"]
    assert alike[-3:-1] == ["1", "0"]
    assert everything[0] == "all"
    assert everything[-2] == "0"


def test_one_failed_request_is_exit_status_1(load, start_server):
    server = start_server()
    to_it = ("--url", f"{server.url}/api", "--key", server.key)
    assert load(*to_it).returncode == 0
    again = load(*to_it)
    assert again.returncode == 1
    assert "The email has already been taken." in again.stderr


def test_an_address_without_a_key_is_wrong_usage(load):
    run = load("--url", "http://127.0.0.1:1/api")
    assert run.returncode == 2
    assert "Give both --url and --key, or neither." in run.stderr
