"""Signals: whoever changes what a client shows, listeners hear of it, once it is committed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from clients_api import announcing, signals
from clients_api.commands.cli import cli
from clients_api.models import Client, Tag
from clients_api.models.engines.current import using

NEW = {"first_name": "Joan", "last_name": "Roe", "email": "joan@acme.example"}


@pytest.fixture
def heard(app) -> Iterator[list[tuple[str, str]]]:
    """What listeners hear: the kind of change, and the company's name."""
    told: list[tuple[str, str]] = []
    listeners = []
    for kind in ("created", "updated", "deleted"):

        def listen(sender, client, kind=kind) -> None:
            assert sender is app
            told.append((kind, client["company_name"]))

        listeners.append(listen)
        getattr(signals, f"client_{kind}").connect(listen, sender=app)
    yield told


@pytest.fixture
def three(make_client, make_contact, heard):
    """Clients A, B and C; A and B have the tag x, and A a second user; return A and that user."""
    acme = make_client(client_company_name="A", tags=["x"])
    make_client(client_company_name="B", tags=["x", "y"])
    make_client(client_company_name="C", tags=["y"])
    contact = make_contact(clientid=acme["id"])
    heard.clear()
    return acme, contact


def tag_id(api, title: str) -> int:
    return next(t["id"] for t in api.get("/tags").get_json()["data"] if t["title"] == title)


def test_a_change_of_the_owner_is_told(api, three, heard):
    """Only what was asked of /clients was told."""
    acme, contact = three
    api.patch(f"/contacts/{acme['owner']['id']}", NEW)
    api.put(f"/contacts/{contact['id']}/account-owner")
    api.delete(f"/contacts/{contact['id']}")
    assert heard[0] == ("updated", "A")
    assert set(heard) == {("updated", "A")}
    assert len(heard) == 3


def test_a_change_of_who_owns_nothing_is_not_told(api, three, heard):
    _, contact = three
    api.patch(f"/contacts/{contact['id']}", NEW)
    assert heard == []


def test_a_tags_new_title_and_its_end_are_told_of_those_who_have_it(api, three, heard):
    api.patch(f"/tags/{tag_id(api, 'x')}", {"title": "z"})
    assert heard == [("updated", "A"), ("updated", "B")]
    heard.clear()
    api.patch(f"/tags/{tag_id(api, 'z')}", {"title": "y"})  # the two become one
    assert heard == [("updated", "A"), ("updated", "B")]
    heard.clear()
    api.delete(f"/tags/{tag_id(api, 'y')}")
    assert heard == [("updated", "A"), ("updated", "B"), ("updated", "C")]


def test_a_categorys_new_name_and_its_migration_are_told_of_its_clients(api, three, heard):
    acme, _ = three
    made = api.post("/categories", {"category_name": "Other", "category_type": "client"})
    made = made.get_json()["data"]["id"]
    assert heard == []
    api.patch(f"/categories/{acme['category']['id']}", {"category_name": "Customers"})
    assert heard == [("updated", "A"), ("updated", "B"), ("updated", "C")]
    heard.clear()
    hidden = {"category_name": "Customers", "category_description": "shown by no client"}
    assert api.patch(f"/categories/{acme['category']['id']}", hidden).status_code == 200
    assert heard == []
    api.put(f"/clients/{acme['id']}/status", {"status": "suspended"})
    heard.clear()
    path = f"/categories/{acme['category']['id']}/migrate"
    assert api.put(path, {"target_id": made}).status_code == 200
    assert sorted(heard) == [("updated", "A"), ("updated", "B"), ("updated", "C")]


def test_the_end_of_a_custom_field_is_told_of_those_who_had_a_value(api, three, heard):
    acme, _ = three
    field = api.post("/custom-fields", {"title": "Size", "type": "number"}).get_json()["data"]
    api.patch(f"/clients/{acme['id']}", {"client_company_name": "A", field["name"]: 7})
    heard.clear()
    api.delete(f"/custom-fields/{field['id']}")
    assert heard == [("updated", "A")]


def test_what_a_command_changes_is_told(app, heard, tmp_path):
    file = tmp_path / "clients.csv"
    head = "first_name,last_name,email,client_company_name\n"
    file.write_text(f"{head}Jane,Doe,jane@acme.example,Acme\n")

    def run(*options: str) -> int:
        return CliRunner().invoke(cli, ["import", str(file), *options], obj=app).exit_code

    assert run("--dry-run") == 0
    assert heard == []
    assert run() == 0
    file.write_text(f"{head}Jane,Roe,jane@acme.example,Acme\n")
    assert run("--on-conflict", "update") == 0
    assert heard == [("created", "Acme"), ("updated", "Acme")]
    file.write_text(f"{head}Joe,Doe,joe@acme.example,Beta\nbad,,row,\n")
    assert run() == 1
    assert len(heard) == 2
    assert run("--partial") == 1
    assert heard[2:] == [("created", "Beta")]


def test_a_change_that_is_rolled_back_is_not_told(app, api, three, heard):
    acme, _ = three
    with using(app.database), pytest.raises(ZeroDivisionError), app.database.writing():
        Client.change_status(acme["id"], "suspended")
        _ = 1 / 0
    assert heard == []
    assert api.post("/clients", {"first_name": "x"}).status_code == 422
    assert heard == []


def test_a_listener_may_change_clients_itself(app, api, make_client, heard):
    """As its own transaction: the one that it hears of is over."""

    def suspend(sender, client) -> None:
        if client["status"] == "active":
            api.put(f"/clients/{client['id']}/status", {"status": "suspended"})

    with signals.client_created.connected_to(suspend, sender=app):
        make_client(client_company_name="A")
    assert sorted(heard) == [("created", "A"), ("updated", "A")]


def test_changed_is_sent_for_each_event(app, api, make_client):
    told = []

    def listen(sender, event) -> None:
        told.append((event["type"], event["object_id"], event["changes"]))

    signals.changed.connect(listen, sender=app)
    client = make_client(tags=["x"])
    types = [type for type, *_ in told]
    assert sorted(types) == ["client.created", "contact.created", "tag.created"]
    told.clear()
    api.put(f"/clients/{client['id']}/status", {"status": "suspended"})
    assert told == [("client.updated", client["id"], {"status": ["active", "suspended"]})]
    told.clear()
    api.put(f"/clients/{client['id']}/status", {"status": "suspended"})
    assert told == []


def test_a_deleted_client_is_told_as_it_was(app, api, make_client):
    api.post("/custom-fields", {"title": "T", "type": "text", "name": "code"})
    client = make_client(tags=["b", "a"], client_billing_city="Łódź", code="x")
    told = []

    def listen(sender, client) -> None:
        told.append(client)

    signals.client_deleted.connect(listen, sender=app)
    api.delete(f"/clients/{client['id']}")
    told[0]["dates"].pop("updated")
    client["dates"].pop("updated")
    assert told == [client]


def test_to_tell_of_many_clients_takes_the_memory_of_a_few(app, three, heard, monkeypatch):
    monkeypatch.setattr(announcing, "AT_ONCE", 20)
    names = 3000
    with using(app.database), app.database.atomic():
        for number in range(names):
            email = f"many{number}@acme.example"
            Client.register(first_name="J", last_name="D", email=email, tags=["many"])
        (tag,) = Tag.named(["many"])
    told = []

    def count(sender, client) -> None:
        told.append(client["id"])

    signals.client_updated.connect(count, sender=app)
    heard.clear()
    tracemalloc.start()
    with using(app.database), app.database.writing():
        Tag.rename(tag, "some")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(told)) == len(told) == names
    # Each would take some 2 kB, were all of them read first.
    assert peak < names * 500, peak
