"""The pages that are served: the console and the documentation, as they leave the server."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

import pytest
from conftest import expect_error

from clients_api.blueprints import pages
from clients_api.service import Service
from clients_api.version import __version__

CONSOLE, DOCS = ("/", "/api/console"), ("/api/docs",)
PATHS = CONSOLE + DOCS
RAW_MAX, GZIPPED_MAX = 80_000, 18_000
# What the list needs; the other parts are fetched when they are opened.
FIRST = ("", "console.css", "console.js", "elements.js", "list.js", "service.js")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_open_to_anybody_and_allows_only_what_is_its_own(app: Service, path: str) -> None:
    response = app.test_client().get(path)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert policy == (pages.CONSOLE_POLICY if path in CONSOLE else pages.PAGE_POLICY)


def test_the_console_can_make_no_markup_of_text() -> None:
    assert pages.CONSOLE_POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    for file in pages.CONSOLE.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_no_inline_script_style_or_handler(app: Service, path: str) -> None:
    html = app.test_client().get(path).get_data(as_text=True)
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert "<style" not in html
    assert re.findall(r"\s(?:on\w+|style)=", html) == []


@pytest.mark.parametrize("path", PATHS)
def test_everything_a_page_refers_to_is_there(app: Service, path: str) -> None:
    client = app.test_client()
    html = client.get(path).get_data(as_text=True)
    links = set(re.findall(r'(?:href|src|data-spec)="(/[^"]+)"', html))
    assert len(links) >= 4
    for link in links:
        response = client.get(link)
        assert response.status_code == 200, link
        response.close()


def test_all_that_the_console_is_made_of_is_there_and_little(app: Service) -> None:
    client = app.test_client()
    files = {"": client.get("/api/console").data}
    for path in sorted(pages.CONSOLE.iterdir()):
        with client.get(f"/api/console/{path.name}") as response:
            if path.suffix == ".html":
                assert response.status_code == 404
                continue
            assert response.status_code == 200
            assert response.mimetype == {".js": "text/javascript", ".css": "text/css"}[path.suffix]
            files[path.name] = response.data
    imported = {
        name
        for text in files.values()
        for name in re.findall(r'(?:from |import\()"\./([\w.]+)"', text.decode())
    }
    assert imported <= files.keys()
    assert sum(map(len, files.values())) <= RAW_MAX
    assert sum(len(gzip.compress(files[name], 9, mtime=0)) for name in FIRST) <= GZIPPED_MAX
    for name in FIRST[2:]:
        at_once = re.findall(r'^import .* from "\./([\w.]+)"', files[name].decode(), re.MULTILINE)
        assert set(at_once) <= set(FIRST)


def test_a_page_says_where_all_is(make_app: Callable[..., Service]) -> None:
    app = make_app(URL_PREFIX="/crm/v1")
    html = app.test_client().get("/", base_url="https://api.acme.example").get_data(as_text=True)
    assert f"version {__version__}" in html
    assert 'data-base="/crm/v1"' in html and 'src="/crm/v1/console/console.js"' in html
    assert 'data-login="no" data-keys="yes"' in html and 'data-key=""' in html


def test_what_a_caller_says_of_the_host_is_no_markup(app: Service) -> None:
    client = app.test_client()
    response = client.get("/", environ_overrides={"SCRIPT_NAME": '/"><script>alert(1)</script>'})
    assert "<script>alert" not in response.get_data(as_text=True)


def test_the_key_of_demo_data_is_filled_in_on_this_machine_alone(app: Service) -> None:
    app.demo_key = "dev"
    client = app.test_client()
    assert 'data-key="dev"' in client.get("/").get_data(as_text=True)
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    assert 'data-key=""' in client.get("/", environ_overrides=elsewhere).get_data(as_text=True)


def test_a_file_is_asked_for_again_but_sent_once(app: Service) -> None:
    client = app.test_client()
    with client.get("/api/console/console.css") as first:
        assert first.headers["Cache-Control"] == "no-cache"
        tag = first.headers["ETag"]
    with client.get("/api/console/console.css", headers={"If-None-Match": tag}) as second:
        assert second.status_code == 304


@pytest.mark.parametrize(
    ("console", "docs", "root"),
    [(True, False, 200), (False, True, 302), (False, False, 404)],
)
def test_pages_can_be_switched_off(
    make_app: Callable[..., Service], console: bool, docs: bool, root: int
) -> None:
    app = make_app(CONSOLE_ENABLED=console, DOCS_ENABLED=docs)
    client = app.test_client()
    assert client.get("/").status_code == root
    for path, is_there in (("console", console), ("docs", docs)):
        found = client.get(f"/api/{path}").status_code
        assert found == (200 if is_there else 401)
        file = "console.css" if path == "console" else "docs.css"
        with client.get(f"/api/{path}/{file}") as response:
            assert response.status_code == (200 if is_there else 401)
        documented = client.get("/api/openapi.json").get_json()["paths"]
        assert (f"/api/{path}" in documented) == is_there
    assert client.get("/api/").status_code == (302 if docs else 401)
    features = client.get("/").get_data(as_text=True)
    assert not console or ('data-features="' in features and " docs " not in features)


OPEN = ["/health", "/ready", "/docs", "/console", "/openapi.json"]


@pytest.mark.parametrize("path", OPEN)
def test_what_is_open_to_anybody_takes_no_parameters_and_says_so(anonymous, path) -> None:
    # They alone dropped them in silence.
    response = anonymous.get(f"{path}?foo=1&tags[]=a")
    assert response.status_code == 200
    assert response.headers["Ignored-Parameters"] == "foo, tags"
    assert "Ignored-Parameters" not in anonymous.get(path).headers
    response = anonymous.get(f"{path}?foo=1", headers={"Prefer": "handling=strict"})
    expect_error(response, 422, foo="The foo parameter is not known here.")
    expect_error(anonymous.get(f"{path}?%ff"), 400)


@pytest.mark.parametrize("folder", ["docs", "console"])
def test_no_other_file_is_served(app: Service, folder: str) -> None:
    client = app.test_client()
    for name in ("console.html", "../pages.py", "..%2fpages.py", "index.html", "docs.html"):
        assert client.get(f"/api/{folder}/{name}").status_code in (401, 404), name


def test_options_names_what_the_key_may_do(app: Service) -> None:
    from conftest import Caller, issue_key

    def allowed(scope: str, path: str) -> str:
        return Caller(app, issue_key(app, scope=scope)).call("OPTIONS", path).headers["Allow"]

    assert allowed("read", "/clients") == "GET, HEAD, OPTIONS"
    assert allowed("write", "/clients") == "GET, HEAD, OPTIONS, POST"
    assert allowed("write", "/custom-fields/1") == "GET, HEAD, OPTIONS"
    assert allowed("write", "/keys") == "OPTIONS"
    assert allowed("admin", "/keys") == "GET, HEAD, OPTIONS, POST"
