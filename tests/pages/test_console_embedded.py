"""The console in another application, with that application's login."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Page
from conftest import ROOT, free_port

pytestmark = pytest.mark.slow


HOST = """
import flask
from clients_api import ClientsAPI

app = flask.Flask(__name__)
app.secret_key = "dev"
FORM = '<form action="/login" method="post"><input name="user"><button>Log in</button></form>'

@app.get("/")
def home():
    user = flask.session.get("user")
    return f'<p>Hello {user}. <a href="/crm/api/console">your clients</a></p>{FORM}'

@app.post("/login")
def login():
    flask.session["user"] = flask.request.form["user"]
    return flask.redirect("/")

def scope_of(request):
    return {"ann": "write", "bob": "read"}.get(flask.session.get("user"))

for number, keys in enumerate((True, False)):
    ClientsAPI(app, url_prefix=("/crm/api", "/closed")[number], authenticate=scope_of, keys=keys,
        database_url=f"sqlite:///{number}.sqlite3")
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """An application with a login of its own, in a process of its own; returns its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "app.py").write_text(HOST)
    command = [sys.executable, "-m", "flask", "--app", "app", "run", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(10)


def test_a_host_s_login_opens_the_console_without_a_key(
    host: str, open_page: Callable[..., Page]
) -> None:
    page = open_page("/crm/api/console", host)
    page.find("p", "Log in to the application that this page is part of")
    page.find("[name=key]")
    page.check("status of 401")
    page = open_page("/closed/console", host)
    page.find("p", "Log in to the application that this page is part of")
    assert not page.all("[name=key]")  # none is taken here

    for user in ("ann", "bob"):
        page = Page(page.driver, host)
        page.find("[name=user]").send_keys(user)
        page.click("button")
        page.find("p", f"Hello {user}")
        page.click("a", "your clients")
        page.find("main h1", "Clients")
        if user == "bob":  # who may only read
            page.text(".found", "1 client")
            assert not page.all("a[href='#/new']")
            continue
        page.click("main .primary", "New client")
        page.fill(first_name="Ada", last_name="Host", email="ada@host.example")
        page.click("form .primary", "Create client")
        page.text("h1", "Ada Host")
        page.click(".tools button", "Suspend")
        page.find(".title .suspended")
        assert "Leave" not in page.find("#nav").text
    # The host's own page has no icon.
    assert [message for message in page.refused() if "/favicon.ico" not in message] == []
