"""Merging: nothing of what several clients know is lost, and one undo takes it back."""

from __future__ import annotations

import itertools
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Caller, expect_error, issue_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients_api.models import Client, Contact, CustomField, Event
from clients_api.models.client.merging import FILLED
from clients_api.models.engines.current import using
from clients_api.models.queries.folding import fold

Data = dict[str, Any]


@pytest.fixture
def merge(api) -> Callable[..., Any]:
    """Merge clients into the first; return the answer."""

    def call(target: Data, *sources: Data, query: str = "", **body: Any) -> Any:
        ids = [source["id"] for source in sources]
        return api.post(f"/clients/{target['id']}/merge{query}", {"from": ids, **body})

    return call


@pytest.fixture
def undo(api) -> Callable[..., Any]:
    """Undo the newest merge; return the answer."""

    def call(query: str = "") -> Any:
        (event,) = api.get("/events?type=client.merged&order=desc&limit=1").get_json()["data"]
        return api.post(f"/events/{event['id']}/undo{query}")

    return call


def merged(response: Any) -> Data:
    """Return the client that an answer to a merge has."""
    assert response.status_code == 200, response.get_json()
    return response.get_json()["data"]


def get(api: Caller, client: Data) -> Data:
    return api.get(f"/clients/{client['id']}?include=contacts").get_json()["data"]


def without_times(value: Any) -> Any:
    """Return data without the times of change."""
    if isinstance(value, dict):
        return {name: without_times(inner) for name, inner in value.items() if name != "updated"}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def test_what_the_client_has_stays_and_gaps_are_filled_in_the_order_of_the_sources(
    make_client, merge
):
    target = make_client(client_company_name="Acme", client_phone="1", client_billing_city="Łódź")
    first = make_client(client_company_name="A", client_phone="2", client_vat="GB1")
    second = make_client(
        client_vat="GB2", client_website="https://a.example", client_billing_invoice_due_days=0
    )
    response = merge(target, first, second)
    assert response.get_json()["message"] == "Clients merged successfully."
    client = merged(response)
    assert (client["company_name"], client["phone"], client["vat"]) == ("Acme", "1", "GB1")
    assert client["website"] == "https://a.example"
    assert client["billing"]["city"] == "Łódź"
    assert client["billing"]["invoice_due_days"] == 0
    for name in ("status", "category", "owner"):
        assert client[name] == target[name]
    assert client["dates"]["created"] == target["dates"]["created"]
    assert len(client["contacts"]) == 3


def test_what_is_given_wins_and_what_is_given_empty_is_not_filled(api, make_client, merge):
    api.post("/custom-fields", {"title": "Code", "type": "text", "name": "code"})
    target = make_client(client_phone="1", code="x")
    source = make_client(client_phone="2", client_vat="GB1", code="y")
    given = {"client_company_name": "New", "client_phone": "3", "client_vat": "", "code": "z"}
    client = merged(merge(target, source, **given))
    assert (client["company_name"], client["phone"], client["vat"]) == ("New", "3", None)
    assert client["custom_fields"] == {"code": "z"}
    # A new name is found, as one that any other call gives.
    assert api.get("/clients?search=new").get_json()["meta"]["total"] == 1
    assert api.get("/clients?q=gb1").get_json()["meta"]["total"] == 0


def test_a_required_custom_field_need_not_be_given_but_can_not_be_cleared(api, make_client, merge):
    field = {"title": "Code", "type": "text", "name": "code", "required": "yes"}
    api.post("/custom-fields", field)
    target, source, third = make_client(code="x"), make_client(code="y"), make_client(code="z")
    assert merged(merge(target, source))["custom_fields"] == {"code": "x"}
    expect_error(merge(target, third, code=""), 422, code="The code field is required.")


def test_tags_come_behind_its_own_and_each_once_in_whatever_case(make_client, merge):
    target = make_client(tags=["b", "Ä"])
    first, second = make_client(tags=["B", "c"]), make_client(tags=["ä", "d", "C"])
    assert merged(merge(target, first, second))["tags"] == ["b", "Ä", "c", "d"]


def test_more_tags_than_a_client_may_have_are_refused_and_nothing_is_done(api, make_client, merge):
    target = make_client(tags=[f"a{n}" for n in range(60)])
    source = make_client(tags=[f"b{n}" for n in range(41)], client_vat="GB1")
    before = [get(api, target), get(api, source)]
    told = "The tags may not have more than 100 items."
    expect_error(merge(target, source), 422, tags=told)
    assert [get(api, target), get(api, source)] == before
    api.delete(f"/clients/{source['id']}/tags/b0")
    assert len(merged(merge(target, source))["tags"]) == 100


def test_users_move_with_their_ids_and_the_owner_stays(api, make_client, make_contact, merge):
    target, source = make_client(), make_client()
    contact = make_contact(clientid=source["id"])
    client = merged(merge(target, source))
    ids = {target["owner"]["id"], source["owner"]["id"], contact["id"]}
    assert {user["id"] for user in client["contacts"]} == ids
    owners = [user["id"] for user in client["contacts"] if user["account_owner"] == "yes"]
    assert owners == [target["owner"]["id"]]
    assert {user["client"]["id"] for user in client["contacts"]} == {target["id"]}


def test_where_there_is_no_owner_that_of_the_first_source_becomes_it(api, make_client, merge):
    target, empty, first, second = (make_client() for _ in range(4))
    for client in (target, empty):
        api.delete(f"/contacts/{client['owner']['id']}")
    client = merged(merge(target, empty, first, second))
    assert client["owner"]["id"] == first["owner"]["id"]
    owners = [user["id"] for user in client["contacts"] if user["account_owner"] == "yes"]
    assert owners == [first["owner"]["id"]]


def test_deleted_contacts_of_a_source_are_kept_as_those_of_the_client(
    api, make_client, make_contact, merge
):
    target, source = make_client(), make_client()
    gone = make_contact(clientid=source["id"])
    api.delete(f"/contacts/{gone['id']}")
    merge(target, source)
    (found,) = api.get("/contacts?status=deleted").get_json()["data"]
    assert (found["id"], found["client"]["id"]) == (gone["id"], target["id"])


def test_a_source_is_a_404_that_says_where_it_is_now(api, app, make_client, merge):
    first, second, third, other = (make_client() for _ in range(4))
    merged(merge(second, first))
    merged(merge(third, second))
    with using(app.database), app.database.atomic():
        Event.delete().execute()  # as they are pruned
    for client in (first, second):
        path = f"/clients/{client['id']}"
        for method in ("GET", "PATCH", "DELETE", "HEAD"):
            response = api.call(method, path, **({} if method == "HEAD" else {"json": {}}))
            assert response.status_code == 404
            there = f'</api/clients/{third["id"]}>; rel="canonical"'
            assert response.headers["Link"] == there
    expect_error(api.post(f"/clients/{first['id']}/merge", {"from": [1]}), 404)
    api.delete(f"/clients/{third['id']}")
    for client in (first, second, third):
        assert "Link" not in api.get(f"/clients/{client['id']}").headers
    assert "Link" not in api.get("/clients/999").headers
    assert api.get(f"/clients/{other['id']}").status_code == 200


def test_where_a_merged_client_is_is_said_behind_a_proxy_that_strips_a_path(make_app):
    app = make_app(PUBLIC_URL="https://crm.example/v2", URL_PREFIX="/x")
    api = Caller(app, issue_key(app), "/x")
    person = {"first_name": "A", "last_name": "B"}
    for n in (1, 2):
        api.post("/clients", {**person, "email": f"{n}@a.example"})
    api.post("/clients/1/merge", {"from": [2]})
    assert api.get("/clients/2").headers["Link"] == '</v2/x/clients/1>; rel="canonical"'


@pytest.mark.parametrize(
    ("sources", "errors"),
    [
        ([], {"from": "The from field is required."}),
        (None, {"from": "The from field is required."}),
        ("2", {"from": "The from must be an array."}),
        ([1], {"from.0": "The selected from.0 is invalid."}),
        ([2, 999], {"from.1": "The selected from.1 is invalid."}),
        ([2, 0], {"from.1": "The selected from.1 is invalid."}),
        ([2, "x"], {"from.1": "The from.1 must be an integer."}),
        (list(range(2, 13)), {"from": "The from may not have more than 10 items."}),
    ],
)
def test_wrong_sources_are_refused_and_nothing_is_done(api, make_client, sources, errors):
    target, source = make_client(), make_client()
    assert (target["id"], source["id"]) == (1, 2)
    response = api.post("/clients/1/merge", {"from": sources, "client_categoryid": 999})
    expect_error(response, 422, client_categoryid="The selected client categoryid is invalid.")
    expect_error(response, 422, **errors)
    assert api.get("/clients").get_json()["meta"]["total"] == 2
    assert api.get("/clients/1").get_json()["data"] == target


def test_the_name_can_not_be_cleared(make_client, merge):
    told = "The client company name field is required."
    response = merge(make_client(), make_client(), client_company_name="")
    expect_error(response, 422, client_company_name=told)


def test_a_form_merges_as_json_does(api, make_client):
    target, first, second = make_client(), make_client(), make_client()
    form = [("from[]", first["id"]), ("from[]", second["id"])]
    assert len(merged(api.post(f"/clients/{target['id']}/merge", form=form))["contacts"]) == 3


def test_a_dry_run_says_what_would_be_and_changes_nothing(api, make_client, make_contact, merge):
    target, source = make_client(tags=["a"]), make_client(tags=["b", "c"], client_vat="GB1")
    make_contact(clientid=source["id"])
    before = [get(api, target), get(api, source)]
    newest = api.get("/events?after=now").get_json()["meta"]
    response = merge(target, source, query="?dry_run=yes")
    body = response.get_json()
    assert response.headers["Dry-Run"] == "yes"
    assert body["message"] == "Dry run: nothing was changed. Clients merged successfully."
    affected = {"clients": 1, "contacts": 2, "tags": 2, "values": 0}
    assert body["meta"] == {"affected": affected}
    assert [get(api, target), get(api, source)] == before
    assert api.get("/events?after=now").get_json()["meta"] == newest
    assert without_times(merged(merge(target, source))) == without_times(body["data"])


def test_a_merge_heeds_if_match_and_a_repeat_gets_the_first_answer(api, make_client):
    target, source = make_client(), make_client()
    path, body = f"/clients/{target['id']}/merge", {"from": [source["id"]]}
    tag = api.get(f"/clients/{target['id']}").headers["ETag"]
    api.put(f"/clients/{target['id']}/status", {"status": "suspended"})
    expect_error(api.post(path, body, headers={"If-Match": tag}), 412)
    tag = api.get(f"/clients/{target['id']}").headers["ETag"]
    headers = {"If-Match": tag, "Idempotency-Key": "k"}
    first = api.post(path, body, headers=headers)
    again = api.post(path, body, headers=headers)
    assert first.get_data() == again.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    # The tag is that of the client, as the next read gives it.
    tag = first.headers["ETag"].partition(".")[0]
    assert api.get(f"/clients/{target['id']}").headers["ETag"].strip('"') == tag.strip('"')


def test_the_log_tells_of_the_merge_the_ends_and_the_users_that_moved(api, make_client, merge):
    target, first, second = make_client(), make_client(client_vat="GB1", tags=["a"]), make_client()
    after = api.get("/events?after=now").get_json()["meta"]["next"]
    merge(target, first, second)
    told = api.get(f"/events?after={after}").get_json()["data"]
    assert [(event["type"], event["object_id"]) for event in told] == [
        ("contact.updated", first["owner"]["id"]),
        ("contact.updated", second["owner"]["id"]),
        ("client.deleted", first["id"]),
        ("client.deleted", second["id"]),
        ("client.merged", target["id"]),
    ]
    moved = {"client.id": [first["id"], target["id"]], "account_owner": ["yes", "no"]}
    assert told[0]["changes"] == moved
    assert told[2]["changes"]["owner.id"] == [first["owner"]["id"], None]
    assert told[2]["changes"]["tags"] == [["a"], None]
    changes = {"merged": [None, [first["id"], second["id"]]]}
    changes |= {"vat": [None, "GB1"], "tags": [[], ["a"]]}
    assert told[4]["changes"] == changes
    assert told[4]["time"] == get(api, target)["dates"]["updated"]


def test_500_contacts_and_100_tags_are_merged_and_parted(app, api, make_client, merge, undo):
    target = make_client()
    source = make_client(tags=[f"t{n}" for n in range(100)])
    with using(app.database), app.database.writing():
        for n in range(499):
            person = {"first_name": "A", "last_name": "B", "email": f"{n}@many.example"}
            Contact.create(client_id=source["id"], **person)
    before = without_times(get(api, source))
    client = merged(merge(target, source))
    assert (len(client["contacts"]), len(client["tags"])) == (501, 100)
    assert undo().status_code == 200
    assert without_times(get(api, source)) == before


# Undoing


def test_what_has_changed_since_stays_and_who_has_gone_elsewhere_too(
    api, make_client, make_contact, merge, undo
):
    target, other = make_client(tags=["a"]), make_client()
    source = make_client(tags=["b", "c"], client_vat="GB1", client_phone="1")
    moved, gone = make_contact(clientid=source["id"]), make_contact(clientid=source["id"])
    merge(target, source, client_company_name="Both")
    path = f"/clients/{target['id']}"
    api.patch(path, {"client_company_name": "Both", "client_phone": "2"})
    api.put(f"{path}/tags", {"tags": ["new", "c", "a"]})
    person = {"first_name": "A", "last_name": "B", "email": "moved@a.example"}
    api.patch(f"/contacts/{moved['id']}", {**person, "clientid": other["id"]})
    api.delete(f"/contacts/{gone['id']}")
    response = undo()
    assert response.get_json()["message"] == "Change undone."
    parted, back = get(api, target), get(api, source)
    assert parted["company_name"] == target["company_name"]
    assert (parted["phone"], parted["vat"], parted["tags"]) == ("2", None, ["new", "a"])
    assert (back["phone"], back["vat"], back["tags"]) == ("1", "GB1", ["b", "c"])
    assert [user["id"] for user in back["contacts"]] == [source["owner"]["id"]]
    assert [user["id"] for user in parted["contacts"]] == [target["owner"]["id"]]
    assert len(get(api, other)["contacts"]) == 2
    expect_error(undo(), 409, "Nothing was undone: it is there already.")


def test_an_undo_can_leave_users_where_they_are(api, make_client, make_contact, merge, undo):
    target, source = make_client(), make_client()
    contact = make_contact(clientid=source["id"])
    merge(target, source)
    told = "The selected without.0 is invalid."
    expect_error(undo("?without=999"), 422, **{"without.0": told})
    assert undo(f"?without={contact['id']}").status_code == 200
    assert len(get(api, target)["contacts"]) == 2
    assert [user["id"] for user in get(api, source)["contacts"]] == [source["owner"]["id"]]


def test_the_owner_whom_a_merge_brought_goes_back(api, make_client, merge, undo):
    target, source = make_client(), make_client()
    api.delete(f"/contacts/{target['owner']['id']}")
    before = [without_times(get(api, client)) for client in (target, source)]
    assert merged(merge(target, source))["owner"] == source["owner"]
    assert undo().get_json()["data"]["owner"] is None
    assert [without_times(get(api, client)) for client in (target, source)] == before
    events = api.get(f"/clients/{target['id']}/history?limit=1").get_json()["data"]
    assert events[0]["changes"]["owner.id"] == [source["owner"]["id"], None]


def test_the_end_of_a_source_is_undone_with_the_merge_alone(api, make_client, merge, undo):
    target, source = make_client(), make_client()
    merge(target, source)
    (event,) = api.get("/events?type=client.deleted").get_json()["data"]
    told = "The client was merged into another one. Undo the merge instead."
    expect_error(api.post(f"/events/{event['id']}/undo"), 409, told)
    assert undo().status_code == 200
    # From then on it is a client like any other: deleted, it says nothing of the other one.
    api.delete(f"/clients/{source['id']}")
    assert "Link" not in api.get(f"/clients/{source['id']}").headers


def test_what_an_undo_parted_is_merged_again_by_undoing_that(api, make_client, merge, undo):
    target, source = make_client(), make_client(tags=["a"])
    client = without_times(merged(merge(target, source)))
    undo()
    (event,) = api.get("/events?type=client.restored").get_json()["data"]
    assert api.post(f"/events/{event['id']}/undo").status_code == 200
    assert without_times(get(api, target)) == client
    assert api.get(f"/clients/{source['id']}").status_code == 404


def test_a_merge_into_what_is_gone_can_not_be_undone(api, make_client, merge, undo):
    target, source = make_client(), make_client()
    merge(target, source)
    api.delete(f"/clients/{target['id']}")
    expect_error(undo(), 409, "Nothing was undone: the client is gone.")


def test_merges_that_cross_give_one_success_and_one_refusal(app, make_client):
    key = issue_key(app)
    for _ in range(10):
        pair = [make_client()["id"], make_client()["id"]]
        start = threading.Barrier(2)
        answers: list[Any] = []

        def cross(target: int, source: int, start=start, answers=answers) -> None:
            caller = Caller(app, key)
            start.wait()
            answers.append(caller.post(f"/clients/{target}/merge", {"from": [source]}))

        threads = [threading.Thread(target=cross, args=ids) for ids in (pair, pair[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done, refused = sorted(answers, key=lambda answer: answer.status_code)
        assert len(merged(done)["contacts"]) == 2
        expect_error(refused, 404)
        assert refused.headers["Link"].startswith(f"</api/clients/{merged(done)['id']}>")


# Whatever clients there are

WORDS = st.sampled_from(["a", "A", "b", "É", "é", "c"])
COLUMNS = st.dictionaries(
    st.sampled_from([name for name in FILLED if name != "billing_invoice_due_days"]), WORDS
)
CLIENTS = st.fixed_dictionaries(
    {
        "columns": COLUMNS,
        "due": st.none() | st.integers(0, 3),
        "tags": st.lists(WORDS, unique_by=fold),
        "code": st.none() | WORDS,
        "owner": st.booleans(),
        "contacts": st.integers(0, 2),
        "deleted": st.integers(0, 1),
    }
)
_numbers = itertools.count()


@pytest.fixture
def world(app) -> Callable[[Data], int]:
    """Make a client with all that is said of it; return its id."""
    with using(app.database), app.database.writing():
        code = CustomField.create(title="Code", type="text", name="code")["id"]

    def contact(client_id: int) -> int:
        person = {"first_name": "A", "last_name": "B", "email": f"{next(_numbers)}@made.example"}
        return Contact.create(client_id=client_id, **person)["id"]

    def make(said: Data) -> int:
        with using(app.database), app.database.writing():
            id = Client.register_ownerless(
                company_name=f"Client {next(_numbers)}",
                tags=said["tags"],
                custom={code: said["code"]},
                billing_invoice_due_days=said["due"],
                **said["columns"],
            )["id"]
            for n in range(said["contacts"] + said["owner"]):
                user = contact(id)
                if n == 0 and said["owner"]:
                    Client.change_owner(id, user)
            for _ in range(said["deleted"]):
                Contact.remove(contact(id))
            return id

    return make


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(CLIENTS, min_size=2, max_size=4))
def test_nothing_is_lost_and_merge_then_undo_is_the_identity(app, api, world, undo, said):
    ids = [world(client) for client in said]

    def state() -> list[Data]:
        return [without_times(get(api, {"id": id})) for id in ids]

    def users(status: str) -> set[int]:
        path = f"/contacts?limit=100&sort=created&order=desc{status}"
        return {user["id"] for user in api.get(path).get_json()["data"]}

    before, living, deleted = state(), users(""), users("&status=deleted")
    target = before[0]
    body = {"from": ids[1:]}
    client = without_times(merged(api.post(f"/clients/{ids[0]}/merge", body)))
    assert users("") == living
    assert users("&status=deleted") == deleted
    everybody = [user for one in before for user in one["contacts"]]
    assert {user["email"] for user in client["contacts"]} == {user["email"] for user in everybody}
    owners = [one["owner"] for one in before if one["owner"]]
    assert client["owner"] == (owners[0] if owners else None)
    assert [user["id"] for user in client["contacts"] if user["account_owner"] == "yes"] == [
        owner["id"] for owner in owners[:1]
    ]
    tags = {fold(title) for one in before for title in one["tags"]}
    assert {fold(title) for title in client["tags"]} == tags
    assert client["tags"][: len(target["tags"])] == target["tags"]
    values = [one["custom_fields"]["code"] for one in before if one["custom_fields"]["code"]]
    assert client["custom_fields"]["code"] == (values[0] if values else None)
    for path in (("phone",), ("vat",), ("billing", "city"), ("billing", "invoice_due_days")):
        found = [value_at(one, path) for one in before]
        known = [value for value in found if value is not None]
        assert value_at(client, path) == (known[0] if known else None)
    assert undo().status_code == 200
    assert state() == before
    assert (users(""), users("&status=deleted")) == (living, deleted)


def value_at(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        data = data[name]
    return data


# Erasing


def held(app: Any, *words: str) -> list[str]:
    """Return those of the words that stand anywhere in the database, undo data unpacked."""
    database = app.database
    rows = database.execute_sql("SELECT data FROM event_undo").fetchall()
    text = "".join(zlib.decompress(data).decode() for (data,) in rows if data)
    for table in database.get_tables():
        text += str(database.execute_sql(f'SELECT * FROM "{table}"').fetchall())
    return [word for word in words if word in text]


def test_who_is_erased_is_in_no_undo_data_of_a_merge(app, api, make_client, make_contact, merge):
    target, source = make_client(), make_client()
    contact = make_contact(clientid=source["id"], first_name="Zebulon", email="z@zebulon.example")
    merge(target, source)
    assert held(app, "Zebulon", "z@zebulon.example")
    assert api.delete(f"/contacts/{contact['id']}?erase=yes").status_code == 200
    assert held(app, "Zebulon", "z@zebulon.example") == []


def test_a_client_is_erased_with_those_that_were_merged_into_it(app, api, make_client, merge):
    words = ("Zebulon", "Yorick", "Xerxes", "yorick.example")
    first = make_client(client_company_name="Zebulon", email="z@yorick.example")
    second = make_client(client_company_name="Yorick", first_name="Xerxes")
    third = make_client()
    merge(second, first)
    merge(third, second)
    assert held(app, *words) == list(words)
    assert api.delete(f"/clients/{third['id']}?erase=yes").status_code == 200
    assert held(app, *words) == []


def test_the_merge_of_a_client_that_is_erased_can_not_be_undone(app, api, make_client, merge, undo):
    target, source = make_client(), make_client(client_company_name="Zebulon")
    merge(target, source)
    assert api.delete(f"/clients/{source['id']}?erase=yes").status_code == 200
    assert held(app, "Zebulon") == []
    expect_error(undo(), 410)
    assert api.get(f"/clients/{target['id']}").status_code == 200
