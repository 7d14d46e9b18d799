"""`clients-api copy`: a whole database into another, of the same engine or the other."""

from __future__ import annotations

import itertools
from collections import deque
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Caller

from clients_api import create_app
from clients_api.commands.cli import cli
from clients_api.models.engines.current import using
from clients_api.upkeep import copying, demo

CLIENTS = 60
_numbers = itertools.count()


@pytest.fixture
def url_of(tmp_path, cluster):
    """Return the URL of a new, empty database of an engine."""
    made = []

    def url_of(engine: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path}/new{next(_numbers)}.sqlite3"
        made.append(cluster.create())
        return cluster.url(made[-1])

    yield url_of
    for name in made:
        cluster.drop(name)


@pytest.fixture
def serve(tmp_path):
    """Make services on databases, by their URL."""
    made = []

    def serve(url: str):
        made.append(create_app({"DATABASE_URL": url, "INSTANCE_PATH": tmp_path}))
        return made[-1]

    yield serve
    for app in made:
        app.database.close_all()


@pytest.fixture
def filled(url_of, serve):
    """Return the URL of a database of an engine with demo data, and the highest id deleted."""

    def filled(engine: str) -> str:
        app = serve(url := url_of(engine))
        assert CliRunner().invoke(cli, ["migrate"], obj=app).exit_code == 0
        with using(app.database), app.database.writing():
            deque(demo.fill(CLIENTS, 1), maxlen=0)
        api = Caller(app, demo.KEY)
        body = {"first_name": "A", "last_name": "B", "email": "gone@acme.example"}
        body |= {"tags": ['"quoted" \\ and \t', "日本"]}
        headers = {"Idempotency-Key": "k"}
        id = api.post("/clients", body, headers=headers).get_json()["data"]["id"]
        assert id == CLIENTS + 1
        assert api.delete(f"/clients/{id}").status_code == 200
        assert api.post("/clients/1/merge", {"from": [2]}).status_code == 200
        app.database.close_all()
        return url

    return filled


def copy(source: str, target: str, tmp_path: Path):
    app = create_app({"INSTANCE_PATH": tmp_path})
    result = CliRunner().invoke(cli, ["copy", source, target], obj=app)
    app.database.close_all()
    return result


def contents(app) -> dict[str, list]:
    """Return all that a service shows: its lists and its export."""
    api = Caller(app, demo.KEY)
    paths = ("/clients?limit=100&include=contacts", "/contacts?limit=100", "/tags?limit=100")
    paths += ("/categories", "/custom-fields", "/team", "/clients/export", "/events?limit=1000")
    paths += ("/clients/duplicates?limit=100", "/clients/2")
    answers = {path: api.get(path) for path in paths}
    assert answers["/clients/2"].headers["Link"] == '</api/clients/1>; rel="canonical"'
    return {path: answer.get_data() for path, answer in answers.items()}


ENGINES = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]


@pytest.mark.parametrize(("one", "other"), [*ENGINES, ("sqlite", "sqlite")])
def test_a_copy_shows_the_same_bytes_and_ids_go_on_behind_the_deleted(
    filled, url_of, serve, tmp_path, one, other
):
    source, target = filled(one), url_of(other)
    result = copy(source, target, tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Copied ")
    theirs, ours = serve(source), serve(target)
    told, shown = contents(theirs), contents(ours)
    for path in told:
        assert shown[path] == told[path], path
    api = Caller(ours, demo.KEY)
    for search in ("große", "ДНІПРО", "a"):
        found = api.get(f"/clients?q={search}&limit=100").get_data()
        assert found == Caller(theirs, demo.KEY).get(f"/clients?q={search}&limit=100").get_data()
    body = {"first_name": "A", "last_name": "B", "email": "new@acme.example"}
    # The id of the deleted one does not return.
    assert api.post("/clients", body).get_json()["data"]["id"] == CLIENTS + 2
    check = CliRunner().invoke(cli, ["check"], obj=ours)
    assert check.exit_code == 0, check.output


def test_a_target_that_is_not_empty_is_refused(filled, tmp_path):
    source, target = filled("sqlite"), filled("sqlite")
    result = copy(source, target, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not empty" in result.stderr


def test_a_source_that_is_not_there_is_refused_and_nothing_is_made(url_of, tmp_path):
    source, target = url_of("sqlite"), url_of("sqlite")
    result = copy(source, target, tmp_path)
    assert result.exit_code == 1
    assert "There is nothing in the database" in result.stderr
    assert not Path(target.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("step", ["fill", "_compare", "_compare_totals"])
def test_a_copy_that_breaks_off_leaves_the_target_empty(
    filled, url_of, tmp_path, monkeypatch, engine, step
):
    source, target = filled("sqlite"), url_of(engine)

    class Broken(Exception):
        pass

    def broken(*args):
        raise Broken

    with monkeypatch.context() as patch:
        if step == "fill":
            name = f"clients_api.models.engines.{engine}.bulk.fill"
            calls = itertools.count()
            whole = (
                __import__("importlib")
                .import_module(f"clients_api.models.engines.{engine}.bulk")
                .fill
            )
            patch.setattr(name, lambda *args: whole(*args) if next(calls) < 4 else broken())
        else:
            patch.setattr(copying, step, broken)
        assert isinstance(copy(source, target, tmp_path).exception, Broken)
    # So it can be done again.
    assert copy(source, target, tmp_path).exit_code == 0


def test_a_text_that_postgresql_can_not_store_is_named(filled, url_of, serve, tmp_path):
    source = filled("sqlite")
    app = serve(source)
    app.database.execute_sql("UPDATE client SET vat = 'a' || char(0) || 'b' WHERE id = 7")
    app.database.close_all()
    result = copy(source, url_of("postgresql"), tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "In client, the vat of 7 has a NUL in it" in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_password_is_shown(filled, tmp_path):
    target = "postgresql://me:swordfish@127.0.0.1:9/clients"
    result = copy(filled("sqlite"), target, tmp_path)
    assert result.exit_code == 1
    assert "refused" in result.stderr
    assert "swordfish" not in result.output


def test_what_is_no_url_is_wrong_usage(tmp_path):
    result = copy("clients.sqlite3", "mysql://me:swordfish@host/db", tmp_path)
    assert result.exit_code == 2
    assert "swordfish" not in result.output
