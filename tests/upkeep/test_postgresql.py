"""PostgreSQL: what can be wrong with it is told in one line, and it may be away for a while."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from conftest import Caller, issue_key

from clients_api import create_app
from clients_api.commands.cli import cli
from clients_api.models.engines import migrating

PASSWORD = "swordfish-9134"


@pytest.fixture
def database(cluster):
    """The name of a new database."""
    name = cluster.create()
    yield name
    cluster.drop(name)


@pytest.fixture
def make(tmp_path, cluster):
    """Make services on databases of the server; each has an instance folder of its own."""
    made = []

    def make(database: str, user: str = "postgres", **settings):
        folder = tmp_path / f"server{len(made)}"
        folder.mkdir()
        url = f"postgresql://{user}:{PASSWORD}@127.0.0.1:{cluster.port}/{database}"
        defaults = {"INSTANCE_PATH": folder, "DATABASE_URL": url, "RATELIMIT_ENABLED": False}
        made.append(create_app(defaults | settings))
        return made[-1]

    yield make
    for app in made:
        app.database.close_all()


@pytest.fixture
def pair(make, database):
    """Callers of two services on one database, with the same key."""
    one, other = make(database), make(database)
    migrating.migrate(one.database)
    key = issue_key(one)
    return Caller(one, key), Caller(other, key)


def expect_refusal(app, *words: str, command: str = "migrate") -> None:
    """Run a command, which must say in one line why the database can't be used."""
    result = CliRunner().invoke(cli, command.split(), obj=app)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert PASSWORD not in result.stderr
    for word in words:
        assert word in result.stderr


def expect_unavailable(app) -> None:
    """Ask a service that has no database: it says so in JSON, and that it is up."""
    caller = Caller(app, "ck_any")
    for path in ("/ready", "/clients"):
        answer = caller.get(path)
        assert (answer.status_code, answer.mimetype) == (503, "application/json")
        assert PASSWORD not in answer.get_data(as_text=True)
        assert int(answer.headers["Retry-After"]) > 0
    assert caller.get("/health").status_code == 200


def test_a_wrong_password_is_told_in_a_line_without_it(make, cluster, database):
    cluster.execute(f"DROP ROLE IF EXISTS {cluster.GUARDED}")
    cluster.execute(f"CREATE ROLE {cluster.GUARDED} LOGIN PASSWORD 'another'")
    app = make(database, cluster.GUARDED)
    expect_refusal(app, "password authentication failed", f"{cluster.GUARDED}@127.0.0.1")
    expect_unavailable(app)


def test_a_database_that_does_not_exist_is_told(make):
    app = make("nowhere")
    expect_refusal(app, 'database "nowhere" does not exist')
    expect_unavailable(app)


def test_a_server_that_is_not_there_is_told(make, database):
    app = make(database, DATABASE_URL=f"postgresql://me:{PASSWORD}@127.0.0.1:9/{database}")
    expect_refusal(app, "127.0.0.1:9", "refused")
    expect_unavailable(app)


def test_an_older_server_is_told(make, database, monkeypatch):
    monkeypatch.setattr("clients_api.models.engines.postgresql.database.OLDEST", 990000)
    expect_refusal(make(database), "it has to be 99 or later")


def test_another_encoding_is_told(make, cluster):
    cluster.execute(
        "DROP DATABASE IF EXISTS other_encoding",
        "CREATE DATABASE other_encoding TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
    )
    expect_refusal(make("other_encoding"), "SQL_ASCII", "has to be UTF8")
    cluster.drop("other_encoding")


def test_who_may_not_make_the_extension_is_told_which(make, cluster, database):
    cluster.execute("DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN")
    cluster.execute("GRANT CREATE ON SCHEMA public TO plain", database=database)
    expect_refusal(make(database, "plain"), "CREATE EXTENSION pg_trgm")
    cluster.execute("CREATE EXTENSION pg_trgm", database=database)
    app = make(database, "plain")
    assert CliRunner().invoke(cli, ["migrate"], obj=app).exit_code == 0
    app.database.close_all()
    cluster.drop(database)
    cluster.execute("DROP ROLE plain")


def test_too_many_connections_are_told_and_pass(make, cluster, pair, database):
    cluster.execute("DROP ROLE IF EXISTS crowd", "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
    cluster.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO crowd", database=database)
    app = make(database, "crowd")
    expect_refusal(app, "too many connections")
    expect_unavailable(app)
    cluster.execute("ALTER ROLE crowd CONNECTION LIMIT 5")
    assert Caller(app, pair[0].key).get("/clients").status_code == 200
    app.database.close_all()
    cluster.execute("DROP OWNED BY crowd", database=database)
    cluster.execute("DROP ROLE crowd")


def test_another_programs_database_is_refused(make, cluster, database):
    cluster.execute("CREATE TABLE theirs (id INTEGER)", database=database)
    expect_refusal(make(database), "belongs to another program")


def test_a_database_that_is_not_migrated_is_told(make, database):
    app = make(database)
    expect_refusal(app, "There is no database", command="keys list")
    told = CliRunner().invoke(cli, ["migrate", "--check"], obj=app)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[0] == "pending: 0001_initial"


@pytest.mark.parametrize("command", ["backup there", f"restore {__file__}"])
def test_backups_are_left_to_its_own_tools(pair, command):
    expect_refusal(pair[0].app, "pg_dump -Fc", command=command)


def test_check_finds_it_sound(pair):
    pair[0].post("/clients", {"first_name": "Jane", "last_name": "Doe", "email": "j@acme.example"})
    result = CliRunner().invoke(cli, ["check"], obj=pair[0].app)
    first, *lines = result.stdout.splitlines()
    assert first.startswith("PostgreSQL ")
    assert PASSWORD not in first
    assert lines == ["integrity: ok", "migrations: ok", "totals: ok", "mail: ok, 0 pending"]
    assert result.exit_code == 0


def test_totals_that_are_wrong_are_found_and_made_anew(pair):
    pair[0].app.database.execute_sql("INSERT INTO client_total VALUES ('active', 2, 7)")
    assert CliRunner().invoke(cli, ["check"], obj=pair[0].app).exit_code == 1
    assert CliRunner().invoke(cli, ["check", "--repair"], obj=pair[0].app).exit_code == 0
    assert pair[0].get("/clients").get_json()["meta"]["total"] == 0


def test_what_is_changed_on_one_server_holds_on_all_at_once(pair):
    one, other = pair
    field = {"title": "Account code", "type": "text", "name": "code"}
    assert one.post("/custom-fields", field).status_code == 201
    body = {"first_name": "A", "last_name": "B", "email": "a@acme.example", "code": "x1"}
    assert other.post("/clients", body).get_json()["data"]["custom_fields"] == {"code": "x1"}
    assert one.get("/clients?code=x1").get_json()["meta"]["total"] == 1
    (key,) = one.get("/keys").get_json()["data"]
    assert one.post("/keys", {"name": "second"}).status_code == 201
    assert one.delete(f"/keys/{key['id']}").status_code == 200
    assert other.get("/clients").status_code == 401


def test_a_repeat_on_another_server_does_nothing(pair):
    body = {"first_name": "A", "last_name": "B", "email": "a@acme.example"}
    first, again = (one.post("/clients", body, headers={"Idempotency-Key": "k"}) for one in pair)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json() == first.get_json()


def test_connections_that_were_cut_are_renewed_without_anybody_noticing(pair, cluster, database):
    one, other = pair
    assert {caller.get("/clients").status_code for caller in pair} == {200}
    cluster.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    )
    assert one.get("/clients").status_code == 200
    body = {"first_name": "A", "last_name": "B", "email": "a@acme.example"}
    assert other.post("/clients", body).status_code == 201


@pytest.mark.slow
def test_when_the_server_is_away_it_is_said_and_all_is_well_when_it_is_back(make, own_cluster):
    database = own_cluster.create()
    app = make(database, DATABASE_URL=own_cluster.url(database))
    migrating.migrate(app.database)
    caller = Caller(app, issue_key(app))
    assert caller.get("/ready").status_code == 200
    own_cluster.stop()
    for _ in range(2):
        assert caller.get("/health").status_code == 200
        assert caller.get("/ready").status_code == 503
        assert caller.get("/clients").status_code == 503
        body = {"first_name": "A", "last_name": "B", "email": "a@acme.example"}
        answer = caller.post("/clients", body)
        assert answer.status_code == 503
        assert "answer" in json.loads(answer.data)["message"]
    own_cluster.start()
    assert caller.get("/ready").status_code == 200
    assert caller.post("/clients", body).status_code == 201


@pytest.mark.slow
def test_servers_that_start_at_once_migrate_once_and_make_one_key(
    cluster, database, tmp_path, start_server
):
    settings = {"DATABASE_URL": cluster.url(database)}
    with ThreadPoolExecutor() as pool:
        begun = [
            pool.submit(start_server, folder=tmp_path / f"app{n}", **settings) for n in range(3)
        ]
        servers = [future.result() for future in begun]
    (key,) = {server.key for server in servers} - {None}
    logs = "".join(server.log.read_text() for server in servers)
    assert logs.count("Your admin key") == 1
    assert logs.count("Applied migration 0001_initial") == 1
    for server in servers:
        request = urllib.request.Request(
            f"{server.url}/api/clients", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200
        assert server.stop() == 0
