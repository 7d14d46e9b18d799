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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from conftest import ROOT, expect_error, issue_key
from flask.json.provider import DefaultJSONProvider
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix

from clients_api import ClientsAPI, signals
from clients_api.config import BadSetting
from clients_api.embedding import Embedded
from clients_api.models.engines import migrating

PREFIX = "/crm/api"
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
PAIR = {"client_company_name": "Acme"}


class Shouting(DefaultJSONProvider):
    """A JSON provider whose answers can't be mistaken for ours."""

    def response(self, *args: Any, **kwargs: Any) -> flask.Response:
        response = super().response(*args, **kwargs)
        response.data = response.data.upper()
        return response


def build_host(folder: Path) -> flask.Flask:
    """Make an application with error pages, JSON, hooks and logins of its own."""
    host = flask.Flask("host", instance_path=str(folder), root_path=str(folder))
    host.config.update(SECRET_KEY="the host's", PAGE_SIZE="the host's", DATABASE_URL="the host's")
    host.json = Shouting(host)
    host.torn_down = []

    @host.before_request
    def count() -> Any:
        flask.g.visitor = flask.session.get("user", "nobody")
        return ("Closed.", 418) if flask.request.path.endswith("/closed") else None

    @host.after_request
    def sign(response: flask.Response) -> flask.Response:
        response.headers["X-Host"] = flask.g.get("visitor", "?")
        return response

    @host.teardown_request
    def note(error: BaseException | None) -> None:
        host.torn_down.append(flask.request.path)

    @host.errorhandler(404)
    def missing(error: Exception) -> Any:
        return "<h1>The host has no such page.</h1>", 404

    @host.errorhandler(ZeroDivisionError)
    def broken(error: Exception) -> Any:
        return "<h1>The host is broken.</h1>", 500

    @host.get("/broken")
    def divide() -> str:
        return str(1 / 0)

    @host.get("/json")
    def shout() -> Any:
        return {"visitor": flask.g.visitor}

    @host.post("/login")
    def login() -> str:
        flask.session["user"] = flask.request.form["user"]
        return "Welcome."

    return host


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[..., flask.Flask]]:
    """Make hosts, each with a folder of its own; keywords go to ClientsAPI."""
    made: list[flask.Flask] = []

    def make(*, embed: bool = True, **settings: Any) -> flask.Flask:
        host = build_host(tmp_path / f"host{len(made)}" / "instance")
        made.append(host)
        if embed:
            ClientsAPI(host, **{"url_prefix": PREFIX, **settings})
        return host

    yield make
    for host in made:
        for service in services(host).values():
            service.close()


def services(host: flask.Flask) -> dict[str, Embedded]:
    return host.extensions.get("clients-api", {})


def with_key(host: flask.Flask, prefix: str = PREFIX) -> FlaskClient:
    """Return a test client that sends an admin key."""
    service = services(host)[prefix]
    service.prepare()
    client = host.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issue_key(service)}"
    return client


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
    assert [str(rule) for rule in host.url_map.iter_rules()] == [
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
    docs = f"/site{PREFIX}/docs"
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


def test_a_bad_value_is_named(make_host):
    with pytest.raises(BadSetting, match="PAGE_SIZE is 0, but must be 1 to 100"):
        make_host(page_size=0)


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


def test_a_host_that_is_tested_gets_no_thread(make_host):
    host = make_host()
    host.testing = True
    before = threading.active_count()
    response = with_key(host).post(f"{PREFIX}/clients", json={**JANE, "send_email": "yes"})
    assert response.status_code == 201
    assert threading.active_count() == before


# Logins of the host


def scope_of_session(request: flask.Request) -> str | None:
    return {"ann": "write", "bob": "read"}.get(flask.session.get("user", ""))


def logged_in(host: flask.Flask, user: str) -> FlaskClient:
    client = host.test_client()
    client.post("/login", data={"user": user})
    return client


def test_the_hosts_login_decides_what_a_call_may_do(make_host):
    host = make_host(authenticate=scope_of_session)
    expect_error(
        host.test_client().get(f"{PREFIX}/clients"),
        401,
        "Unauthorized. A valid API key is required.",
    )
    bob, ann = logged_in(host, "bob"), logged_in(host, "ann")
    assert bob.get(f"{PREFIX}/clients").status_code == 200
    expect_error(
        bob.post(f"{PREFIX}/clients", json=JANE), 403, "This API key is not allowed to do that."
    )
    assert ann.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    expect_error(ann.get(f"{PREFIX}/keys"), 403)


def test_users_whom_the_host_names_do_not_share_limits_and_repeats(make_host):
    # They were one caller for each scope: one's calls used up the other's, and a key that two
    # of them had chosen replayed the one's answer to the other.
    def authenticate(request: flask.Request) -> tuple[str, str] | None:
        user = flask.session.get("user")
        return user and ("write", user)

    host = make_host(authenticate=authenticate, ratelimit_default="20 per hour")
    expect_error(host.test_client().get(f"{PREFIX}/clients"), 401)
    ann, bob = logged_in(host, "ann"), logged_in(host, "bob")
    headers = {"Idempotency-Key": "once"}
    first = ann.post(f"{PREFIX}/clients", json=JANE, headers=headers)
    again = ann.post(f"{PREFIX}/clients", json=JANE, headers=headers)
    other = bob.post(
        f"{PREFIX}/clients", json={**JANE, "email": "joe@acme.example"}, headers=headers
    )
    assert [answer.status_code for answer in (first, again, other)] == [201, 201, 201]
    assert again.get_json() == first.get_json() != other.get_json()
    left = [answer.headers["RateLimit-Remaining"] for answer in (first, again, other)]
    assert left == ["19", "18", "19"]


def test_users_without_a_name_share_what_their_scope_has(make_host):
    host = make_host(authenticate=scope_of_session, ratelimit_default="20 per hour")
    for user, left in (("ann", "19"), ("bob", "19"), ("ann", "18")):
        answer = logged_in(host, user).get(f"{PREFIX}/clients")
        assert answer.headers["RateLimit-Remaining"] == left


def test_authenticate_runs_in_the_hosts_request_and_leaves_the_body_alone(make_host):
    seen = []

    def authenticate(request: flask.Request) -> str:
        seen.append((flask.current_app._get_current_object(), request.path, request.form.to_dict()))
        assert request is flask.request
        return "admin"

    host = make_host(authenticate=authenticate)
    response = host.test_client().post(f"{PREFIX}/clients", data=JANE)
    assert response.get_json()["data"]["owner"]["name"] == "Jane Doe"
    assert seen == [(host, f"{PREFIX}/clients", {})]
    assert host.torn_down == [f"{PREFIX}/clients"]


def test_a_scope_that_is_none_is_our_error_not_an_open_door(make_host, caplog):
    host = make_host(authenticate=lambda request: "root")
    expect_error(host.test_client().get(f"{PREFIX}/clients"), 500)
    assert "authenticate= returned 'root'" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_can_not_use_the_hosts_login(make_host, method):
    # A form on any page, sent by a browser whose user is logged in, used to make a client.
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    response = ann.open(
        f"{PREFIX}/clients", method=method, data=JANE, headers={"Sec-Fetch-Site": "cross-site"}
    )
    sentence = "This call came from a page of another origin, and was not carried out."
    expect_error(response, 403, sentence)
    assert ann.get(f"{PREFIX}/clients").get_json()["data"] == []


FORGED = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://evil.example@localhost"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://["},
    {"Origin": "localhost."},
    {"Origin": "null", "Host": ""},
    {"Origin": "http://app.localhost", "Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Sec-Fetch-Site": "x"},
]


@pytest.mark.parametrize("headers", FORGED)
def test_a_page_of_another_origin_changes_nothing_however_it_is_told(make_host, headers):
    # Only `cross-site` was refused: not what older browsers and pages of sister hosts send.
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    for method in ("POST", "DELETE", "PATCH"):
        path = f"{PREFIX}/clients" if method == "POST" else f"{PREFIX}/clients/1"
        response = ann.open(path, method=method, data=JANE, headers=headers)
        assert response.status_code == 403, method
    form = {**PAIR, "_method": "PATCH"}
    assert ann.post(f"{PREFIX}/clients/1", data=form, headers=headers).status_code == 403
    override = {**headers, "X-HTTP-Method-Override": "DELETE"}
    assert ann.post(f"{PREFIX}/clients/1", headers=override).status_code == 403
    assert ann.get(f"{PREFIX}/clients", headers=headers).get_json()["data"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},  # behind a proxy with TLS that does not say so
        {"Origin": "http://crm.example:8000", "Host": "crm.example:8000"},
        {"Origin": "https://crm.example", "Host": "crm.example:80"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": ""},
        {},
    ],
)
def test_the_hosts_own_pages_are_known_by_their_origin_too(make_host, headers):
    client = make_host(authenticate=lambda request: "admin").test_client()
    response = client.post(f"{PREFIX}/clients", data=JANE, headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_the_hosts_own_pages_and_programs_may_change_what_they_like(make_host, site):
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    response = ann.post(f"{PREFIX}/clients", data=JANE, headers={"Sec-Fetch-Site": site})
    assert response.status_code == 201


def test_a_page_of_another_site_may_lead_a_browser_to_the_api(make_host):
    ann = logged_in(make_host(authenticate=scope_of_session), "ann")
    response = ann.get(f"{PREFIX}/clients", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("origins", "status"), [("https://app.example", 201), ("https://b.example", 403), ("*", 403)]
)
def test_an_origin_that_is_let_in_by_name_may_change_things(make_host, origins, status):
    # Not with a star: it lets in everybody, but nobody's cookies.
    ann = logged_in(make_host(authenticate=scope_of_session, cors_origins=origins), "ann")
    headers = {"Origin": "https://app.example"}
    assert ann.post(f"{PREFIX}/clients", data=JANE, headers=headers).status_code == status
    headers["Sec-Fetch-Site"] = "cross-site"
    again = ann.patch(f"{PREFIX}/clients/1", data=PAIR, headers=headers).status_code
    assert again == (200 if status == 201 else status)


def test_with_keys_it_does_not_matter_whose_page_calls(make_host):
    # A browser sends no key by itself: a page that sends one has it.
    client = with_key(make_host())
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{PREFIX}/clients", data=JANE, headers=headers).status_code == 201


# Signals


@pytest.fixture
def heard(make_host) -> Iterator[tuple[flask.Flask, list[tuple[str, Any]]]]:
    """A host, and what its listeners have heard."""
    host = make_host()
    told: list[tuple[str, Any]] = []

    def listener(name: str) -> Callable[..., None]:
        def listen(sender: flask.Flask, client: dict[str, Any]) -> None:
            assert flask.current_app._get_current_object() is sender
            told.append((name, client))

        return listen

    listeners = {name: listener(name) for name in ("created", "updated", "deleted")}
    for name, listen in listeners.items():
        getattr(signals, f"client_{name}").connect(listen, sender=host)
    yield host, told


def test_each_change_of_a_client_is_told_to_the_hosts_listeners(heard):
    host, told = heard
    client = with_key(host)
    made = client.post(f"{PREFIX}/clients", json=JANE).get_json()["data"]
    path = f"{PREFIX}/clients/{made['id']}"
    changed = client.put(f"{path}/status", json={"status": "suspended"}).get_json()["data"]
    client.delete(path)
    assert told[:2] == [("created", made), ("updated", changed)]
    name, deleted = told[2]
    assert (name, deleted["id"]) == ("deleted", made["id"])
    assert len(told) == 3


def test_a_listener_finds_the_change_stored(make_host):
    host = make_host()
    client = with_key(host)
    totals = []

    def count(sender: flask.Flask, client: dict[str, Any]) -> None:
        def ask() -> None:
            totals.append(reader.get(f"{PREFIX}/clients").get_json()["meta"]["total"])

        reader = with_key(host)
        other = threading.Thread(target=ask)  # a connection of its own, which sees commits only
        other.start()
        other.join()

    with signals.client_created.connected_to(count, sender=host):
        client.post(f"{PREFIX}/clients", json=JANE)
    assert totals == [1]


def test_a_request_that_fails_tells_nobody(heard):
    host, told = heard
    client = with_key(host)
    assert client.post(f"{PREFIX}/clients", json=JANE).status_code == 201
    told.clear()
    expect_error(client.post(f"{PREFIX}/clients", json=JANE), 422)
    expect_error(client.patch(f"{PREFIX}/clients/1", json={}), 422)
    expect_error(client.delete(f"{PREFIX}/clients/2"), 404)
    expect_error(
        client.patch(f"{PREFIX}/clients/1", json=PAIR, headers={"If-Match": '"other"'}), 412
    )
    assert told == []


def test_a_change_that_can_not_be_committed_tells_nobody(heard):
    host, told = heard
    client = with_key(host)
    # A foreign key that is checked only by COMMIT: the view has done its work by then.
    services(host)[PREFIX].database.execute_sql(
        "CREATE TABLE late (id INTEGER REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    services(host)[PREFIX].database.execute_sql(
        "CREATE TRIGGER too_late AFTER INSERT ON client BEGIN INSERT INTO late VALUES (99); END"
    )
    expect_error(client.post(f"{PREFIX}/clients", json=JANE), 500)
    assert client.get(f"{PREFIX}/clients").get_json()["data"] == []
    assert told == []


def test_a_repeat_of_a_request_is_told_once(heard):
    host, told = heard
    client = with_key(host)
    for _ in range(2):
        headers = {"Idempotency-Key": "once"}
        assert client.post(f"{PREFIX}/clients", json=JANE, headers=headers).status_code == 201
    assert [name for name, _ in told] == ["created"]


def test_a_listener_that_fails_does_not_undo_the_answer(make_host, caplog):
    host = make_host()

    def fail(sender: flask.Flask, client: dict[str, Any]) -> None:
        raise RuntimeError("no paper in the printer")

    with signals.client_created.connected_to(fail, sender=host):
        assert with_key(host).post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert "no paper in the printer" in caplog.text


def test_signals_of_one_host_are_not_heard_by_another(heard, make_host):
    _, told = heard
    assert with_key(make_host()).post(f"{PREFIX}/clients", json=JANE).status_code == 201
    assert told == []


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
    expect_error(client.get(f"{PREFIX}/ready"), 503, "The database is not migrated.")
    refused = expect_error(client.get(f"{PREFIX}/clients"), 503)
    assert refused["message"].startswith("The database is not migrated.")
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
    from clients_api import ClientsAPI

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
