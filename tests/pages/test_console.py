"""The console in a real browser, by mouse: all that can be done there, once."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import NARROW, WIDE, Page
from conftest import Server

pytestmark = pytest.mark.slow
Open = Callable[..., Page]


def call(server: Server, method: str, path: str, body: Any = None, key: str = "") -> Any:
    """Call the service as somebody else does, and return what it answers."""
    request = urllib.request.Request(
        f"{server.url}/api{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {key or server.key}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())["data"]


def make_client(server: Server, name: str, **more: Any) -> dict[str, Any]:
    person = {"first_name": "Jane", "last_name": "Doe", "email": f"jane@{abs(hash(name))}.example"}
    return call(server, "POST", "/clients", {**person, "client_company_name": name, **more})


def open_part(page: Page, name: str) -> None:
    page.click("#nav a", name)
    page.find("main h1", name)


def enter(page: Page, key: str) -> None:
    page.fill(key=key)
    page.click("form .primary")
    page.find("main h1", "Clients")


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (NARROW, True)])
def test_a_person_does_all_there_is_to_do(
    server: Server, open_page: Open, downloads: Path, width: int, dark: bool
) -> None:
    mark = f"W{width}"
    there = make_client(server, f"{mark} Acme", tags=[f"{mark} old"])
    make_client(server, f"{mark} Borealis")
    page = open_page("/")
    page.screen(width, dark=dark)
    page.fill(key="ck_wrong")
    page.click("form .primary")
    page.find(".whole", "Unauthorized. A valid API key is required.")
    page.check("status of 401")
    enter(page, server.key)

    # search, and open
    page.find("#search").send_keys(f"{mark} ac")
    page.text(".found", "1 client in ")
    assert f"q={mark}" in page.js("return location.hash")
    page.click(".rows a")
    page.text("h1", f"{mark} Acme")

    # edit, with what the service has to say of it
    page.click(".tools button", "Edit")
    page.fill(client_company_name="", client_billing_invoice_due_days="x")
    page.click(".facts .primary")
    page.find(".field .error", "The client company name field is required.")
    page.find(".field .error", "The client billing invoice due days must be an integer.")
    page.fill(client_company_name=f"{mark} Acme Ltd", client_billing_invoice_due_days="14")
    page.click(".facts .primary")
    page.text("h1", f"{mark} Acme Ltd")
    page.text("#toast", "Client updated successfully.")
    page.find(".facts dd", "14")

    # what has happened
    if width > 1000:
        page.find(".events li", "Client updated")
        assert "14" in page.find(".events ins", "14").text

    # two at once
    page.click(".tools button", "Edit")
    theirs = {"client_company_name": f"{mark} Theirs", "client_vat": "GB1"}
    call(server, "PATCH", f"/clients/{there['id']}", theirs)
    page.fill(client_company_name=f"{mark} Mine", client_phone="1")
    page.click(".facts .primary")
    assert f"{mark} Mine" in page.text(".conflict tr", f"{mark} Theirs")
    page.click(".facts .primary")
    page.text("h1", f"{mark} Mine")
    now = call(server, "GET", f"/clients/{there['id']}")
    assert (now["company_name"], now["vat"], now["phone"]) == (f"{mark} Mine", "GB1", "1")

    # status, tags, contacts
    page.click(".tools button", "Suspend")
    page.find(".title .suspended")
    page.fill(tags=f"{mark} new")
    page.click(".labels .primary")
    page.find(".chips li", f"{mark} new")
    page.click(".chips button")
    page.wait(lambda: len(page.all(".chips li")) == 1)
    page.click("h2 button", "Add")
    page.fill(first_name="Kim", last_name="Lee", email=f"kim@{mark}.example", position="CFO")
    page.click("dialog .primary")
    page.find(".people li", "CFO")
    page.click(".quick button", "Make owner")
    page.wait(lambda: "Kim Lee" in page.find(".people li", "Owner").text)

    # delete, and make a new one
    page.click(".tools button", "Delete")
    assert "2 contacts, 1 tag" in page.text("dialog p", "With it go")
    page.click("dialog .danger")
    page.find("main h1", "Clients")
    page.text("#toast", "Client deleted successfully.")
    page.click(".chips button, .button.primary")
    page.fill(first_name="Ada", last_name="Lovelace", email="no address")
    page.click("form .primary", "Create client")
    page.find(".field .error", "The email must be a valid email address.")
    page.fill(email=f"ada@{mark}.example", tags=f"{mark} new, {mark} other")
    page.click("form .primary", "Create client")
    page.text("h1", "Ada Lovelace")
    # the other parts
    if width == NARROW:
        page.click("#menu")
    open_part(page, "History")
    page.find(".events li", "Client created Ada Lovelace")
    page.click(".events summary")
    page.find(".events ins", f"{mark} new, {mark} other")
    page.check(*["status of 422"] * 2, "status of 412")


def test_a_person_arranges_what_is_around(server: Server, open_page: Open) -> None:
    client = make_client(server, "Around", tags=["first", "second"])
    page = open_page("/api/console")
    enter(page, server.key)

    open_part(page, "Categories")
    page.click(".tools .primary")
    page.fill(category_name="Shops")
    page.click("dialog .primary")
    page.click(".line", "Shops")
    page.click(".line:has(a[href$='=2']) button", "Move clients")
    page.find("[name=target_id]").send_keys("Shops")
    page.click("dialog .primary")
    page.text("#toast", "Category resources migrated successfully.")
    page.click(".line:has(a[href$='=3']) button", "Delete")
    page.click("dialog .danger")
    page.find("dialog .error", "Migrate them to another category first.")
    page.click("dialog button", "Cancel")

    open_part(page, "Tags")
    page.click(".line:first-child button", "Edit")
    page.fill(title="second")
    page.click("dialog .primary")
    page.wait(lambda: "first" not in page.find(".lines").text)

    open_part(page, "Team")
    page.click(".tools .primary")
    page.fill(first_name="Björn", last_name="Ström", email="bjorn@office.example")
    page.click("dialog .primary")
    page.find(".line", "Björn Ström")

    open_part(page, "Custom fields")
    page.click(".tools .primary")
    page.fill(title="Plan", options="Basic\nPlus")
    page.find("[name=type]").send_keys("dropdown")
    page.click("dialog .primary")
    page.find(".line", "Basic, Plus")
    page.go(f"#/clients/{client['id']}")
    page.find("main h1", "Around")
    page.click(".tools button", "Edit")
    page.find("[name=client_custom_field_1]").send_keys("Plus")
    page.click(".facts .primary")
    page.find(".facts dd", "Plus")

    open_part(page, "Keys")
    page.click(".tools .primary")
    page.fill(name="reader")
    page.find("[name=scope]").send_keys("read")
    page.click("dialog .primary")
    secret = page.find("dialog input").get_attribute("value")
    assert call(server, "GET", "/clients?limit=1", key=secret)
    page.click("dialog .icon")
    page.find(".line", "reader")
    assert secret not in page.js("return document.documentElement.outerHTML")
    page.check("status of 409")


def test_a_webhook_shows_its_secret_once_and_what_came_of_it(
    server: Server, open_page: Open
) -> None:
    page = open_page("/#/webhooks")
    enter_at(page, server.key, "Webhooks")
    page.click(".tools .primary")
    page.fill(url="http://127.0.0.1:9/nobody", types="client.*\ntag.merged")
    page.click("dialog .primary")
    secret = page.wait(lambda: page.find("dialog input[readonly]").get_attribute("value"))
    assert secret.startswith("whsec_")
    page.click("dialog .icon")
    page.find(".line", "client.*, tag.merged")
    (made,) = call(server, "GET", "/webhooks")
    assert made["types"] == ["client.*", "tag.merged"]
    make_client(server, "Told to nobody")
    page.click(".quick button", "Test")
    page.wait(lambda: len(page.find("#toast").text) > 10)
    page.wait(lambda: call(server, "GET", "/webhooks")[0]["last"])
    page.driver.refresh()
    page.find(".line", "1 behind")
    assert secret not in page.js("return document.documentElement.outerHTML")
    page.click(".quick button", "Delete")
    page.click("dialog .danger")
    page.find(".empty", "There is no webhook yet.")
    page.check()


def test_what_was_done_can_be_taken_back(server: Server, open_page: Open) -> None:
    client = make_client(server, "Taken back", tags=["kept tag"])
    path = f"/clients/{client['id']}"
    page = open_page(f"/#{path}")
    enter_at(page, server.key, "Taken back")
    page.click(".tools button", "Suspend")
    page.find(".title .suspended")
    page.click("#toast button", "Undo")
    page.text("#toast", "Change undone.")
    page.find(".title .active")
    page.click(".events li:has(dd) button", "Undo")  # the undoing itself
    page.find(".title .suspended")

    page.click(".tools button", "Delete")
    page.find("dialog p", "With it go: 1 contact, 1 tag. It can be brought back from the trash.")
    assert call(server, "GET", path)["id"] == client["id"]
    page.click("dialog .danger")
    page.text("#toast", "Client deleted successfully.")
    # Meanwhile somebody else has the address.
    email = {"email": call(server, "GET", "/events?order=desc&type=contact.deleted&limit=1")[0]
        ["changes"]["email"][0]}  # fmt: skip
    make_client(server, "Somebody else", **email)
    open_part(page, "Trash")
    page.click(".events li:has(a) button", "Undo")
    page.find("dialog", "The email has already been taken.")
    page.click("dialog .primary", "Undo without these users")
    page.text("#toast", "Change undone.")
    assert call(server, "GET", path)["tags"] == ["kept tag"]
    page.check("status of 409")


def test_a_file_is_tried_before_it_is_imported(
    server: Server, open_page: Open, tmp_path: Path, downloads: Path
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(
        "first_name,last_name,email,client_company_name\n"
        "Ada,L,ada@import.example,Import One\n"
        "Bob,L,no address,Import Two\n"
        "Eve,L,eve@import.example,Import Three\n"
    )
    page = open_page("/#/import")
    enter_at(page, server.key, "Import")
    page.click("form .primary")
    page.find(".whole", "Choose a file first.")
    page.driver.find_element("css selector", "[type=file]").send_keys(str(file))
    page.click("form .primary")
    page.find("h2", "What would happen")
    assert page.find("tbody tr").text.split(" ", 2) == [
        "3", "email", "The email must be a valid email address.",
    ]  # fmt: skip
    assert not [one for one in listed(server) if one.startswith("Import")]
    page.click(".card .primary", "Import 2 rows, without the wrong")
    page.find("h2", "imported successfully")
    page.click("a.button", "See the clients")
    page.find("#search").send_keys("import three")
    page.text(".found", "1 client in ")

    page.click("button", "Export")
    saved = page.wait(lambda: next(downloads.glob("clients.csv"), None))
    page.wait(lambda: "Import Three" in saved.read_text(encoding="utf-8-sig"))
    assert "Import One" not in saved.read_text(encoding="utf-8-sig")
    page.check()


def listed(server: Server) -> list[str]:
    return [one["company_name"] for one in call(server, "GET", "/clients?limit=100")]


def enter_at(page: Page, key: str, title: str) -> None:
    page.fill(key=key)
    page.click("form .primary")
    page.find("main h1", title)


def test_a_view_has_an_address_that_leads_back_to_it(server: Server, open_page: Open) -> None:
    for number in range(50):
        make_client(server, f"Address {number:02}", tags=["kept"])
    page = open_page("/#/clients?q=Address&tag=kept&sort=client_company_name&order=desc")
    enter(page, server.key)
    assert page.find(".rows .row", "Address").text.startswith("A\nAddress 49")
    assert page.find("#search").get_attribute("value") == "Address"
    page.js("scrollTo(0, 1200)")
    page.wait(lambda: len(page.all(".rows .row")) == 50)
    scrolled = page.js("return scrollY")
    page.js("document.querySelectorAll('.rows .row a')[29].click()")
    page.find("h1", "Address 20")
    page.driver.back()
    page.find("main h1", "Clients")
    page.wait(lambda: page.js("return scrollY") == scrolled)
    page.click("[data-sort=client_company_name] button")
    page.wait(lambda: page.find(".rows .row").text.startswith("A\nAddress 00"))
    page.driver.back()
    page.wait(lambda: page.find(".rows .row").text.startswith("A\nAddress 49"))
    page.check()
    # The end is near from the beginning here.
    page.screen(3840)
    page.go("#/clients?tag=kept")
    page.wait(lambda: len(page.all(".rows .row")) == 50)


@pytest.mark.parametrize("scope", ["read", "write"])
def test_what_a_key_may_not_do_is_not_shown(server: Server, open_page: Open, scope: str) -> None:
    client = make_client(server, f"Scope {scope}", tags=["x"])
    key = call(server, "POST", "/keys", {"name": scope, "scope": scope})["key"]
    page = open_page("/")
    enter(page, key)
    parts = {link.text for link in page.all("#parts a")}
    assert not parts & {"Keys", "Custom fields", "Webhooks"}
    may_write = scope == "write"
    assert ("Import" in parts) == may_write
    assert bool(page.all("a[href='#/new']")) == may_write
    page.go(f"#/clients/{client['id']}")
    page.find("h1", f"Scope {scope}")
    buttons = {button.text for button in page.all("main button")}
    assert ({"Edit", "Suspend", "Delete", "Add"} <= buttons) == may_write
    assert may_write or buttons <= {"Earlier", "Undo"}
    page.go("#/keys")
    page.find("main h1", "Clients")
    page.check()


def test_a_key_is_kept_for_the_tab_alone(server: Server, open_page: Open) -> None:
    page = open_page("/")
    enter(page, server.key)
    page.driver.refresh()
    page.find("main h1", "Clients")
    kept = page.js("return [document.cookie, localStorage.length, sessionStorage.length]")
    assert kept == ["", 0, 1]
    page.click("#nav button", "Leave")
    page.find("[name=key]")
    page.driver.refresh()
    page.find("[name=key]")
    page.check()


def test_a_lost_connection_is_said_and_tried_again(server: Server, open_page: Open) -> None:
    page = open_page("/")
    enter(page, server.key)
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**network, "offline": True})
    try:
        page.find("#search").send_keys("lost")
        page.find("#banner", "The service can't be reached. Trying again")
    finally:
        page.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {**network, "offline": False}
        )
    page.find(".empty", "No client is like this.")
    page.wait(lambda: not page.all("#banner"))
    assert all("ERR_INTERNET_DISCONNECTED" in message for message in page.refused())
