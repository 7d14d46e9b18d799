"""Exports that pandas and csvkit have read and written come back unchanged.

But for what these change themselves, which docs/spreadsheets.md names. They are in the extra
`spreadsheets`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients_api.files.columns import COLUMNS
from clients_api.schemas.exchange import OwnedRowSchema

SCALE = int(os.environ.get("TRUST_SCALE", "1"))  # 200 clients each
CUSTOM = ("text", "paragraph", "number", "decimal", "date", "checkbox", "dropdown")
BY_ID = ("--match", "id", "--on-conflict", "update")
# What parsers, spreadsheets and databases trip over
WORDS = [
    *(
        "=1+1",
        "+1",
        "-1",
        "@x",
        "'",
        "''",
        "'=1",
        "''-",
        "\uff1d1",
        "\t=1",
        "a\r=b",
        "a\n'@b",
        ";=1",
    ),
    *(
        '"',
        '""',
        '"a',
        'a"b',
        '" ',
        ",",
        ";",
        "a;b",
        "\\",
        "\\;",
        "\\\\;",
        "a\rb",
        "a\r\nb",
        "a\nb",
    ),
    *("007", "1e5", "1.0", "1,5", "NA", "NaN", "null", "None", "nan", "TRUE", "yes", "#N/A", "-"),
    *("2026-06-15", "15.06.26", "1/2", "0x1F", "\uff19", "\u0661", "∞", "+49 30 1234", "1_000"),
    *("\ufeffx", "a\u2028b", "a\x85b", "a\x1cb", "a\x0bb", "a\x1ab", "\x7f", "a\u200bb", "\u202ex"),
    *(
        "e\u0301",
        "é",
        "İ",
        "ß",
        "名前",
        "👩‍👩‍👧",
        "\U0001d54f",
        "\U0010ffff",
        "\ufffd",
        "sep=,",
        "id",
        "#x",
    ),
]


def texts(count: int) -> list[str]:
    """Return texts that hypothesis makes up of characters of all kinds, and of these words."""
    made: list[str] = []
    anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    strategy = st.lists(st.one_of(st.sampled_from(WORDS), anything), min_size=1, max_size=3)

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(parts: list[str]) -> None:
        made.append(" ".join(parts))

    collect()
    return [*WORDS, *made]


def rows(count: int) -> list[dict[str, object]]:
    """Make up clients, with such a text wherever there may be one."""
    pool = texts(300)
    chance = random.Random(1)
    limits = {n: f.limits.get("max") for n, f in OwnedRowSchema().parameters.items()}

    def text(limit: int) -> str:
        return chance.choice(pool)[:limit].strip() or "x"

    made = []
    for number in range(count):
        row: dict[str, object] = {name: text(limits[name] or 50) for name in limits}
        row |= {"email": f"person{number}@acme{number % 99}.example", "id": None}
        row |= {"status": chance.choice(["active", "suspended"]), "send_email": "no"}
        row |= {"client_billing_invoice_due_days": chance.choice([None, 0, 7, 32767])}
        row |= {"category": chance.choice([*WORDS[:30], "Default"])}
        tags = [t for t in (text(100) for _ in range(3)) if t not in (".", "..")]
        # Those that differ by the ends of lines alone are one to csvkit.
        row |= {"tags": list({re.sub(r"\r\n?", "\n", t): t for t in tags}.values())}
        row |= {"text": text(200), "paragraph": text(200), "date": "2026-06-15"}
        row |= {"number": chance.choice([None, -5, 2**62]), "decimal": -1.5e-7}
        row |= {"checkbox": chance.choice(["yes", None]), "dropdown": chance.choice(WORDS[:5])}
        made.append(row)
    return made


@pytest.fixture
def exported(run, api, tmp_path):
    """Store such clients, export them, and return the file."""
    for kind in CUSTOM:
        options = {"options": WORDS[:5]} if kind == "dropdown" else {}
        answer = api.post("/custom-fields", {"title": kind, "name": kind, "type": kind, **options})
        assert answer.status_code == 201
    lines = "".join(json.dumps(row) + "\n" for row in rows(200 * SCALE))
    result = run("import", file=lines, suffix="ndjson")
    assert result.exit_code == 0, result.stderr[:1000]
    path = tmp_path / "exported.csv"
    assert run("export", str(path)).exit_code == 0
    return path


@pytest.fixture
def imported(run, tmp_path):
    """Import a file by the ids, and return what an export holds then."""

    def imported(path, *options):
        start = time.perf_counter()
        result = run("import", str(path), *BY_ID, *options)
        assert result.exit_code == 0, result.stderr[:1000]
        assert result.stdout == f"0 created, {200 * SCALE} updated, 0 skipped, 0 failed\n"
        print(f"{200 * SCALE:,} clients came back in {time.perf_counter() - start:.1f} s")
        after = tmp_path / "after.csv"
        assert run("export", str(after)).exit_code == 0
        return after

    return imported


def test_such_clients_come_back_unchanged_without_any_program(exported, imported):
    assert imported(exported).read_bytes() == exported.read_bytes()


@pytest.mark.parametrize("ending", ["csv", "tsv", "utf-16"])
def test_pandas_changes_nothing_where_it_is_told_that_all_is_text(
    exported, imported, tmp_path, ending
):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(exported, dtype=str, keep_default_na=False)
    assert list(table)[: len(COLUMNS)] == list(COLUMNS)
    path = tmp_path / f"pandas.{ending}"
    how = {"csv": {}, "tsv": {"sep": "\t"}, "utf-16": {"encoding": "utf-16", "sep": ";"}}[ending]
    table.to_csv(path, index=False, **how)
    assert imported(path).read_bytes() == exported.read_bytes()


def test_pandas_left_to_itself_changes_numbers_and_missing_values_alone(run, api, make_client):
    pandas = pytest.importorskip("pandas")
    api.post("/custom-fields", {"title": "N", "name": "n", "type": "number"})
    make_client(client_company_name="Acme", n=15, client_billing_zip="007", client_phone="NA")
    make_client(client_company_name="Beta", client_vat="=1", client_billing_city="Rome")
    before = run("export", "-").stdout
    table = pandas.read_csv(io.StringIO(before))
    after = table.to_csv(index=False)
    assert ",15.0," in after
    result = run("import", "-", *BY_ID, input=after.encode())
    assert result.exit_code == 0, result.stderr
    again = run("export", "-").stdout
    changed = [
        (name, old, new)
        for one, two in zip(*(csv.DictReader(io.StringIO(t)) for t in (before, again)), strict=True)
        for (name, old), new in zip(one.items(), two.values(), strict=True)
        if old != new
    ]
    assert changed == [("client_phone", "NA", ""), ("client_billing_zip", "007", "7.0")]


@pytest.mark.parametrize(
    "command",
    [
        ("csvcut", "-c", "1-"),
        ("csvformat", "-D", ";"),
        ("csvformat", "-T"),
        ("csvgrep", "-c", "id", "-r", "."),
    ],
)
def test_csvkit_changes_the_ends_of_lines_alone(exported, imported, tmp_path, command):
    pytest.importorskip("csvkit")
    program, *options = command
    path = tmp_path / "csvkit.csv"
    with path.open("wb") as file:
        arguments = [Path(sys.executable).with_name(program), *options, exported]
        subprocess.run(arguments, stdout=file, check=True, timeout=60 + 20 * SCALE)
    assert cells(imported(path)) == [
        [re.sub(r"\r\n?", "\n", cell) for cell in row] for row in cells(exported)
    ]


def cells(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
