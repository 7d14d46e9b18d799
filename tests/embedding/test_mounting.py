"""The API in a host application: what is the host's stays as it was, and what is ours is ours."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from conftest import ROOT, expect_error
from hosts import JANE, PREFIX, Shouting, services, with_key
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BuildError

from clients_api import BadSetting, ClientsAPI
from clients_api.config import SETTINGS
from clients_api.embedding.extension import Settings
from clients_api.models.engines import migrating


def answers(host: flask.Flask) -> list[tuple[int, dict[str, str], bytes]]:
    """Ask the host for all that it has, and for what it has not."""
    client = host.test_client()
    calls = [
        ("GET", "/json"),
        ("POST", "/login"),
        ("GET", "/json"),
        ("GET", "/nowhere"),
        ("GET", "/broken"),
        ("GET", "/closed"),
        ("DELETE", "/json"),
        ("OPTIONS", "/json"),
        ("GET", "/crm"),
        ("GET", "/crm/apix"),
        ("GET", "/crm/apix/closed"),
        ("GET", "/"),
    ]
    found = []
    for method, path in calls:
        data = {"user": "ann"} if method == "POST" else None
        response = client.open(path, method=method, data=data)
        headers = {name: value for name, value in response.headers if name != "Set-Cookie"}
        found.append((response.status_code, headers, response.data))
    return found


def test_outside_the_prefix_the_host_answers_as_without_it(make_host):
    plain, host = make_host(embed=False), make_host()
    assert answers(host) == answers(plain)
    statuses = {status for status, _, _ in answers(host)}
    assert statuses == {200, 404, 405, 418, 500}


def test_what_the_host_has_set_up_stays_untouched(make_host):
    plain, host = make_host(embed=False), make_host()
    with_key(host).get(f"{PREFIX}/clients")
    assert host.config == plain.config
    ours = [rule for rule in host.url_map.iter_rules() if rule.endpoint.startswith("clients_api.")]
    assert all(rule.build_only for rule in ours)
    assert [str(rule) for rule in host.url_map.iter_rules() if rule not in ours] == [
        str(rule) for rule in plain.url_map.iter_rules()
    ]
    assert host.blueprints == {}
    assert type(host.json) is Shouting
    for hooks in ("before_request_funcs", "after_request_funcs", "error_handler_spec"):
        assert getattr(host, hooks).keys() == getattr(plain, hooks).keys()
    assert host.logger.handlers == plain.logger.handlers
    assert set(host.cli.commands) == {"clients-api"}


@pytest.mark.parametrize("path", ["", "/"])
def test_the_prefix_itself_leads_to_the_documentation(make_host, path):
    """It was a 404, and without a key a 401."""
    response = make_host().test_client().get(PREFIX + path, base_url="http://localhost/site")
    assert (response.status_code, response.mimetype) == (302, "application/json")
    docs = f"http://localhost/site{PREFIX}/docs"
    assert response.headers["Location"] == docs
    assert response.get_json() == {"message": f"The documentation is at {docs}."}


@pytest.mark.parametrize("path", ["/nowhere", "/clients/1/nowhere", "/closed"])
def test_inside_the_prefix_every_answer_is_ours(make_host, path):
    response = with_key(make_host()).get(PREFIX + path)
    expect_error(response, 404, "Not found.")
    assert "X-Host" not in response.headers


def test_a_host_that_is_mounted_below_a_path_finds_its_records(make_host):
    client = with_key(make_host())
    response = client.post(f"{PREFIX}/clients", json=JANE, base_url="http://localhost/site")
    assert response.headers["Location"] == f"http://localhost/site{PREFIX}/clients/1"


@pytest.mark.parametrize("is_first", [True, False])
def test_what_the_hosts_own_proxyfix_says_is_believed_once(make_host, monkeypatch, is_first):
    def wrap(host: flask.Flask) -> None:
        host.wsgi_app = ProxyFix(host.wsgi_app, x_host=1, x_proto=1, x_prefix=1)

    if is_first:
        host = flask.Flask("host", instance_path=make_host().instance_path)
        wrap(host)
        ClientsAPI(host, url_prefix=PREFIX, database_url="sqlite:///b.sqlite3")
    else:
        host = make_host(trusted_proxies=2)
        wrap(host)
    headers = {"X-Forwarded-Host": "evil.example, acme.example", "X-Forwarded-Prefix": "/a, /site"}
    headers["X-Forwarded-Proto"] = "http, https"
    response = with_key(host).post(f"{PREFIX}/clients", json=JANE, headers=headers)
    assert response.headers["Location"] == f"https://acme.example/site{PREFIX}/clients/1"


def test_what_wraps_the_hosts_proxyfix_does_not_hide_it(make_host):
    """A second API, and one that was mounted when other middleware was there, were not told."""

    class Middleware:
        def __init__(self, app: Any) -> None:
            self.app = app

        def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
            return self.app(environ, start_response)

    host = make_host(embed=False)
    host.wsgi_app = Middleware(ProxyFix(host.wsgi_app, x_host=1))
    ClientsAPI(host, url_prefix=PREFIX)
    ClientsAPI(host, url_prefix="/two", database_url="sqlite:///two.sqlite3")
    headers = {"X-Forwarded-Host": "evil.example, acme.example"}
    for prefix in (PREFIX, "/two"):
        response = with_key(host, prefix).post(f"{prefix}/clients", json=JANE, headers=headers)
        assert response.headers["Location"] == f"http://acme.example{prefix}/clients/1"


def test_two_instances_have_two_databases(make_host):
    host = make_host(database_url="sqlite:///one.sqlite3")
    ClientsAPI(host, url_prefix="/two", database_url="sqlite:///two.sqlite3", page_size=7)
    one, two = with_key(host), with_key(host, "/two")
    assert one.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert one.get(f"{PREFIX}/clients").get_json()["meta"]["total"] == 1
    assert two.get("/two/clients").get_json()["meta"] == {
        "current_page": 1, "per_page": 7, "total": 0, "last_page": 1
    }  # fmt: skip
    expect_error(two.get(f"{PREFIX}/clients"), 401)
    assert sorted(path.name for path in Path(host.instance_path).glob("*.sqlite3")) == [
        "one.sqlite3",
        "two.sqlite3",
    ]


def test_one_extension_serves_each_host_with_its_own_database(make_host):
    one, two = make_host(embed=False), make_host(embed=False)
    extension = ClientsAPI(url_prefix=PREFIX)
    extension.init_app(one)
    extension.init_app(two)
    assert with_key(one).post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert with_key(two).get(f"{PREFIX}/clients").get_json()["meta"]["total"] == 0


@pytest.mark.parametrize("prefix", [PREFIX, "/crm", f"{PREFIX}/more"])
def test_prefixes_that_would_hide_each_other_are_refused(make_host, prefix):
    host = make_host()
    with pytest.raises(ValueError, match=f"{prefix} can't be mounted: {PREFIX} is already"):
        ClientsAPI(host, url_prefix=prefix)


def test_a_prefix_under_which_the_host_has_routes_is_refused(make_host):
    """The routes were hidden, in silence."""
    for rule in ("/api", "/api/", "/api/report", "/api/<path:rest>"):
        host = make_host(embed=False)
        host.add_url_rule(rule, "report", lambda **path: "report")
        with pytest.raises(ValueError, match="/api can't be mounted: the application has the rou"):
            ClientsAPI(host)
        assert host.extensions == {}
        ClientsAPI(host, url_prefix="/apis")
        assert host.test_client().get("/api/report").status_code in (200, 404)


def test_a_route_that_the_host_hides_later_is_told_with_the_first_call(make_host):
    host = make_host()
    page = flask.Blueprint("late", __name__, url_prefix=PREFIX)
    page.add_url_rule("/late", "late", lambda: "late")
    host.register_blueprint(page)
    client = host.test_client()
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"the route {PREFIX}/late \(late\.late\)"):
            client.get(f"{PREFIX}/ready")
    assert client.get("/json").status_code == 200


@pytest.mark.parametrize("other", ["sqlite:///a.sqlite3", "sqlite:///../instance/a.sqlite3"])
def test_two_mounts_on_one_database_are_refused(make_host, other):
    host = make_host(database_url="sqlite:///a.sqlite3")
    with pytest.raises(ValueError, match=f"/two can't be mounted: {PREFIX} has the same database"):
        ClientsAPI(host, url_prefix="/two", database_url=other)
    assert [*host.extensions["clients-api"]] == [PREFIX]
    assert host.test_client().get("/two/ready").status_code == 404


def test_an_extension_is_mounted_once_in_a_host(make_host):
    host = make_host(embed=False)
    crm = ClientsAPI(host, url_prefix=PREFIX)
    with pytest.raises(ValueError, match=f"this ClientsAPI is already, at {PREFIX}"):
        crm.init_app(host, url_prefix="/two", database_url="sqlite:///two.sqlite3")


def test_settings_of_the_host_win_over_those_of_the_extension(make_host):
    crm = ClientsAPI(url_prefix=PREFIX, page_size=5)
    one, two = make_host(embed=False), make_host(embed=False)
    crm.init_app(one)
    crm.init_app(two, page_size=7, database_url="sqlite:///x.sqlite3")
    assert services(one)[PREFIX].config["PAGE_SIZE"] == 5
    assert services(two)[PREFIX].config["PAGE_SIZE"] == 7
    with pytest.raises(TypeError, match="unexpected keyword argument 'pagesize'"):
        crm.init_app(make_host(embed=False), pagesize=7)


def test_the_settings_that_an_editor_knows_are_those_that_there_are():
    assert {name.upper() for name in Settings.__annotations__} == SETTINGS.keys()


def test_the_host_makes_addresses_of_our_calls(make_host):
    host = make_host()
    with host.test_request_context("/", base_url="http://localhost/site"):
        assert flask.url_for("clients_api.get_client", id=12) == f"/site{PREFIX}/clients/12"
        assert flask.url_for("clients_api.docs") == f"/site{PREFIX}/docs"
        listed = flask.url_for("clients_api.list_clients", status="active", _external=True)
        assert listed == f"http://localhost/site{PREFIX}/clients?status=active"
        tag = flask.url_for("clients_api.remove_client_tag", id=1, title="a b/c")
        assert tag == f"/site{PREFIX}/clients/1/tags/a%20b/c"
        for unknown in ("clients_api.nothing", "clients_api.get_client", "nothing"):
            with pytest.raises(BuildError):
                flask.url_for(unknown)


def test_the_hosts_own_handler_of_unknown_addresses_is_asked_as_before(make_host):
    host = make_host()
    host.url_build_error_handlers.append(lambda error, endpoint, values: f"/guess/{endpoint}")
    with host.test_request_context("/"):
        assert flask.url_for("nothing") == "/guess/nothing"
        assert flask.url_for("clients_api.health") == f"{PREFIX}/health"


def test_all_routes_are_listed_and_none_is_the_hosts(make_host):
    host = make_host()
    listed = {r.rule: r for r in host.url_map.iter_rules() if r.endpoint.startswith("clients_api.")}
    service = services(host)[PREFIX]
    assert len(listed) == len({rule.rule for rule in service.url_map.iter_rules()})
    names = [r.endpoint for r in host.url_map.iter_rules()]
    assert len(names) == len(set(names))
    with host.test_request_context(f"{PREFIX}/clients"):
        assert flask.request.url_rule is None
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "examples/embedded/app", "routes"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "clients_api.list_clients" in result.stdout, result.stderr
    assert "/crm/api/clients/<int:id>" in result.stdout


def test_a_host_pays_little_for_what_it_does_not_use_yet():
    """It took 1.8 times what importing Flask takes; measured again: see docs/embedding.md."""
    program = """
        import time
        began = time.process_time()
        import flask
        flask_took = time.process_time() - began
        host = flask.Flask(__name__)
        began = time.process_time()
        from clients_api import BadSetting, ClientsAPI, Conflict, Invalid, NotFound
        ours = time.process_time() - began
        began = time.process_time()
        ClientsAPI(host, url_prefix="/crm/api", database_url="sqlite:///crm.sqlite3")
        print(ours / flask_took, time.process_time() - began)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    measured = []
    for _ in range(3):
        out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        measured.append([float(number) for number in out.split()])
    assert min(share for share, _ in measured) <= 0.6, measured
    assert min(seconds for _, seconds in measured) <= 0.05, measured


def test_keywords_win_over_the_environment_and_a_file_is_not_read(make_host, monkeypatch, tmp_path):
    folder = tmp_path / "host0" / "instance"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("page_size = 3\nno_setting = 1\n")
    monkeypatch.setenv("CLIENTS_API_PAGE_SIZE", "4")
    monkeypatch.setenv("CLIENTS_API_MAX_BODY_BYTES", "2048")
    config = services(make_host(page_size=5))[PREFIX].config
    assert config["PAGE_SIZE"] == 5
    assert config["MAX_BODY_BYTES"] == 2048


@pytest.mark.parametrize("name", ["page_sizes", "PAGE_SIZE", "instance_path"])
def test_an_unknown_keyword_is_a_type_error(name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        ClientsAPI(**{name: 1})


def test_a_bad_value_is_named_as_the_host_wrote_it(make_host, monkeypatch):
    with pytest.raises(ValueError, match=r"^page_size is 0, but must be 1 to 100\.$"):
        make_host(page_size=0)
    monkeypatch.setenv("CLIENTS_API_PAGE_SIZE", "0")
    with pytest.raises(BadSetting, match=r"^CLIENTS_API_PAGE_SIZE is 0, but must be 1 to 100\.$"):
        make_host()
    with pytest.raises(BadSetting) as caught:
        make_host(mail_url="smtp://user:secret")
    assert "secret" not in str(caught.value)
    assert not issubclass(BadSetting, SystemExit), "a host's process goes on, if it will"


def test_a_relative_database_lies_in_the_instance_folder(make_host):
    host = make_host(database_url="sqlite:///crm.sqlite3")
    assert list(Path(host.instance_path).iterdir()) == []
    assert host.test_client().get(f"{PREFIX}/ready").status_code == 200
    assert Path(host.instance_path, "crm.sqlite3").is_file()


def test_mail_is_delivered_from_the_hosts_process(make_host):
    host = make_host()
    response = with_key(host).post(f"{PREFIX}/clients", json={**JANE, "send_email": "yes"})
    assert response.status_code == 201
    folder, deadline = Path(host.instance_path, "mail"), time.monotonic() + 20
    while not list(folder.glob("*.eml")):
        assert time.monotonic() < deadline, "no mail came"
        time.sleep(0.02)


def test_webhooks_are_sent_from_the_hosts_process(make_host, receive):
    receiver = receive()
    caller = with_key(make_host(webhook_hosts=[receiver.host]))
    assert caller.post(f"{PREFIX}/webhooks", json={"url": receiver.url}).status_code == 201
    assert caller.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    (first, *_) = receiver.wait(1)
    assert first.event["type"] in ("client.created", "contact.created")


def test_what_a_session_changes_is_sent_as_well(make_host, receive):
    receiver = receive()
    host = make_host(embed=False)
    crm = ClientsAPI(host, url_prefix=PREFIX, webhook_hosts=[receiver.host])
    caller = with_key(host)
    hook = {"url": receiver.url, "types": ["client.*"]}
    assert caller.post(f"{PREFIX}/webhooks", json=hook).status_code == 201
    crm.close()  # and with it the threads that this call had begun
    with host.app_context(), crm.session(actor="jane") as clients:
        made = clients.create(**JANE)
    (first, *_) = receiver.wait(1)
    assert first.event["object_id"] == made["id"] and first.event["actor"]["name"] == "jane"
    crm.close()


def test_a_host_that_is_tested_gets_no_thread(make_host):
    host = make_host()
    host.testing = True
    before = threading.active_count()
    response = with_key(host).post(f"{PREFIX}/clients", json={**JANE, "send_email": "yes"})
    assert response.status_code == 201
    assert threading.active_count() == before


# The command


def run(host: flask.Flask, *arguments: str) -> Any:
    return host.test_cli_runner().invoke(args=["clients-api", *arguments])


def test_the_hosts_command_makes_keys_for_its_api(make_host):
    host = make_host()
    result = run(host, "keys", "create", "ann")
    path = services(host)[PREFIX].database.database
    assert (result.exit_code, result.stderr) == (0, f"Made the database {path}.\n")
    headers = {"Authorization": f"Bearer {result.stdout.strip()}"}
    assert host.test_client().get(f"{PREFIX}/keys", headers=headers).status_code == 200
    assert run(host, "migrate", "--check").exit_code == 0


def test_the_command_asks_which_of_two_is_meant(make_host):
    host = make_host(database_url="sqlite:///one.sqlite3")
    ClientsAPI(host, url_prefix="/two", database_url="sqlite:///two.sqlite3")
    for arguments in (["keys", "list"], ["--prefix", "/three", "keys", "list"]):
        result = run(host, *arguments)
        assert result.exit_code == 2
        assert "Choose an API: --prefix /crm/api or /two." in result.stderr
    assert run(host, "keys", "list", "--help").exit_code == 0
    assert run(host, "--prefix", "/two", "keys", "create", "ann").exit_code == 0
    assert "ann" in run(host, "--prefix", "/two", "keys", "list").stdout
    assert "ann" not in run(host, "--prefix", PREFIX, "keys", "list").stdout


def test_serving_is_left_to_the_host(make_host):
    listed = run(make_host(), "--help").stdout
    assert "  migrate " in listed
    assert "  serve " not in listed


# The database's schema


@pytest.fixture
def add_migration(monkeypatch, tmp_path) -> Callable[[], None]:
    """Make the program newer than its databases, by one migration."""

    def add() -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migrating.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "9999_more.py").write_text(
            "def up(migrator, db):\n    db.execute_sql('CREATE TABLE more (id INTEGER)')\n"
        )
        monkeypatch.setattr(migrating, "FOLDER", folder)

    return add


def test_a_new_database_is_migrated_once_however_many_come_first(make_host, caplog):
    host = make_host()
    statuses = []

    def ask() -> None:
        statuses.append(host.test_client().get(f"{PREFIX}/ready").status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert caplog.text == ""


def test_an_older_database_is_left_alone_until_it_is_migrated(make_host, add_migration):
    client = with_key(make_host())
    add_migration()
    host = make_host()
    folder = Path(host.instance_path)
    shutil.copytree(folder.parents[1] / "host0" / "instance", folder, dirs_exist_ok=True)
    client = host.test_client()
    assert client.get(f"{PREFIX}/health").status_code == 200
    assert client.get("/json").status_code == 200
    sentence = "The database is not migrated: run flask clients-api migrate."
    expect_error(client.get(f"{PREFIX}/ready"), 503, sentence)
    refused = expect_error(client.get(f"{PREFIX}/clients"), 503)
    assert refused["message"].startswith(sentence)
    result = run(host, "keys", "list")
    assert result.exit_code == 1
    assert "flask clients-api migrate" in result.stderr
    assert run(host, "migrate").stdout == "applied: 9999_more\n"
    assert client.get(f"{PREFIX}/ready").status_code == 200
    expect_error(client.get(f"{PREFIX}/clients"), 401)


def test_a_file_that_is_no_database_is_503_and_stays(make_host, caplog):
    host = make_host(database_url="sqlite:///notes.txt")
    file = Path(host.instance_path, "notes.txt")
    file.write_text("Not a database." * 100)
    client = host.test_client()
    expect_error(client.get(f"{PREFIX}/clients"), 503)
    expect_error(client.get(f"{PREFIX}/ready"), 503, "The database does not answer.")
    assert "is not a SQLite database" in caplog.text
    assert file.read_text() == "Not a database." * 100


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="counts open files in /dev/fd")
def test_a_thread_that_ends_leaves_no_connection_open(make_host):
    # A connection refers to itself, so that it stayed open until a collection.
    host = make_host()
    assert host.test_client().get(f"{PREFIX}/ready").status_code == 200
    before = len(os.listdir("/dev/fd"))
    gc.disable()
    try:
        for _ in range(20):
            thread = threading.Thread(target=host.test_client().get, args=[f"{PREFIX}/ready"])
            thread.start()
            thread.join()
        # Those of the threads that deliver are open, or not yet.
        assert len(os.listdir("/dev/fd")) <= before + 6
    finally:
        gc.enable()


# Beside modules of the same names, and in a real process


HOST = """
    import flask, models, schemas, blueprints
    from clients_api import BadSetting, ClientsAPI

    app = flask.Flask(__name__)
    ClientsAPI(app, url_prefix="/crm/api", database_url="sqlite:///crm.sqlite3")

    @app.get("/")
    def home():
        return f"{models.NAME} {schemas.NAME} {blueprints.NAME}"
"""

QUESTIONS = """
    import sys
    import app, models
    from clients_api.models import Client
    import clients_api.schemas.client

    client = app.app.test_client()
    print(client.get("/").text)
    print(client.get("/crm/api/ready").get_json()["message"])
    print(models.__file__, app.__file__, sys.modules["schemas"].__file__)
"""


def test_a_host_may_have_modules_named_as_ours(tmp_path):
    installed, host = tmp_path / "site-packages", tmp_path / "host"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "clients_api", installed / "clients_api", ignore=ignored)
    host.mkdir()
    for name in ("models", "schemas", "blueprints"):
        (host / f"{name}.py").write_text(f'NAME = "own {name}"\n')
    (host / "app.py").write_text(textwrap.dedent(HOST))
    environment = {**os.environ, "PYTHONPATH": f"{host}{os.pathsep}{installed}"}
    python = [sys.executable, "-W", "error"]

    def output(*command: str) -> str:
        return subprocess.run(
            [*python, *command],
            cwd=host, env=environment, check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    answered = output("-c", textwrap.dedent(QUESTIONS)).splitlines()
    assert answered[:2] == ["own models own schemas own blueprints", "The service is ready."]
    assert all(path.startswith(str(host)) for path in answered[2].split())
    assert (host / "instance" / "crm.sqlite3").is_file()
    assert len(output("-m", "flask", "clients-api", "keys", "create", "x").strip()) > 40
