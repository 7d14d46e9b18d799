"""The documentation page, in a real browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from browser import NARROW, WIDE, Page
from conftest import Server
from test_console import call

pytestmark = pytest.mark.slow

LIST, CREATE = "#operations-clients-list_clients", "#operations-clients-create_client"
OPERATION = ".opblock-summary-control"


def test_the_documentation_takes_a_key_and_makes_calls(
    server: Server, open_page: Callable[..., Page]
) -> None:
    call(server, "POST", "/custom-fields", {"name": "plan", "title": "Plan", "type": "text"})
    page = open_page("/api/docs")
    page.click(f"{LIST} {OPERATION}")
    page.click(f"{LIST} .execute")
    page.find("#notice", "This call needs a valid API key.")
    page.click("#notice button", "Authorize")
    page.find(".modal-ux input").send_keys(server.key)
    page.click(".modal-ux button.authorize")
    page.click(".modal-ux .btn-done")
    page.click(f"{LIST} .execute")
    answer = f"{LIST} .live-responses-table .response"
    assert page.text(answer, "Clients retrieved successfully.").startswith("200")
    # A custom field's example was filled in as a filter, and the answer was empty.
    asked = page.find(f"{LIST} .request-url").text
    assert not any(f"{name}=" in asked for name in ("plan", "search", "tag", "email", "cursor"))
    assert page.all(".topbar") == []
    # The console of this tab has the key as well, and the other way round.
    page.click(".bar a", "Console")
    page.find("main h1", "Clients")
    page.click("#nav a", "API documentation")
    page.click(".btn.authorize")
    page.find(".modal-ux button", "Logout")
    page.check("status of 401")


def test_an_opened_call_fits_its_screen_and_has_samples_that_work(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("/api/docs")
    page.click(f"{CREATE} {OPERATION}")
    page.find(f"{CREATE} .errors")
    for width in (320, NARROW, WIDE):
        page.screen(width)
        assert page.js("return document.documentElement.scrollWidth") <= width
    codes = {cell.text for cell in page.all(f"{CREATE} .response-col_status")}
    assert codes == {"Code", "201"}
    assert page.js("return document.querySelector(arguments[0]).offsetHeight", CREATE) < 3000
    page.click(f"{CREATE} .errors summary")
    page.find(f"{CREATE} .errors li", "422")
    light = page.js(BRIGHTNESS)
    assert light["page"] > 200 and light["text"] < 100
    page.screen(WIDE, dark=True)
    page.wait(lambda: page.js(BRIGHTNESS)["page"] < 60)
    assert page.js(BRIGHTNESS)["text"] > 180
    for language in LANGUAGES:
        page.click(f"{CREATE} .languages button", language)
        sample = page.find(f"{CREATE} .samples pre").text
        check_sample(server, language, sample)
    page.check()


LANGUAGES = {
    "curl": ("KEY={}; ", ["sh", "-c"]),
    "Python": ("KEY = '{}'\n", [sys.executable, "-c"]),
    "JavaScript": ("const KEY = '{}';\n", ["node", "--input-type=module", "-e"]),
}


def check_sample(server: Server, language: str, sample: str) -> None:
    """Run a sample, where there is what runs it, and look for the client that it made."""
    prefix, program = LANGUAGES[language]
    if not shutil.which("curl" if language == "curl" else program[0]):
        return
    email = f"{language}@sample.example"
    source = prefix.format(server.key) + sample.replace("jane@acme.example", email)
    done = subprocess.run([*program, source], capture_output=True, text=True, timeout=30)
    assert "Client created successfully." in done.stdout, done.stdout + done.stderr
    (found,) = call(server, "GET", f"/clients?email={email}")
    assert found["tags"] == ["priority", "retainer"]


# How bright the page and its text are, 0 to 255; a page without a colour of its own is white.
BRIGHTNESS = """
    const shade = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return a === 0 ? null : (r + g + b) / 3;
    };
    const style = (e) => getComputedStyle(e);
    const text = document.querySelector("main .info p") || document.body;
    return {
        page: shade(style(document.body).backgroundColor)
            ?? shade(style(document.documentElement).backgroundColor) ?? 255,
        text: shade(style(text).color),
    };
"""
