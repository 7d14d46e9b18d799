"""Clients that may be one, in the console: compared, tried, merged and taken apart again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser import NARROW, WIDE, Page, needs_axe
from conftest import Server
from test_console import call, enter_at, make_client, open_part
from test_console_looks import HOSTILE, OVERFLOWING, SMALL

pytestmark = pytest.mark.slow
Open = Callable[..., Page]


def marked(page: Page, row: str) -> list[str]:
    """Return what is marked in a row of the comparison, by its label."""
    (found,) = [one for one in page.all(".compare tbody tr") if one.text.startswith(row)]
    return [mark.text.removesuffix(" ✓") for mark in found.find_elements("css selector", "mark")]


def test_clients_are_compared_tried_merged_and_taken_apart_again(
    server: Server, open_page: Open
) -> None:
    first = make_client(server, "Borealis Inc", client_phone="+1 555 0100", tags=["Old", "both"])
    second = make_client(
        server, "BOREALIS, Incorporated", client_vat="GB7", client_phone="2", tags=["Both", "new"]
    )
    page = open_page("/#/clients")
    enter_at(page, server.key, "Clients")
    open_part(page, "Duplicates")
    page.click(".filters a", "Name")
    page.find(".filters .set", "Name")
    assert "2 clients" in page.text(".line", "Borealis Inc · BOREALIS, Incorporated")
    assert page.find(".line .pill").text == "strong"
    page.click("a.line", "Borealis Inc")

    # what would win
    page.find("main h1", "Merge clients")
    assert marked(page, "Company name") == ["Borealis Inc"]
    assert marked(page, "Phone") == ["+1 555 0100"]
    assert marked(page, "VAT number") == ["GB7"]
    assert marked(page, "Tags") == ["Old", "both", "new"]
    assert len(marked(page, "Contacts")) == 2
    page.click("thead th:last-child label")
    assert marked(page, "Company name") == ["BOREALIS, Incorporated"]
    assert marked(page, "Phone") == ["2"]
    assert marked(page, "Tags") == ["Old", "both", "new"]

    # a trial keeps nothing, and says what is done
    page.click("thead th:nth-child(2) label")
    page.click(".tools button", "Try")
    page.find("[role=status]", "Affected: 1 client, 1 contact, 2 tags")
    assert page.js("return document.activeElement.textContent") == "Try"
    assert page.find(".diff div", "VAT number").text.endswith("GB7")
    paths = [f"/clients/{one['id']}" for one in (first, second)]
    assert [call(server, "GET", path) for path in paths] == [first, second]

    page.click(".tools button", "Merge")
    page.find("main h1", "Duplicates")
    page.find(".lines", "No two clients seem to be one.")
    merged = call(server, "GET", paths[0])
    assert (merged["vat"], merged["tags"]) == ("GB7", ["Old", "both", "new"])
    page.text("#toast", "Merged.")
    page.click("#toast button", "Undo")
    page.find(".line", "Borealis Inc")
    taken_apart = [call(server, "GET", path) for path in paths]
    for one in (first, second, *taken_apart):
        del one["dates"]
    assert taken_apart == [first, second]

    # What has changed meanwhile is not merged unseen.
    page.click("a.line", "Borealis Inc")
    page.find("main h1", "Merge clients")
    call(server, "PUT", f"{paths[0]}/status", {"status": "suspended"})
    page.click(".tools button", "Merge")
    page.find("[role=status] .error")
    assert call(server, "GET", paths[1])["vat"] == "GB7"
    page.check("status of 412")


@needs_axe
def test_everybody_can_compare_and_hostile_text_is_text(server: Server, open_page: Open) -> None:
    for number, text in enumerate(HOSTILE[:4]):
        values = {f"client_{name}": text[:50] for name in ("phone", "billing_city", "description")}
        make_client(
            server,
            text,
            email=f"h{number}@same.example",
            client_vat="DE1",
            tags=[text[:100]],
            **values,
        )
    page = open_page("/#/duplicates?by=vat")
    enter_at(page, server.key, "Duplicates")
    page.js("window.alert = () => document.body.append('ALERT')")
    for click, wanted in (("", ".line"), ("a.line", ".compare"), (".tools button", ".diff")):
        if click:
            page.click(click)
        page.find(wanted)
        for width, dark in (
            (WIDE, False),
            (NARROW, True),
            (NARROW, False),
            (WIDE, True),
            (320, False),
        ):
            page.screen(width, dark=dark)
            assert page.violations() == [], (wanted, width)
            assert page.js(OVERFLOWING) <= 0, (wanted, width)
            assert page.js(SMALL) == [], (wanted, width)
    assert page.js("return document.querySelectorAll('main script, main img').length") == 0
    assert "ALERT" not in page.find("body").text

    # One that is another is left out.
    page.screen(WIDE)
    page.click("thead th:nth-child(3) button", "Leave out")
    page.wait(lambda: len(page.all("thead th")) == 3)
    page.check()


def test_duplicates_are_shown_to_whom_may_merge(server: Server, open_page: Open) -> None:
    for scope in ("read", "write"):
        key = call(server, "POST", "/keys", {"name": scope, "scope": scope})["key"]
        page = open_page("/")
        enter_at(page, key, "Clients")
        parts = {link.text for link in page.all("#parts a")}
        assert ("Duplicates" in parts) == (scope == "write")
