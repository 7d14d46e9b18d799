"""Search against a plain scan in Python, for names and needles that are made up.

SEARCH_EXAMPLES says how many histories of clients are made up: `SEARCH_EXAMPLES=2000 pytest -n0
tests/test_search_random.py` takes some minutes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner
from conftest import Caller, issue_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients_api.commands.cli import cli
from clients_api.models import Client
from clients_api.models.engines.current import using
from clients_api.models.queries.folding import plain

NDJSON = "application/x-ndjson"
EXAMPLES = int(os.environ.get("SEARCH_EXAMPLES", "15"))
# Few characters, so that needles are found: quotes, wildcards, marks, letters that folding makes
# longer, the ends of what UTF-8 writes in one, two, three and four bytes, and what pads the index.
CHARACTERS = (
    "aAbe 1-\"'%_*\\\n\u007f\u0080İßﬃÉe\u0301ж会서\u07ff\u0800\ud7ff\ue000\uffff😀𐐀\U0010ffff"
)
NAMES = st.text(st.sampled_from("a" * 9 + CHARACTERS), min_size=1, max_size=16) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=16
)
NEEDLES = st.text(st.sampled_from(CHARACTERS), min_size=1, max_size=6).filter(str.strip)
CHANGES = st.tuples(
    st.sampled_from(["add", "add", "add", "rename", "remove", "suspend", "undo"]),
    NAMES,
    st.integers(0, 50),
)


class Undone(Exception):
    """Takes a transaction back."""


def change(db, model: dict[int, tuple[str, str]], what: str, name: str, number: int) -> None:
    """Make a change in the database, and in `model`: name and status by id."""
    ids = sorted(model)
    id = ids[number % len(ids)] if ids else None
    with db.atomic():
        if what == "add":
            id = Client.register_ownerless(company_name=name)["id"]
            model[id] = (name, "active")
        elif id is None:
            return
        elif what == "rename":
            Client.change(id, company_name=name)
            model[id] = (name, model[id][1])
        elif what == "suspend":
            Client.change_status(id, "suspended")
            model[id] = (model[id][0], "suspended")
        else:
            Client.remove(id)
            del model[id]


def undo_a_change(db, model, name: str, number: int) -> None:
    try:
        with db.atomic():
            for what in ("add", "rename", "remove"):
                change(db, dict(model), what, name, number)
                Client.matching(search=name[:2]).total()  # writes what the index holds in memory
            raise Undone
    except Undone:
        pass


def by_number(selection, limit: int, **how) -> list[int]:
    ids = []
    while rows := selection.page(limit=limit, offset=len(ids), **how):
        ids += [row[0] for row in rows]
    return ids


def by_cursor(selection, limit: int, **how) -> list[int]:
    ids, last = [], None
    while rows := selection.after(last, limit=limit, **how):
        ids += [row[0] for row in rows]
        last = rows[-1][len(selection.reader.columns)], rows[-1][0]
    return ids


def expect_found(model: dict[int, tuple[str, str]], needle: str) -> None:
    """Search in every way that there is: by limits, the short ones of which walk the list."""
    for filters in ({}, {"status": "suspended"}):
        expected = [
            (plain(name), id)
            for id, (name, status) in model.items()
            if plain(needle.strip()) in plain(name) and status == filters.get("status", status)
        ]
        selection = Client.matching(search=needle, **filters)
        assert selection.total() == len(expected)
        assert [row[0] for row in selection.stream()] == sorted(id for _, id in expected)
        for limit in (1, 2, 100):
            for sort, key in (("name", lambda pair: pair), ("id", lambda pair: pair[1])):
                for descending in (False, True):
                    ids = [id for _, id in sorted(expected, key=key, reverse=descending)]
                    how = {"sort": sort, "descending": descending}
                    assert by_number(selection, limit, **how) == ids
                    assert by_cursor(selection, limit, **how) == ids


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(CHANGES, min_size=10, max_size=25),
    st.lists(NEEDLES, max_size=2),
    st.integers(1, 14),
    st.integers(0),
)
def test_any_needle_finds_what_python_finds(app, changes, needles, length, place):
    model: dict[int, tuple[str, str]] = {}
    with using(app.database):
        with app.database.atomic():
            Client.delete().execute()
        for what, name, number in changes:
            if what == "undo":
                undo_a_change(app.database, model, name, number)
            else:
                change(app.database, model, what, name, number)
        for name, _ in list(model.values())[-2:]:
            start = place % len(name)
            needles.append(name[start : start + length])
        for needle in ("a", *filter(str.strip, needles)):
            expect_found(model, needle)


@pytest.mark.file("a backup is one")
def test_import_backup_and_restore_keep_the_index(app, tmp_path):
    names = ["Zq", "é", "Großmann", "株式会社", "😀", 'A"b', "İz", "Zquad"]
    rows = [
        {"first_name": "A", "last_name": "B", "email": f"a{n}@x.example", "client_company_name": s}
        for n, s in enumerate(names)
    ]
    api = Caller(app, issue_key(app))
    data = "\n".join(json.dumps(row) for row in rows)
    for conflict in ("fail", "update"):
        query = f"format=ndjson&on_conflict={conflict}"
        response = api.post(f"/clients/import?{query}", data=data, content_type=NDJSON)
        assert response.status_code == 200
    app.database.close_all()
    copy = tmp_path / "copy.sqlite3"
    for command in (["backup", str(copy)], ["restore", str(copy)], ["check"]):
        result = CliRunner().invoke(cli, command, obj=app)
        assert result.exit_code == 0, result.output
    with using(app.database):
        model = {n: (name, "active") for n, name in enumerate(names, 1)}
        for needle in ("z", "zq", "ZQU", "é", "ss", "会", "😀", '"', 'a"B', "iz", "nothing", "b"):
            expect_found(model, needle)


@pytest.mark.file("another program writes it")
def test_another_program_may_write_the_names(app, make_client):
    ids = [make_client(client_company_name=name)["id"] for name in ("Acme", "Beta")]
    with closing(sqlite3.connect(app.database.database)) as conn, conn:
        conn.execute("UPDATE client SET company_name = 'Zq', name_key = 'zq' WHERE id = ?", ids[:1])
        conn.execute("DELETE FROM client WHERE id = ?", ids[1:])
    with using(app.database):
        for needle in ("z", "zq", "q", "acm", "a", "b", "et"):
            expect_found({ids[0]: ("Zq", "active")}, needle)
