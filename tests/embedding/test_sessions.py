"""Sessions: a host's own code calls the API in Python, in one transaction."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flask
import pytest
from conftest import expect_error
from hosts import JANE, PREFIX, services, with_key

from clients_api import ClientsAPI, Conflict, Gone, Invalid, NotFound, signals
from clients_api.models import Client
from clients_api.models.engines.current import using

JOE = {"first_name": "Joe", "last_name": "Roe", "email": "joe@acme.example"}


@pytest.fixture
def host(make_host) -> flask.Flask:
    return make_host(embed=False)


@pytest.fixture
def crm(host, template) -> Iterator[ClientsAPI]:
    host.testing = True
    Path(host.instance_path).mkdir(parents=True)
    shutil.copy(template, Path(host.instance_path, "clients.sqlite3"))
    crm = ClientsAPI(host, url_prefix=PREFIX, ratelimit_enabled=False)
    yield crm
    crm.close()


@pytest.fixture
def http(host, crm):
    return with_key(host)


def emails(http) -> list[str]:
    return [c["email"] for c in http.get(f"{PREFIX}/contacts").get_json()["data"]]


def elsewhere(ask: Callable[[], Any]) -> Any:
    """Return what another thread, with a connection of its own, is answered, or raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


def test_what_a_session_returns_is_what_http_returns(crm, http):
    field = http.post(f"{PREFIX}/custom-fields", json={"title": "Size", "type": "number"})
    size = field.get_json()["data"]["name"]
    with crm.session(actor="jane") as clients:
        acme = clients.create(**JANE, tags=["new", "b"], **{size: 7})
        status = clients.change_status(acme["id"], "suspended")
        with_users = clients.get(acme["id"], include="contacts")
        listed = [*clients.list(status="suspended")]
        page = clients.list(include="contacts").page(limit=1)
    path = f"{PREFIX}/clients/{acme['id']}"
    assert acme["custom_fields"] == {size: 7}
    assert status == http.get(path).get_json()["data"]
    assert acme == {**status, "status": "active", "dates": acme["dates"]}
    assert with_users == http.get(f"{path}?include=contacts").get_json()["data"]
    assert listed == http.get(f"{PREFIX}/clients?status=suspended").get_json()["data"]
    answered = http.get(f"{PREFIX}/clients?include=contacts&limit=1").get_json()
    assert page == {name: answered[name] for name in ("data", "meta")}


def test_every_call_of_the_api_for_a_record_can_be_made(crm, http):
    with crm.session() as session:
        acme = session.clients.create(**JANE)
        id = acme["id"]
        assert session.set_tags(id, ["a"])["tags"] == ["a"]
        assert session.add_tags(id, ("b",))["tags"] == ["a", "b"]
        assert session.remove_tag(id, "a")["tags"] == ["b"]
        renamed = session.update(id, client_company_name="Acme", client_phone=None)
        assert renamed["company_name"] == "Acme"
        joe = session.contacts.create(**JOE, clientid=id, position="Buyer")
        assert session.contacts.update(joe["id"], **{**JOE, "phone": "1"})["phone"] == "1"
        assert session.contacts.make_account_owner(joe["id"])["account_owner"] == "yes"
        assert session.contacts.get(joe["id"])["client"] == {"id": id, "company_name": "Acme"}
        assert session.change_owner(id, acme["owner"]["id"])["owner"] == acme["owner"]
        assert [c["id"] for c in session.contacts.list(client_id=id, account_owner="no")] == [
            joe["id"]
        ]
        assert session.contacts.delete(joe["id"]) == {"id": joe["id"]}

        sam = session.team.create(**{**JOE, "role_id": 3})
        assert session.team.update(sam["id"], **JOE, phone="2")["phone"] == "2"
        assert session.team.get(sam["id"]) == next(iter(session.team.list(role_id=3)))
        retail = session.categories.create(category_name="Retail", category_type="client")
        assert session.categories.set_team(retail["id"], [sam["id"]])["users_count"] == 1
        assert session.categories.update(retail["id"], category_name="R")["name"] == "R"
        emptied = session.categories.migrate(acme["category"]["id"], retail["id"])
        assert emptied["count"] == 0
        assert session.categories.get(retail["id"])["count"] == 1
        session.categories.migrate(retail["id"], emptied["id"])
        assert session.categories.delete(retail["id"]) == {"id": retail["id"]}
        assert [c["name"] for c in session.categories.list()] == ["Default"]
        assert session.team.delete(sam["id"]) == {"id": sam["id"]}

        (tag,) = session.tags.list(search="b")
        assert session.tags.rename(tag["id"], "c")["title"] == "c"
        assert session.tags.get(tag["id"])["count"] == 1
        assert session.tags.delete(tag["id"]) == {"id": tag["id"]}

        field = session.custom_fields.create(title="Day", type="date")
        assert session.custom_fields.update(field["id"], title="D")["title"] == "D"
        assert session.custom_fields.get(field["id"]) == next(iter(session.custom_fields.list()))
        day = {field["name"]: datetime.date(2026, 6, 15)}
        dated = session.update(id, client_company_name="Acme", **day)
        assert dated["custom_fields"] == {field["name"]: "2026-06-15"}
        assert [c["id"] for c in session.list(**day)] == [id]
        assert session.custom_fields.delete(field["id"]) == {"id": field["id"]}

        tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        key = session.keys.create(name="Zapier", scope="read", expires=tomorrow)
        assert key["key"].startswith(key["prefix"])
        assert "Zapier" in [k["name"] for k in session.keys.list()]
        assert session.keys.revoke(key["id"]) == {"id": key["id"]}
        assert session.delete(id) == {"id": id}
    assert http.get(f"{PREFIX}/clients").get_json()["meta"]["total"] == 0


def test_what_is_wrong_is_what_a_422_says(crm, http):
    with crm.session() as clients:
        clients.create(**JANE)
    bad = {"email": "JANE@acme.example", "client_categoryid": 99, "tags": ["."], "last_name": " "}
    answer = expect_error(http.post(f"{PREFIX}/clients", json=bad), 422)
    with crm.session() as clients, pytest.raises(Invalid) as caught:
        clients.create(**bad)
    assert caught.value.errors == answer["errors"]
    assert isinstance(caught.value, ValueError)
    assert "The email has already been taken." in str(caught.value)
    for filters in ({"status": "maybe"}, {"created_after": "x"}, {"sort": "foo"}, {"search": 1}):
        with crm.session() as clients, pytest.raises(Invalid) as caught:
            clients.list(**filters)  # at once, not when it is walked
        assert list(caught.value.errors) == list(filters)


def test_a_parameter_that_is_none_is_refused(crm):
    with crm.session() as clients:
        with pytest.raises(Invalid) as caught:
            clients.create(**JANE, color="red")
        assert caught.value.errors == {"color": ["The color parameter is not known here."]}
        with pytest.raises(Invalid, match="page"):
            clients.list(page=2)
        assert [*clients.list()] == []


@pytest.mark.parametrize("id", [0, -1, 99, 2**63, 2**80, True, None, "x", "1/tags", 1.5, "\ud800"])
def test_an_id_of_no_record_is_not_found(crm, id):
    with crm.session() as clients:
        clients.create(**JANE)
        for call in (clients.get, clients.delete, clients.keys.revoke, clients.tags.get):
            with pytest.raises(NotFound, match=r"could not be found\.$"):
                call(id)
        assert [c["id"] for c in clients.list()] == [1]
        assert clients.get("1")["id"] == 1, "as a host's own route may have it"


def test_what_the_state_forbids_is_a_conflict(crm):
    with crm.session() as session:
        session.create(**JANE)
        with pytest.raises(Conflict, match="migrate"):
            session.categories.delete(2)
        with pytest.raises(Conflict, match="last admin key"):
            session.keys.revoke(session.keys.create(name="only")["id"])


def test_a_filter_that_is_none_is_no_filter(crm):
    with crm.session() as clients:
        clients.create(**JANE)
        assert len([*clients.list(status=None, search=None, tag=None, created_after=None)]) == 1
        now = datetime.datetime.now(datetime.UTC)
        assert [*clients.list(created_after=now)] == []


def test_a_session_is_one_transaction(crm, http):
    class Stop(Exception):
        pass

    with pytest.raises(Stop), crm.session() as clients:
        clients.create(**JANE)
        assert len([*clients.list()]) == 1
        clients.contacts.create(**JOE, type="contact")
        raise Stop
    assert emails(http) == []
    with crm.session() as clients:
        clients.create(**JANE)
        clients.contacts.create(**JOE, type="contact")
    assert emails(http) == ["jane@acme.example", "joe@acme.example"]


def test_a_call_that_fails_leaves_nothing_half_done_for_who_goes_on(crm, http):
    # The client was made before its user's address was found to be taken.
    with crm.session() as clients:
        clients.create(**JANE)
        for _ in range(2):
            with pytest.raises(Invalid):
                clients.create(**JANE)
        with pytest.raises(NotFound):
            clients.change_status(7, "active")
        clients.create(**JOE)
    listed = http.get(f"{PREFIX}/clients").get_json()["data"]
    assert [c["owner"]["name"] for c in listed] == ["Joe Roe", "Jane Doe"]


def test_a_session_within_another_joins_it(crm, http):
    with crm.session(actor="jane") as outer:
        outer.create(**JANE)
        with crm.session() as inner:
            assert inner.actor == "jane"
            assert len([*inner.list()]) == 1, "it sees what the other has not committed"
            inner.create(**JOE)
        assert elsewhere(lambda: emails(http)) == [], "nothing is committed yet"
        assert len([*outer.list()]) == 2
    assert len(emails(http)) == 2


def test_an_inner_session_that_fails_is_undone_alone(crm, http):
    with crm.session() as outer:
        outer.create(**JANE)
        with pytest.raises(ZeroDivisionError), crm.session() as inner:
            inner.create(**JOE)
            inner.delete(1)
            _ = 1 / 0
        assert [c["owner"]["name"] for c in outer.list()] == ["Jane Doe"]
    assert emails(http) == ["jane@acme.example"]


def test_a_function_that_opens_a_session_can_be_called_in_one(crm, http):
    @crm.session()
    def add() -> None:
        with crm.session() as clients:
            clients.create(**JANE)

    with pytest.raises(KeyError), crm.session():
        add()
        raise KeyError
    assert emails(http) == []
    add()
    assert emails(http) == ["jane@acme.example"]


def test_a_session_that_only_reads_changes_nothing(crm, http):
    with crm.session() as clients:
        clients.create(**JANE)
    with crm.session(readonly=True) as clients:
        assert [c["owner"]["name"] for c in clients.list()] == ["Jane Doe"]
        for change in (
            lambda: clients.delete(1),
            lambda: clients.contacts.create(**JOE, type="contact"),
        ):
            with pytest.raises(RuntimeError, match="only reads"):
                change()
        with pytest.raises(RuntimeError, match="only reads"), crm.session():
            pass
        with crm.session(readonly=True) as inner:
            assert inner.get(1)["id"] == 1
    assert emails(http) == ["jane@acme.example"]


def test_a_session_that_only_reads_sees_one_moment_and_waits_for_nobody(crm, http):
    with crm.session() as writing:
        writing.create(**JANE)
        with_readonly = elsewhere(lambda: read_only(crm, lambda c: len([*c.list()])))
        assert with_readonly == 0
    with crm.session(readonly=True) as clients:
        assert len([*clients.list()]) == 1
        answer = elsewhere(lambda: http.post(f"{PREFIX}/clients", json=JOE))
        assert answer.status_code == 201, "and nobody waits for it"
        assert len([*clients.list()]) == 1


def read_only(crm: ClientsAPI, ask: Callable[[Any], Any]) -> Any:
    with crm.session(readonly=True) as clients:
        return ask(clients)


def test_a_reading_session_in_a_writing_one_sees_what_that_does(crm):
    with crm.session() as clients:
        clients.create(**JANE)
        assert read_only(crm, lambda inner: inner.get(1)["id"]) == 1
        clients.delete(1)


# Walking lists


def add_clients(host: flask.Flask, count: int) -> None:
    database = services(host)[PREFIX].database
    with using(database), database.writing():
        for number in range(count):
            email = f"c{number}@acme.example"
            Client.register(first_name="J", last_name="D", email=email)


def test_a_list_is_walked_to_its_end_in_the_memory_of_a_few(crm, host):
    services(host)[PREFIX].prepare()
    add_clients(host, 3000)
    with crm.session(readonly=True) as clients:
        ids = [c["id"] for c in clients.list(sort="client_created", order="asc")]
        assert ids == sorted(set(ids)) and len(ids) == 3000
        tracemalloc.start()
        seen = sum(1 for _ in clients.list(status="active"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seen == 3000
    # Each takes some 3 kB, were all of them read first.
    assert peak < 3000 * 500, peak


@pytest.mark.parametrize("sort", ["client_created", "client_updated", "client_company_name"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_what_is_walked_may_be_changed_on_the_way(crm, host, sort, order):
    """What is changed goes to the end of a list by time of change, which then had none."""
    services(host)[PREFIX].prepare()
    add_clients(host, 250)
    changed = []
    with crm.session() as clients:
        for client in clients.list(sort=sort, order=order):
            clients.add_tags(client["id"], ["seen"])
            changed.append(client["id"])
            if len(changed) % 100 == 0:
                clients.create(first_name="N", last_name="N", email=f"{len(changed)}@new.example")
    assert len(changed) == 250 or sort == "client_company_name"
    if sort == "client_created" or order == "asc":
        assert len(set(changed)) == len(changed)


def test_a_list_can_be_walked_twice_and_deleted_on_the_way(crm, host):
    services(host)[PREFIX].prepare()
    add_clients(host, 230)
    with crm.session() as clients:
        found = clients.list(status="active")
        assert len([*found]) == len([*found]) == 230
        for client in found:
            clients.delete(client["id"])
        assert [*found] == []


def test_a_page_is_a_page_of_the_api(crm, host, http):
    add_clients(host, 5)
    with crm.session() as clients:
        found = clients.list(order="asc")
        second = found.page(2, limit=2)
        assert [c["id"] for c in second["data"]] == [3, 4]
        assert second["meta"] == {"current_page": 2, "per_page": 2, "total": 5, "last_page": 3}
        assert found.page()["meta"]["per_page"] == 25
        cursor = found.page(cursor="", limit=4)["meta"]["next_cursor"]
        assert [c["id"] for c in found.page(cursor=cursor, limit=4)["data"]] == [5]
        for wrong in ({"page": 0}, {"limit": -1}, {"cursor": "x"}):
            with pytest.raises(Invalid) as caught:
                found.page(**wrong)
            assert list(caught.value.errors) == list(wrong)


# Where a session is, and where it can't be


def test_a_session_in_a_view_and_in_a_command_of_the_host(crm, host):
    @host.get("/names")
    def names() -> dict[str, Any]:
        with crm.session(readonly=True) as clients:
            return {"names": [c["company_name"] for c in clients.list()]}

    @host.cli.command("add")
    def add() -> None:
        with crm.session(actor="cron") as clients:
            clients.create(**JANE, client_company_name="Acme")

    assert host.test_cli_runner().invoke(args=["add"]).exit_code == 0
    assert host.test_client().get("/names").get_json() == {"NAMES": ["ACME"]}


def test_a_session_of_a_thread_is_its_own(crm, host):
    crm.session()
    with crm.session() as clients:
        clients.create(**JANE)
        context = contextvars.copy_context()
        for ask in (lambda: clients.get(1), lambda: [*clients.list()]):
            with pytest.raises(RuntimeError, match="thread and process that opened it"):
                elsewhere(ask)
        seen = elsewhere(lambda: context.run(read_only, crm, lambda c: len([*c.list()])))
        assert seen == 0, "a context that was copied to another thread brings no transaction along"


def test_a_session_that_is_over_says_so(crm, host):
    services(host)[PREFIX].prepare()
    add_clients(host, 101)
    with crm.session() as clients:
        found = clients.list()
        walk = iter(clients.list())
        begun = iter(found)
        assert [next(begun)["id"] for _ in range(100)][-1] == 2
    for late in (
        lambda: clients.get(1),
        lambda: [*found],
        lambda: next(walk),
        lambda: found.page(),
    ):
        with pytest.raises(RuntimeError, match="is over"):
            late()


def test_tasks_of_one_thread_do_not_share_a_transaction_unawares(crm):
    async def first(begun: asyncio.Event, done: asyncio.Event) -> None:
        with crm.session() as clients:
            clients.create(**JANE)
            begun.set()
            await done.wait()

    async def second(begun: asyncio.Event, done: asyncio.Event) -> None:
        await begun.wait()
        try:
            with pytest.raises(RuntimeError, match="before anything is awaited"), crm.session():
                pass
        finally:
            done.set()

    async def both() -> None:
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(first(*events), second(*events))

    asyncio.run(both())
    with crm.session() as clients:
        assert len([*clients.list()]) == 1


def test_a_change_over_http_within_a_session_does_not_wait_for_itself(crm, http):
    """It waited ten seconds for the lock that its own thread had."""
    with crm.session() as clients:
        clients.create(**JANE)
        refused = http.post(f"{PREFIX}/clients", json=JOE)
        assert refused.status_code == 503
        assert refused.get_json()["message"].startswith("The database is busy.")
        assert http.get(f"{PREFIX}/clients/1").status_code == 200
    assert http.post(f"{PREFIX}/clients", json=JOE).status_code == 201


def test_two_databases_have_two_transactions(crm, host):
    other = ClientsAPI(host, url_prefix="/two", database_url="sqlite:///two.sqlite3")
    with pytest.raises(KeyError), crm.session() as clients:
        clients.create(**JANE)
        with other.session() as others:
            others.create(**JANE)
            with crm.session() as again:
                assert again.get(1)["id"] == 1
        raise KeyError
    with other.session() as others, crm.session() as clients:
        assert (len([*others.list()]), len([*clients.list()])) == (1, 0)
    other.close()


def test_an_extension_of_several_hosts_asks_which_is_meant(make_host):
    crm = ClientsAPI(url_prefix=PREFIX)
    with pytest.raises(RuntimeError, match="mounted in no application"):
        crm.session()
    one, two = make_host(embed=False), make_host(embed=False)
    crm.init_app(one)
    with crm.session() as clients:
        clients.create(**JANE)
    crm.init_app(two)
    with pytest.raises(RuntimeError, match="mounted in several applications"):
        crm.session()
    with two.app_context(), crm.session() as clients:
        assert [*clients.list()] == []
    with one.app_context(), crm.session() as clients:
        assert len([*clients.list()]) == 1


# Signals and mail


def test_a_session_is_told_of_once_after_it_is_committed(crm, host):
    told: list[tuple[str, Any]] = []

    def listen(name: str) -> Any:
        return lambda sender, client: told.append((name, client["company_name"]))

    listeners = {name: listen(name) for name in ("created", "updated", "deleted")}
    for name, listener in listeners.items():
        getattr(signals, f"client_{name}").connect(listener, sender=host)
    with crm.session() as clients:
        acme = clients.create(**JANE, client_company_name="Acme")
        clients.change_status(acme["id"], "suspended")
        beta = clients.create(**JOE, client_company_name="Beta")
        assert told == []
    assert sorted(told) == [("created", "Acme"), ("created", "Beta")]
    told.clear()
    with crm.session() as clients:
        with pytest.raises(KeyError), crm.session() as inner:
            inner.delete(acme["id"])
            inner.categories.update(2, category_name="Other")
            raise KeyError
        with pytest.raises(Invalid):
            clients.set_tags(acme["id"], ["."])
        clients.add_tags(beta["id"], ["x"])
    assert told == [("updated", "Beta")], "nobody is told of what was undone"


def test_a_listener_may_open_a_session(crm, host):
    def suspend(sender: flask.Flask, client: dict[str, Any]) -> None:
        with crm.session() as clients:
            clients.change_status(client["id"], "suspended")

    with signals.client_created.connected_to(suspend, sender=host), crm.session() as clients:
        clients.create(**JANE)
    with crm.session() as clients:
        assert [c["status"] for c in clients.list()] == ["suspended"]


def test_mail_of_a_session_is_queued_with_it(crm, host):
    with pytest.raises(KeyError), crm.session() as clients:
        clients.create(**JANE, send_email="yes")
        raise KeyError
    with crm.session() as clients:
        clients.create(**JANE, send_email="yes")
    result = host.test_cli_runner().invoke(args=["clients-api", "outbox", "list"])
    assert result.output.count("jane@acme.example") == 1


# Events


def test_a_session_says_who_made_its_changes(crm, host, http):
    with crm.session(actor="jane") as clients:
        clients.create(**JANE)
        with crm.session() as inner:
            inner.change_status(1, "suspended")
        with crm.session(actor="import") as inner:
            inner.add_tags(1, ["x"])
    with crm.session() as clients:
        clients.add_tags(1, ["y"])
    events = http.get(f"{PREFIX}/events?object=client").get_json()["data"]
    actors = [{"type": "host", "id": None, "name": n} for n in ("jane", "jane", "import", None)]
    assert [event["actor"] for event in events] == actors
    with crm.session(readonly=True) as clients:
        assert [*clients.events.list(object="client")] == events
        assert [*clients.events.of_client(1, type=["client.*"])] == events[::-1]
        assert clients.events.get(events[0]["id"]) == events[0]
        later = clients.events.list(object="client", after=events[1]["position"])
        assert [event["id"] for event in later] == [event["id"] for event in events[2:]]
        assert later.page()["meta"]["more"] is False
        with pytest.raises(Invalid, match="before"):
            clients.events.list(before=events[0]["position"])
        with pytest.raises(Gone, match="Read everything again"):
            clients.events.list(after="99-00000000")
        with pytest.raises(NotFound):
            clients.events.of_client(7)


def test_events_are_walked_to_their_end_and_no_further(crm):
    with crm.session() as clients:
        for number in range(120):
            clients.create(**{**JANE, "email": f"c{number}@acme.example"})
        seen = []
        for event in clients.events.list(type=["client.created"], limit=50):
            clients.add_tags(event["object_id"], ["seen"])
            seen.append(event["object_id"])
        assert seen == [*range(1, 121)]
        assert len([*clients.events.list(order="desc", type=["client.created"])]) == 120


def test_a_change_is_taken_back_in_python(crm, http):
    with crm.session(actor="jane") as clients:
        clients.create(**JANE)
        clients.delete(1)
        (gone,) = clients.events.of_client(1, type=["client.deleted"])
        back = clients.events.undo(gone["id"])
        assert back == clients.get(1)
        (made,) = clients.events.of_client(1, type=["client.created"])
        with pytest.raises(Conflict, match="Delete it instead"):
            clients.events.undo(made["id"])
        clients.delete(1)
        clients.contacts.create(**JANE, type="contact")
        (again, _) = clients.events.of_client(1, type=["client.deleted"])
        with pytest.raises(Conflict) as caught:
            clients.events.undo(again["id"])
        taken = {"contacts.1": ["The email has already been taken."]}
        assert caught.value.errors == taken
        assert clients.events.undo(again["id"], without=[1])["owner"] is None
        clients.delete(1, erase=True)
        with pytest.raises(NotFound):
            clients.get(1)
        assert all(event["erased"] for event in clients.events.of_client(1))


def test_nobody_hears_of_events_that_were_undone_with_their_part(crm, host):
    told: list[str] = []

    def listen(sender: flask.Flask, event: dict[str, Any]) -> None:
        told.append(event["type"])

    with signals.changed.connected_to(listen, sender=host), crm.session() as clients:
        clients.create(**JANE)
        with pytest.raises(KeyError), crm.session() as inner:
            inner.delete(1)
            raise KeyError
        with pytest.raises(Invalid):
            clients.create(**JANE)
    assert sorted(told) == ["client.created", "contact.created"]


def test_duplicates_are_found_merged_and_parted_in_python(crm):
    with crm.session() as clients:
        for number in range(240):
            person = {**JOE, "email": f"j{number}@gmail.com"}
            clients.create(**person, client_company_name=f"Name {number // 2}")
        groups = clients.duplicates(by=["name"])
        assert [group["count"] for group in groups] == [2] * 120
        assert len(groups.page(limit=7)["data"]) == 7
        (group,) = clients.duplicates(client_id=2)
        assert [client["id"] for client in group["clients"]] == [1, 2]
        with pytest.raises(Invalid):
            clients.duplicates(by=["size"])
        merged = clients.merge(1, [2], client_company_name="Both")
        assert (merged["company_name"], len(merged["contacts"])) == ("Both", 2)
        assert list(clients.duplicates(client_id=1)) == []
        with pytest.raises(NotFound):
            clients.get(2)
        (event,) = clients.events.of_client(1, type=["client.merged"])
        assert clients.events.undo(event["id"])["company_name"] == "Name 0"
        assert clients.get(2)["company_name"] == "Name 0"
