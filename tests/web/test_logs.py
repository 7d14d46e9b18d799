"""The log: a line a request, in text or JSON, that nobody can forge and that shows no key."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, Caller, issue_key

from clients_api.web.log import set_up_logging

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO request request_id=(?P<id>\S+) method=(?P<method>\S+) "
    r"path=(?P<path>\S+) status=(?P<status>\d{3}) ms=[0-9.]+ key=(?P<key>\S+)"
)


class Log:
    """What the log of a server holds: its handler, writing into memory."""

    def __init__(self):
        self.set_up()

    def set_up(self, level="info", form="text"):
        self._stream = io.StringIO()
        set_up_logging(level, form)
        (handler,) = logging.getLogger("clients_api").handlers
        handler.setStream(self._stream)

    def lines(self):
        return self._stream.getvalue().splitlines()


@pytest.fixture
def log():
    logger = logging.getLogger("clients_api")
    before = logger.handlers[:], logger.level, logger.propagate
    yield Log()
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)


def test_each_request_is_one_line_of_text(api, anonymous, log):
    response = api.get("/clients?search=Secret+Name")
    anonymous.get("/clients")
    first, second = log.lines()
    match = LINE.fullmatch(first)
    assert match["id"] == response.headers["X-Request-ID"]
    assert match["method"] == "GET"
    assert match["path"] == "/api/clients"
    assert match["status"] == "200"
    assert match["key"] == api.key[:11]
    match = LINE.fullmatch(second)
    assert match["status"] == "401"
    assert match["key"] == "-"


def test_json_is_one_object_a_line(api, anonymous, log):
    log.set_up(form="json")
    response = api.get("/clients/999")
    anonymous.post("/clients", {"x": 1})
    first, second = map(json.loads, log.lines())
    assert first.pop("time").endswith("Z")
    assert 0 < first.pop("ms") < 60_000
    assert first == {
        "level": "info",
        "message": "request",
        "request_id": response.headers["X-Request-ID"],
        "method": "GET",
        "path": "/api/clients/999",
        "status": 404,
        "key": api.key[:11],
    }
    assert second["key"] == "-"
    assert second["status"] == 401


def test_the_time_in_json_has_six_decimals(api, log):
    log.set_up(form="json")
    api.get("/clients")
    (line,) = log.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", json.loads(line)["time"])


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_key_appears_in_a_log(app, api, anonymous, log, form):
    log.set_up("debug", form)
    made = api.post("/keys", {"name": "new"}, headers={"Idempotency-Key": "x"}).get_json()["data"]
    Caller(app, made["key"]).get("/clients")
    api.get(f"/clients?api_key={api.key}&search={made['key']}")
    anonymous.get("/clients", headers={"Authorization": f"Basic {api.key}"})
    anonymous.get("/clients", headers={"X-API-Key": api.key})
    api.call("POST", "/clients", data=api.key.encode(), content_type="application/json")
    api.delete(f"/keys/{made['id']}")
    text = "\n".join(log.lines())
    assert made["prefix"] in text
    assert made["key"] not in text
    assert api.key not in text


@pytest.mark.parametrize("id", ["abc", "7", "A.b_c-9", "x" * 64, "4a8e4f5e-2b1c-4d4e-9f00-000"])
def test_a_sane_request_id_is_kept(api, log, id):
    response = api.get("/clients", headers={"X-Request-ID": id})
    assert response.headers["X-Request-ID"] == id
    assert f"request_id={id} " in log.lines()[0]


@pytest.mark.parametrize(
    "id", ["", "a b", "x" * 65, "\u00e9", "a=b", "<script>", "a,b", "a\tb", "a;b", '"a"']
)
def test_another_request_id_is_replaced(api, log, id):
    response = api.get("/clients", headers={"X-Request-ID": id})
    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])
    assert LINE.fullmatch(log.lines()[0])["id"] == response.headers["X-Request-ID"]


def test_request_ids_are_all_different(shared_api):
    ids = {shared_api.get("/health").headers["X-Request-ID"] for _ in range(50)}
    assert len(ids) == 50


FORGERIES = [
    "/clients%0A2026-01-01T00:00:00Z INFO request",
    "/clients%0D%0AX",
    "/clients/1%20status=200%20key=ck_admin",  # once looked like fields of its own
    "/%1b[31mred",
    "/\u2028\u2029\u0085",
    "/%00%07",
    "/%ff%fe",
    "/\u202e\u200b",
    '/"}{"level":"critical',
]


@pytest.mark.parametrize("path", FORGERIES)
def test_no_path_can_forge_a_line_of_text(api, log, path):
    api.get(path)
    (line,) = log.lines()
    assert line.isprintable()
    assert LINE.fullmatch(line)["status"] == "404"


@pytest.mark.parametrize("path", FORGERIES)
def test_no_path_can_forge_an_object(api, log, path):
    log.set_up(form="json")
    api.get(path)
    (line,) = log.lines()
    entry = json.loads(line)
    assert entry["level"] == "info"
    assert entry["status"] == 404
    assert entry["path"].startswith("/api/")


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_else_that_a_caller_sends_gets_into_the_log(api, log, form):
    log.set_up(form=form)
    forged = "x\r\n2026-01-01T00:00:00Z INFO forged\x1b[31m\u2028"
    names = ("USER_AGENT", "REFERER", "X_FORWARDED_FOR", "X_REQUEST_ID", "COOKIE", "HOST")
    environ = {f"HTTP_{name}": forged for name in names}
    api.post("/clients", {forged: forged}, query_string={forged: forged}, environ_overrides=environ)
    (line,) = log.lines()
    assert line.isprintable()
    assert "forged" not in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_method_can_forge_a_line(api, log, form):
    log.set_up(form=form)
    api.call("GET\r\n2026 INFO \x1b[31m", "/clients")
    (line,) = log.lines()
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["status"] == 405


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_body_can_forge_a_line_of_what_is_logged_of_mistakes(api, log, form):
    log.set_up("debug", form)
    forged = "x\n2026-01-01T00:00:00Z CRITICAL forged"
    client = {"first_name": forged, "last_name": forged, "email": "jane@acme.example"}
    api.post("/clients", {**client, "client_description": forged, "tags": [forged]})
    api.get("/clients", query_string={"search": forged, "sort": forged, "cursor": forged})
    assert log.lines()
    for line in log.lines():
        assert line.isprintable()
        assert not line.startswith("2026-01-01T00:00:00Z CRITICAL")


def test_messages_of_others_can_not_forge_a_line(log):
    logger = logging.getLogger("clients_api")
    logger.warning("A file named %s", "a\nb\x1b[0m\u2028c")
    (line,) = log.lines()
    assert line.isprintable()


def test_the_level_decides_what_is_logged(api, log):
    log.set_up("warning")
    api.get("/clients")
    assert log.lines() == []
    logging.getLogger("clients_api").warning("careful")
    assert log.lines()[0].endswith("WARNING careful")


def test_a_fault_is_logged_with_its_trace_and_the_request(make_app, monkeypatch, log):
    app = make_app()
    key = issue_key(app)
    log.set_up(form="json")

    def fail(*args, **kwargs):
        raise RuntimeError("inside")

    monkeypatch.setattr(app.database, "execute_sql", fail)
    response = app.test_client().get("/api/clients", headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 500
    entries = [json.loads(line) for line in log.lines()]
    assert [entry["level"] for entry in entries] == ["error", "info"]
    assert "RuntimeError: inside" in entries[0]["exception"]
    assert entries[1]["status"] == 500
    # Without the id nobody could tell which trace belongs to which complaint.
    assert response.headers["X-Request-ID"] in entries[0]["message"]


def test_an_app_that_nobody_arranged_logging_for_follows_the_settings(tmp_path):
    # It used to be silent, with `flask run` and `gunicorn app:app`.
    code = "from app import app; app.test_client().get('/api/health')"
    environment = {**os.environ, "CLIENTS_API_INSTANCE_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment, "CLIENTS_API_LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stderr)["path"] == "/api/health"
