"""Hosts under the servers that people use: calls over HTTP and in Python, at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import free_port

pytestmark = pytest.mark.slow

CALLS = 1000
CALLERS = 8
HOST = """
    import flask
    from clients_api import ClientsAPI

    app = flask.Flask(__name__)
    crm = ClientsAPI(
        app,
        url_prefix="/crm/api",
        database_url="sqlite:///crm.sqlite3",
        authenticate=lambda request: ("write", "host"),
        ratelimit_enabled=False,
    )
    with crm.session(actor="set-up") as clients:  # before the server forks
        for email in ("a@x.example", "b@x.example"):
            if not [*clients.list(email=email)]:
                clients.create(
                    first_name="J", last_name="D", email=email,
                    client_billing_invoice_due_days=0, client_company_name=email,
                )

    @app.post("/raise/<int:id>")
    def add_a_day(id):
        with crm.session(actor="view") as clients:
            client = clients.get(id)
            days = client["billing"]["invoice_due_days"] + 1
            clients.update(
                id,
                client_company_name=client["company_name"],
                client_billing_invoice_due_days=days,
            )
        return {"days": days}

    @app.get("/list")
    def names():
        with crm.session(readonly=True) as clients:
            return [client["company_name"] for client in clients.list(order="asc")]
"""
SCRIPTS = Path(sysconfig.get_path("scripts"))
SERVERS = {
    "flask": "flask --app app run --debug --port {port}",
    "sync": "gunicorn -w 2 -b 127.0.0.1:{port} app:app",
    "gthread": "gunicorn -k gthread --threads 4 -w 2 --preload -b 127.0.0.1:{port} app:app",
    "granian": "granian --interface wsgi --blocking-threads 2 --workers 2 --port {port} app:app",
    "uwsgi": "uwsgi --http-socket 127.0.0.1:{port} --master --processes 2 --threads 4 "
    "--enable-threads --die-on-term --need-app --wsgi-file app.py --callable app",
}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serve the host with a server; return its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> str:
        command, *options = SERVERS[name].format(port=(port := free_port())).split()
        if not (SCRIPTS / command).exists():
            pytest.skip(f"{command} is not installed")
        (tmp_path / "app.py").write_text(textwrap.dedent(HOST))
        with (tmp_path / "log").open("w") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, str(SCRIPTS / command), *options]
                    if command != "uwsgi"
                    else [str(SCRIPTS / command), "--home", sys.prefix, *options],
                    cwd=tmp_path, stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 40
        while True:
            try:
                assert ask(f"{url}/crm/api/ready")[0] == 200
                return url
            except OSError:
                said = (tmp_path / "log").read_text()
                assert running[-1].poll() is None and time.monotonic() < deadline, said
                time.sleep(0.1)

    yield start
    for server in running:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def ask(url: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    """Return the status, the body and the headers of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        url, data, {"Content-Type": "application/json", **headers}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def add_a_day_over_http(url: str) -> None:
    """Raise the days of the first client, unless somebody was faster; then again."""
    while True:
        status, answer, headers = ask(f"{url}/crm/api/clients/1")
        assert status == 200, answer
        days = answer["data"]["billing"]["invoice_due_days"] + 1
        change = {"client_company_name": "a", "client_billing_invoice_due_days": days}
        status, answer, _ = ask(
            f"{url}/crm/api/clients/1", "PATCH", change, If_Match=headers["ETag"]
        )
        if status == 200:
            return
        assert status == 412, answer


@pytest.mark.parametrize("server", SERVERS)
def test_calls_over_http_and_in_python_at_once_are_all_done(serve, server, tmp_path):
    url = serve(server)
    # Each of the first kind makes two calls, and more where somebody was faster.
    raised = CALLS // 4

    def call(number: int) -> None:
        if number % 4 == 0:
            add_a_day_over_http(url)
        elif number % 4 == 1:
            assert ask(f"{url}/raise/1", "POST")[0] == 200
        elif number % 4 == 2:
            assert ask(f"{url}/raise/2", "POST")[0] == 200
        else:
            assert ask(f"{url}/list")[1][1] == "b@x.example"

    with ThreadPoolExecutor(CALLERS) as callers:
        for done in callers.map(call, range(CALLS)):
            assert done is None
    days = [
        ask(f"{url}/crm/api/clients/{id}")[1]["data"]["billing"]["invoice_due_days"]
        for id in (1, 2)
    ]
    assert days == [2 * raised, raised], "no update is lost"
    events = ask(f"{url}/crm/api/events?limit=1000&type=client.updated")[1]["data"]
    assert len(events) == 3 * raised
    said = (tmp_path / "log").read_text()
    assert "locked" not in said and "Traceback" not in said, said
    shutil.rmtree(tmp_path / "instance")
