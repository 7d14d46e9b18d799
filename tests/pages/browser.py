"""A real browser, and what the tests of pages ask of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import ROOT, Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync"""
AXE = ROOT / ".venv" / "node" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, NARROW = 1280, 390
SECONDS = 15


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
        from selenium.common.exceptions import (
            StaleElementReferenceException,
            TimeoutException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(
            self.driver, SECONDS, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        try:
            return waiting.until(lambda _: what())
        except TimeoutException as error:
            text = self.driver.find_element("css selector", "body").text
            raise AssertionError(f"It was not seen within {SECONDS} s:\n{text}") from error

    def all(self, selector: str) -> list[Any]:
        """Return the elements that are there now and can be seen."""
        found = self.driver.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def find(self, selector: str, text: str = "") -> Any:
        """Return the first element with that text in it, as soon as it is there to be seen."""

        def found() -> Any:
            return next((one for one in self.all(selector) if text in one.text), None)

        return self.wait(found)

    def text(self, selector: str, wanted: str) -> str:
        """Return the text of an element, as soon as `wanted` is in it."""
        return self.find(selector, wanted).text

    def click(self, selector: str, text: str = "") -> None:
        """Click on an element; once more, if it was drawn anew meanwhile."""

        def click() -> bool:
            element = self.find(selector, text)
            self.js("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self.wait(click)

    def fill(self, **values: str) -> None:
        """Type values into fields, by their names, in place of what is there."""
        for name, value in values.items():
            self.wait(lambda name=name, value=value: self._fill(name, value))

    def _fill(self, name: str, value: str) -> bool:
        element = self.find(f"[name={name}]")
        if element.tag_name != "select":
            element.clear()
        element.send_keys(value)
        return True

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def go(self, fragment: str) -> None:
        """Show another part of the console."""
        self.js("location.hash = arguments[0]", fragment)

    def screen(self, width: int, *, dark: bool = False) -> None:
        set_screen(self.driver, dark, width)

    def refused(self) -> list[str]:
        """Return the messages of the browser's console since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def check(self, *expected: str) -> None:
        """Check that nothing was asked of another host, and the console has no error.

        In: parts of messages that must be the only ones there, in any order.
        """
        messages = self.refused()
        assert len(messages) == len(expected), messages
        for part in expected:
            assert any(part in message for message in messages), messages
        events = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        assert len(urls) > 3
        others = [url for url in urls if urlsplit(url)[:2] != self._origin]
        assert [url for url in others if not url.startswith(("data:", "blob:"))] == []

    def violations(self) -> list[str]:
        """Return what axe-core finds wrong with the page as it stands."""
        self.js("if (!window.axe) (0, eval)(arguments[0])", AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "axe.run().then((all) => arguments[0](all.violations.map((one) =>"
            " `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)))"
        )
        return found


def set_screen(driver: Any, dark: bool, width: int) -> None:
    height = 2160 if width > 2000 else 900
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no chromium with chromedriver on the PATH")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"RATELIMIT_ENABLED": "false", "WEBHOOK_HOSTS": "127.0.0.1"}
    server = Server(tmp_path_factory.mktemp("pages"), **settings)
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: Any, server: Server) -> Callable[..., Page]:
    """Open a page of the server, of which the browser knows nothing more."""

    def open_page(path: str, url: str = server.url) -> Page:
        data = {"origin": url, "storageTypes": "all"}
        browser.execute_cdp_cmd("Storage.clearDataForOrigin", data)
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        set_screen(browser, False, WIDE)
        browser.get(url + path)
        # What a tab has kept is not cleared with the rest.
        browser.execute_script("sessionStorage.clear()")
        browser.get("about:blank")
        return Page(browser, url + path)

    return open_page


needs_axe = pytest.mark.skipif(not AXE.exists(), reason=".ci/run installs axe-core")
