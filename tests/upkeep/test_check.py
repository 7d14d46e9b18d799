"""`clients-api check`: what is wrong is found, named, and told by the exit status."""

from __future__ import annotations

from pathlib import Path

import peewee
import pytest
from click.testing import CliRunner
from test_backup import with_newer_migration

from clients_api.commands.cli import cli
from clients_api.models.client.search import INDEX as NAMES
from clients_api.models.engines import sqlite


def check(app, *options: str) -> tuple[int, dict[str, str]]:
    """Run the check; return its exit status, and what it said by subject."""
    result = CliRunner().invoke(cli, ["check", *options], obj=app)
    assert result.stderr == ""
    first, *lines = result.stdout.splitlines()
    assert first == f"SQLite {peewee.sqlite3.sqlite_version}, {app.database.database}"
    return result.exit_code, dict(line.split(": ", 1) for line in lines)


REMEDY = ", run clients-api check --repair"
SOUND = {
    "integrity": "ok",
    "foreign keys": "ok",
    "migrations": "ok",
    "search index": "ok",
    "totals": "ok",
    "mail": "ok, 0 pending",
}


def test_a_sound_database_has_no_faults(app, make_client):
    for name in ("Acme", "A", "École", "東京商事"):
        make_client(client_company_name=name)
    assert check(app) == (0, SOUND)


def test_where_there_is_no_database_there_is_nothing_to_check(app):
    """One was made, which had no faults."""
    Path(app.database.database).unlink()
    result = CliRunner().invoke(cli, ["check"], obj=app)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: There is no database {app.database.database}")
    assert not Path(app.database.database).exists()


def damage(app, *statements: str) -> None:
    """Change the database in ways that its own rules forbid."""
    triggers = app.database.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    app.database.execute_sql("PRAGMA foreign_keys = 0")
    with app.database.atomic():
        for name, _ in triggers:
            app.database.execute_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            app.database.execute_sql(statement)
        for _, sql in triggers:
            app.database.execute_sql(sql)


@pytest.mark.parametrize("name", ["Acme Inc", "Abc"])
@pytest.mark.parametrize(
    "statement",
    [
        # a row that the index lacks
        "INSERT INTO client (company_name, name_key, status, category_id, created, updated)"
        " SELECT company_name, name_key, status, category_id, created, updated FROM client",
        # one that is gone, and one that is another, but not in the index
        "DELETE FROM client",
        "UPDATE client SET name_key = 'other'",
        "UPDATE client SET name_key = 'x' || name_key",
    ],
)
def test_an_index_that_differs_from_the_clients_is_found(app, make_client, name, statement):
    make_client(client_company_name=name)
    assert sqlite.search_index_is_sound(app.database, NAMES)
    damage(app, statement)
    status, said = check(app)
    assert status == 1
    assert said["search index"].startswith(f"differs from the names of the clients{REMEDY}")
    assert said["integrity"] == "ok"


def test_an_index_that_differs_is_repaired(app, api, make_client):
    make_client(client_company_name="Acme")
    damage(app, "UPDATE client SET name_key = 'other'")
    assert check(app, "--repair") == (0, SOUND | {"search index": "ok, repaired"})
    assert check(app, "--repair") == (0, SOUND)
    assert api.get("/clients?search=other").get_json()["meta"]["total"] == 1


def test_an_index_that_is_damaged_in_itself_is_repaired(app, api, make_client):
    # SQLite 3.44 and later count that as damage of the file, in which nothing is repaired.
    make_client(client_company_name="Acme")
    app.database.execute_sql("DELETE FROM client_search_data WHERE id > 10")
    app.database.close_all()  # some of an index is kept in memory
    assert check(app)[1]["integrity"] == "ok"
    assert check(app, "--repair") == (0, SOUND | {"search index": "ok, repaired"})
    assert api.get("/clients?search=acme").get_json()["meta"]["total"] == 1


def test_totals_that_differ_are_repaired(app, api, make_client):
    for number in range(3):
        make_client(client_company_name=f"Acme {number}")
    damage(app, "UPDATE client SET status = 'suspended' WHERE id = 2", "DELETE FROM client_total")
    assert check(app, "--repair") == (0, SOUND | {"totals": "ok, repaired"})
    totals = {
        status: api.get(f"/clients?status={status}").get_json()["meta"]["total"]
        for status in ("active", "suspended")
    }
    assert totals == {"active": 2, "suspended": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE client_gram SET count = count + 1 WHERE gram = 'cm'",
        "DELETE FROM client_gram WHERE gram = 'a'",
        "INSERT INTO client_gram VALUES ('zz', 1)",
    ],
)
def test_counts_of_short_searches_that_differ_from_the_names_are_found(app, make_client, statement):
    make_client(client_company_name="Acme")
    app.database.execute_sql(statement)
    fault = {"search index": f"differs from the names of the clients{REMEDY}"}
    assert check(app) == (1, SOUND | fault)
    assert check(app, "--repair") == (0, SOUND | {"search index": "ok, repaired"})
    assert check(app) == (0, SOUND)


def test_a_locked_index_is_not_taken_for_a_bad_one(app, make_app):
    other = sqlite.Database(app.database.database)
    try:
        with other.atomic(), app.database.not_waiting(), pytest.raises(peewee.OperationalError):
            sqlite.search_index_is_sound(app.database, NAMES)
    finally:
        other.close_all()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE client SET status = 'suspended'", "UPDATE client_total SET count = count + 1"],
)
def test_totals_that_differ_from_the_clients_are_found(app, make_client, statement):
    make_client()
    damage(app, statement)
    assert check(app) == (1, SOUND | {"totals": f"differ from the number of the clients{REMEDY}"})


def test_rows_that_refer_to_nothing_are_counted(app, make_client):
    make_client(tags=["a", "b"])
    app.database.execute_sql("PRAGMA foreign_keys = 0")
    app.database.execute_sql("DELETE FROM tag")
    assert check(app) == (1, SOUND | {"foreign keys": "2 of client_tag refer to no tag"})


@pytest.mark.parametrize("options", [(), ("--repair",)])
def test_a_damaged_page_is_found_and_nothing_is_written(app, make_client, options):
    make_client()
    damage(app, "UPDATE client SET name_key = 'other'")  # which could be repaired elsewhere
    app.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    query = "SELECT rootpage FROM sqlite_master WHERE name = 'client_name'"
    (page,) = app.database.execute_sql(query).fetchone()
    app.database.close_all()
    file = Path(app.database.database)
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xaa" * 4096
    file.write_bytes(content)
    status, said = check(app, *options)
    app.database.close_all()
    assert status == 1
    assert said["integrity"] not in ("ok", "")
    assert file.read_bytes() == content


def test_pending_migrations_are_a_fault_and_nothing_is_migrated(app, monkeypatch, tmp_path):
    with_newer_migration(monkeypatch, tmp_path)
    for _ in range(2):
        status, said = check(app)
        assert status == 1
        assert said["migrations"] == "9000_more is pending, run clients-api migrate"
        assert "search index" not in said


def test_failed_mail_is_a_fault_and_pending_mail_is_not(app, make_client):
    make_client(send_email="yes")
    assert check(app) == (0, SOUND | {"mail": "ok, 1 pending"})
    damage(app, "UPDATE mail SET status = 'failed'")
    assert check(app) == (1, SOUND | {"mail": "1 failed, see clients-api outbox"})
