"""How the console looks: to everybody, at every size, with whatever is written in a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from browser import AXE, NARROW, WIDE, Page
from conftest import Server
from test_console import call, enter, make_client

pytestmark = pytest.mark.slow

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "{{7*7}}${7*7}<script>alert(1)</script>",
    "\u202eReversed \u2066isolated \u202dname",
    "W" * 150,
    "👩‍👩‍👧‍👦🏳️‍🌈 " * 8,
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    "شركة النيل للتجارة",
    "javascript:alert(1)",
    "' OR 1=1 --",
    "null",
)
WEBSITES = ("javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "HTTPS://ok.example")
VIEWS = (
    ("#/clients", ".rows .row", None),
    ("#/clients?q=nobody-is-called-this", ".empty", None),
    ("#/clients/1", ".people", None),
    ("#/clients/1", ".people", ".tools [aria-keyshortcuts=e]"),
    ("#/clients/1", ".people", ".tools .danger"),
    ("#/new", "form", None),
    ("#/categories", ".line", ".primary"),
    ("#/tags", ".line", None),
    ("#/team", "h1", ".primary"),
    ("#/custom-fields", ".line", ".primary"),
    ("#/keys", ".line", ".primary"),
    ("#/webhooks", "h1", ".primary"),
    ("#/history", ".events li", None),
    ("#/trash", "h1", None),
    ("#/import", ".drop", None),
)
SMALL = """
    const inText = (e) => e.tagName === "A" && getComputedStyle(e).display === "inline";
    return [...document.querySelectorAll("a, button, select, input, textarea")]
        .filter((e) => e.checkVisibility() && !e.closest(".chips") && !inText(e)
            && !["checkbox", "radio"].includes(e.type))
        .map((e) => [e, e.getBoundingClientRect()])
        .filter(([e, box]) => box.width > 1 && !e.closest(".chunk"))
        .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
        .map(([e, box]) => `${e.outerHTML.slice(0, 90)} ${box.width} by ${box.height}`);
"""
OVERFLOWING = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def filled(server: Server) -> Iterator[Server]:
    """A server with a client for each hostile text, which stands in all of its fields."""
    field = {"name": "note", "title": HOSTILE[0], "type": "paragraph"}
    call(server, "POST", "/custom-fields", field)
    for number, text in enumerate(HOSTILE):
        short = text[:50]
        names = ("description", "phone", "vat", "billing_street", "billing_city", "shipping_city")
        make_client(
            server,
            text,
            first_name=text[:100],
            last_name=short,
            email=f"hostile{number}@acme.example",
            client_website=WEBSITES[number % len(WEBSITES)],
            note=text,
            tags=[text[:100], f"tag {number}"],
            **{f"client_{name}": short for name in names},
        )
    call(server, "POST", "/categories", {"category_name": HOSTILE[0], "category_type": "client"})
    yield server


@pytest.mark.skipif(not AXE.exists(), reason=".ci/run installs axe-core")
def test_everybody_can_use_each_view(filled: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("/")
    assert page.violations() == []
    enter(page, filled.key)
    page.check()
    found = {}
    for fragment, wanted, button in VIEWS:
        page.go("#/clients?q=leave")
        page.find(".empty")
        page.go(fragment)
        page.find(wanted)
        if button:
            page.click(button)
        for width, dark in ((WIDE, False), (NARROW, True), (NARROW, False), (WIDE, True)):
            page.screen(width, dark=dark)
            if dark == (width == NARROW) and (violations := page.violations()):
                found[fragment, button, width] = violations
            assert page.js(OVERFLOWING) <= 0, (fragment, button, width)
            assert page.js(SMALL) == [], (fragment, button, width)
    assert found == {}


def test_hostile_text_is_text_and_keeps_to_its_place(
    filled: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("/")
    enter(page, filled.key)
    page.js("window.alert = () => document.body.append('ALERT')")
    page.find(".rows .row")
    names = {link.text for link in page.all(".rows .name a")}
    assert {HOSTILE[0], HOSTILE[1], HOSTILE[6]} <= names
    heights = page.js(
        "return [...document.querySelectorAll('.rows .row')].map(e => e.offsetHeight)"
    )
    assert len(set(heights)) == 1
    for width in (320, NARROW, WIDE, 3840):
        page.screen(width)
        assert page.js(OVERFLOWING) <= 0, width
    for id in range(1, len(HOSTILE) + 1):
        page.go(f"#/clients/{id}")
        page.wait(lambda id=id: HOSTILE[id - 1][:20].strip() in page.find("h1").text)
        for width in (320, WIDE):
            page.screen(width)
            assert page.js(OVERFLOWING) <= 0, (id, width)
        targets = page.js("return [...document.links].map(link => link.protocol)")
        assert set(targets) <= {"http:", "https:", "mailto:", "tel:"}
    assert page.js("return document.querySelectorAll('main script, main img').length") == 0
    assert "ALERT" not in page.find("body").text
    page.check()


def test_a_large_page_zoomed_in_is_as_good_as_a_small_one(
    filled: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("/")
    enter(page, filled.key)
    page.js("document.documentElement.style.fontSize = '200%'")  # text alone, as WCAG 1.4.4 says
    views = {"#/clients/1": ".people", "#/keys": ".line", "#/clients": ".row"}
    for fragment, wanted in views.items():
        page.go(fragment)
        page.find(wanted)
        for width in (WIDE, NARROW):
            page.screen(width)
            assert page.js(OVERFLOWING) <= 0, (fragment, width)
