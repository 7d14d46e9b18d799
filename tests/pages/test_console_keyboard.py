"""The console in a real browser, by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser import Page
from conftest import Server
from test_console import make_client

pytestmark = pytest.mark.slow


def focused(page: Page) -> Any:
    return page.driver.switch_to.active_element


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the focus is on what has that text."""
    for _ in range(60):
        page.press("\ue004")
        if focused(page).text == text:
            return
    raise AssertionError(f"no Tab leads to {text}")


def test_the_keyboard_does_it_all(server: Server, open_page: Callable[..., Page]) -> None:
    enter, escape = "\ue007", "\ue00c"
    for name in ("Keyboard One", "Keyboard Two"):
        make_client(server, name)
    page = open_page("/")
    page.find("[name=key]")
    page.press(server.key, enter)
    page.find("main h1", "Clients")

    page.press("?")
    page.find("dialog", "Undo the last change")
    page.press(escape)
    page.wait(lambda: not page.all("dialog"))

    page.press("/", "keyboard")
    page.text(".found", "2 clients in ")
    page.press(enter)
    page.wait(lambda: focused(page).text == "Keyboard Two")
    page.press("j")
    page.wait(lambda: focused(page).text == "Keyboard One")
    page.press("k")
    page.press(enter)
    page.text("h1", "Keyboard Two")

    page.press("e")
    page.wait(lambda: focused(page).get_attribute("name") == "client_company_name")
    page.press(escape)
    page.wait(lambda: not page.all("form.facts"))
    page.press("e")
    page.wait(lambda: focused(page).get_attribute("name") == "client_company_name")
    page.press("\ue010", " and more", enter)  # End, then the text
    page.text("h1", "Keyboard Two and more")
    page.find("#toast", "Undo")
    page.press("u")
    page.text("#toast", "Change undone.")
    page.wait(lambda: page.find("h1").text == "Keyboard Two")
    page.press("u")
    page.text("h1", "Keyboard Two and more")

    tab_to(page, "Delete")
    page.press(enter)
    page.find("dialog", "Delete Keyboard Two and more?")
    page.wait(lambda: focused(page).text == "Delete")
    page.press(enter)
    page.find("main h1", "Clients")

    page.press("n")
    page.find("[name=first_name]")
    page.press("\ue004" * 2)
    while focused(page).get_attribute("name") != "first_name":
        page.press("\ue004")
    page.press("Ada", "\ue004", "Keys", "\ue004", "ada@keyboard.example", enter)
    page.text("h1", "Ada Keys")
    page.check()


def test_keys_of_one_letter_can_be_switched_off(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("/")
    page.fill(key=server.key)
    page.click("form .primary")
    page.find("main h1", "Clients")
    page.press("?")
    page.click("dialog [type=checkbox]")
    page.press("\ue00c")
    page.press("n")
    page.press("?")
    assert page.js("return location.hash") == "#/clients" and not page.all("dialog")
    page.click("#nav button", "Keyboard")
    page.click("dialog [type=checkbox]")
    page.press("\ue00c", "n")
    page.find("h1", "New client")
    page.check()
