"""The pages that a person opens: the first one, and the documentation. In a real browser too."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Server, expect_error
from selenium import webdriver

from clients_api.blueprints import pages
from clients_api.service import Service
from clients_api.version import __version__

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync"""
WIDE, NARROW = 1200, 360
SECONDS = 15

PATHS = ("/", "/api/docs")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_open_to_anybody_and_allows_only_what_is_its_own(app: Service, path: str) -> None:
    response = app.test_client().get(path)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    policy = response.headers["Content-Security-Policy"]
    assert policy == pages.PAGE_POLICY
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


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
    links = set(re.findall(r'(?:href|src|data-spec)="([^"]+)"', html))
    assert len(links) >= 4
    for link in links:
        response = client.get(link)
        assert response.status_code == 200, link
        response.close()


def test_the_first_page_says_what_runs_here_and_how_to_call_it(
    make_app: Callable[..., Service],
) -> None:
    app = make_app(URL_PREFIX="/crm/v1")
    html = app.test_client().get("/", base_url="https://api.acme.example").get_data(as_text=True)
    assert f"version {__version__}" in html
    assert 'href="/crm/v1/docs"' in html and 'href="/crm/v1/openapi.json"' in html
    assert 'curl -H "Authorization: Bearer $KEY"' in html
    assert '"https://api.acme.example/crm/v1/clients?limit=5"' in html


def test_what_a_caller_says_of_the_host_is_no_markup(app: Service) -> None:
    client = app.test_client()
    response = client.get("/", environ_overrides={"SCRIPT_NAME": '/"><script>alert(1)</script>'})
    assert "<script>alert" not in response.get_data(as_text=True)


def test_a_file_is_asked_for_again_but_sent_once(app: Service) -> None:
    client = app.test_client()
    with client.get("/api/docs/landing.css") as first:
        assert first.headers["Cache-Control"] == "no-cache"
        tag = first.headers["ETag"]
    with client.get("/api/docs/landing.css", headers={"If-None-Match": tag}) as second:
        assert second.status_code == 304


OPEN = ["/health", "/ready", "/docs", "/openapi.json"]


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


def test_no_other_file_is_served(app: Service) -> None:
    client = app.test_client()
    for name in ("landing.html", "../pages.py", "..%2fpages.py", "index.html"):
        assert client.get(f"/api/docs/{name}").status_code in (401, 404), name


# In Chromium


class Page:
    """A page in the browser, and what was heard of the browser while it was open."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        self._origin = urlsplit(url)[:2]
        driver.get("about:blank")
        for log in ("browser", "performance"):
            driver.get_log(log)  # forgets what was before, and the browser's own first page
        driver.get(url)

    def wait(self, what: Callable[[], Any]) -> Any:
        """Return what `what` returns as soon as it is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, SECONDS).until(lambda _: what())

    def find(self, selector: str) -> Any:
        """Return the first element, as soon as it is there to be seen."""
        from selenium.webdriver.support.expected_conditions import visibility_of_element_located

        is_seen = visibility_of_element_located(("css selector", selector))
        return self.wait(lambda: is_seen(self.driver))

    def text(self, selector: str, wanted: str) -> str:
        """Return the text of an element, as soon as `wanted` is in it."""
        self.find(selector)
        return self.wait(lambda: (text := self.find(selector).text) and wanted in text and text)

    def check(self, *expected: str) -> None:
        """Check that nothing was asked of another host, and the console has no error.

        In: parts of messages that must be the only ones there.
        """
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        assert len(messages) == len(expected), messages
        assert all(part in m for part, m in zip(expected, messages, strict=True)), messages
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        assert len(urls) > 3
        others = [url for url in urls if urlsplit(url)[:2] != self._origin]
        assert [url for url in others if not url.startswith("data:")] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no chromium with chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def open_page(browser: Any, server: Server) -> Callable[[str], Page]:
    """Open a page of the server, of which the browser knows nothing more."""
    data = {"origin": server.url, "storageTypes": "all"}
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", data)
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    _set_screen(browser, False, WIDE)
    return lambda path: Page(browser, server.url + path)


def _set_screen(driver: Any, dark: bool, width: int) -> None:
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pages"))
    yield server
    server.stop()


@pytest.mark.slow
def test_the_first_page_makes_a_call_with_a_key_and_shows_the_answer(
    server: Server, open_page: Callable[[str], Page]
) -> None:
    page = open_page("/")
    page.find("#key").send_keys(server.key)
    page.find("#try button").click()
    assert "GET /api/clients" in page.text("#status", "200 in ")
    assert json.loads(page.find("#body").text)["message"] == "Clients retrieved successfully."
    page.check()
    stored = page.driver.execute_script(
        "return [document.cookie, localStorage.length, sessionStorage.length, location.search]"
    )
    assert stored == ["", 0, 0, ""]


@pytest.mark.slow
def test_the_first_page_says_what_is_wrong_with_a_key(
    server: Server, open_page: Callable[[str], Page]
) -> None:
    page = open_page("/")
    page.find("#key").send_keys("ck_wrong")
    page.find("#key").submit()
    page.text("#status", "401 in ")
    assert "A valid API key is required." in page.find("#body").text
    page.check("status of 401")
    page.find("#key").clear()
    page.find("#key").send_keys("ключ")  # no HTTP header can hold it
    page.find("#try button").click()
    page.text("#status", "No answer.")


def _define_a_field(server: Server) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/custom-fields",
        data=json.dumps({"name": "plan", "title": "Plan", "type": "text"}).encode(),
        headers={"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 201


@pytest.mark.slow
def test_the_documentation_takes_a_key_and_makes_calls(
    server: Server, open_page: Callable[[str], Page]
) -> None:
    _define_a_field(server)
    page = open_page("/api/docs")
    page.find(".btn.authorize").click()
    page.find(".modal-ux input").send_keys(server.key)
    page.find(".modal-ux button.authorize").click()
    page.find(".modal-ux .btn-done").click()
    page.find("#operations-clients-list_clients .opblock-summary-control").click()
    page.find("#operations-clients-list_clients .execute").click()
    answer = "#operations-clients-list_clients .live-responses-table .response"
    text = page.text(answer, "Clients retrieved successfully.")
    assert text.startswith("200")
    # A custom field's example was filled in as a filter, and the answer was empty.
    asked = page.find("#operations-clients-list_clients .request-url").text
    assert not any(f"{name}=" in asked for name in ("plan", "search", "tag", "email", "cursor"))
    assert page.driver.find_elements("css selector", ".topbar") == []
    page.check()


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_narrow_screen_and_follows_the_colours_asked_for(
    open_page: Callable[[str], Page], path: str
) -> None:
    page = open_page(path)
    page.find("h1, .opblock-tag")
    for width in (NARROW, WIDE):
        _set_screen(page.driver, False, width)
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= width
    light = page.driver.execute_script(BRIGHTNESS)
    assert light["page"] > 200 and light["text"] < 100
    _set_screen(page.driver, True, WIDE)
    page.wait(lambda: page.driver.execute_script(BRIGHTNESS)["page"] < 60)
    assert page.driver.execute_script(BRIGHTNESS)["text"] > 180
    page.check()


# How bright the page and its text are, 0 to 255; a page without a colour of its own is white.
BRIGHTNESS = """
    const shade = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return a === 0 ? null : (r + g + b) / 3;
    };
    const style = (e) => getComputedStyle(e);
    const text = document.querySelector("main p, main .info p") || document.body;
    return {
        page: shade(style(document.body).backgroundColor)
            ?? shade(style(document.documentElement).backgroundColor) ?? 255,
        text: shade(style(text).color),
    };
"""
