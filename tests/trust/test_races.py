"""Many callers at once, over HTTP, against a real server with two processes."""

import http.client
import json
import signal
import sqlite3
import statistics
import threading
import time
from contextlib import closing

import pytest
from conftest import Server

CALLERS = 32

pytestmark = [pytest.mark.slow, pytest.mark.file("is opened beside the server")]


class Crowd:
    """Sends requests to a server; those of one `send` are sent at the same moment."""

    def __init__(self, server):
        self._port = server.port
        self._key = server.key
        self._file = server.folder / "clients.sqlite3"

    def call(self, method, path, body=None):
        """Return the status and the JSON of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        with closing(connection):
            connection.request(method, f"/api{path}", json.dumps(body or {}), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def data(self, path):
        """Return what a GET answers."""
        status, body = self.call("GET", path)
        assert status == 200, body
        return body["data"]

    def make(self, path, **body):
        """Make a record and return it."""
        status, answer = self.call("POST", path, body)
        assert status == 201, answer
        return answer["data"]

    def send(self, requests):
        """Send requests at once, each a tuple of method, path and body; return the answers."""
        start = threading.Barrier(len(requests))
        answers = [None] * len(requests)

        def one(index, request):
            start.wait()
            answers[index] = self.call(*request)

        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(requests)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [status for status, _ in answers if status >= 500] == []
        return answers

    def is_sound(self):
        """Check the database file itself: foreign keys, pages, and the search index."""
        with closing(sqlite3.connect(self._file)) as connection:
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            connection.execute(
                "INSERT INTO client_search (client_search, rank) VALUES ('integrity-check', 1)"
            )
            owners = "SELECT client_id FROM user WHERE account_owner = 'yes'"
            found = [row[0] for row in connection.execute(owners)]
            assert len(found) == len(set(found))
        return True


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("races"), "--workers", "2", RATELIMIT_ENABLED="false")
    copy(server.folder / "clients.sqlite3", server.folder / "new.sqlite3")
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def crowd(server):
    """Callers of one server for all tests, whose database is made new for each."""
    copy(server.folder / "new.sqlite3", server.folder / "clients.sqlite3")
    return Crowd(server)


def copy(source, target):
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def statuses(answers):
    found = [status for status, _ in answers]
    return {status: found.count(status) for status in set(found)}


def person(number, **more):
    return {"first_name": "J", "last_name": "D", "email": f"j{number}@acme.example", **more}


def test_one_of_many_clients_with_the_same_address_is_made(crowd):
    spellings = ["jane@acme.example", "JANE@acme.example"]
    answers = crowd.send(
        [("POST", "/clients", person(0, email=spellings[n % 2])) for n in range(CALLERS)]
    )
    assert statuses(answers) == {201: 1, 422: CALLERS - 1}
    taken = {"email": ["The email has already been taken."]}
    assert [body["errors"] for status, body in answers if status == 422] == [taken] * 31
    assert len(crowd.data("/clients")) == len(crowd.data("/contacts")) == 1
    assert crowd.is_sound()


def test_one_contact_is_promoted_once(crowd):
    contact = crowd.make("/contacts", **person(0, type="contact"))
    answers = crowd.send([("POST", "/clients", person(0))] * CALLERS)
    assert statuses(answers) == {201: 1, 422: CALLERS - 1}
    (client,) = crowd.data("/clients")
    assert client["owner"]["id"] == contact["id"]
    assert crowd.is_sound()


def test_an_address_goes_to_one_user_of_whatever_kind(crowd):
    member = person(0, role_id=3)
    requests = [("POST", "/clients", person(0)), ("POST", "/team", member)] * (CALLERS // 2)
    answers = crowd.send(requests)
    assert statuses(answers) == {201: 1, 422: CALLERS - 1}
    assert len(crowd.data("/contacts")) + len(crowd.data("/team")) == 1
    assert crowd.is_sound()


def test_a_tag_of_many_clients_is_made_once(crowd):
    clients = [crowd.make("/clients", **person(number)) for number in range(CALLERS)]
    requests = [
        ("POST", f"/clients/{client['id']}/tags", {"tags": ["ÉCOLE" if n % 2 else "école"]})
        for n, client in enumerate(clients)
    ]
    assert statuses(crowd.send(requests)) == {200: CALLERS}
    (tag,) = crowd.data("/tags")
    assert tag["count"] == CALLERS
    assert crowd.is_sound()


def test_tags_that_many_add_to_one_client_are_all_there(crowd):
    client = crowd.make("/clients", **person(0))
    path = f"/clients/{client['id']}/tags"
    answers = crowd.send([("POST", path, {"tags": [f"t{n}", "all"]}) for n in range(CALLERS)])
    assert statuses(answers) == {200: CALLERS}
    tags = crowd.data(f"/clients/{client['id']}")["tags"]
    assert sorted(tags) == sorted(["all", *(f"t{n}" for n in range(CALLERS))])
    assert crowd.is_sound()


def test_one_of_many_categories_with_the_same_name_is_made(crowd):
    names = ["Retail", "RETAIL"]
    answers = crowd.send(
        [
            ("POST", "/categories", {"category_name": names[n % 2], "category_type": "client"})
            for n in range(CALLERS)
        ]
    )
    assert statuses(answers) == {201: 1, 422: CALLERS - 1}
    assert len(crowd.data("/categories")) == 2
    assert crowd.is_sound()


def test_custom_fields_without_a_name_get_one_each(crowd):
    body = {"title": "T", "type": "text"}
    answers = crowd.send([("POST", "/custom-fields", body)] * CALLERS)
    assert statuses(answers) == {201: CALLERS}
    names = {answer["data"]["name"] for _, answer in answers}
    assert names == {f"client_custom_field_{n}" for n in range(1, CALLERS + 1)}
    assert crowd.is_sound()


def test_many_owner_changes_leave_exactly_one_owner(crowd):
    client = crowd.make("/clients", **person(0))
    users = [client["owner"]["id"]]
    users += [crowd.make("/contacts", **person(n, clientid=client["id"]))["id"] for n in (1, 2, 3)]
    requests = []
    for n in range(CALLERS):
        user = users[n % len(users)]
        by_client = ("PUT", f"/clients/{client['id']}/owner", {"owner": user})
        by_contact = ("PUT", f"/contacts/{user}/account-owner", None)
        requests.append(by_client if n % 3 else by_contact)
    assert statuses(crowd.send(requests)) == {200: CALLERS}
    (owner,) = crowd.data(f"/contacts?client_id={client['id']}&account_owner=yes")
    assert crowd.data(f"/clients/{client['id']}")["owner"]["id"] == owner["id"]
    assert crowd.is_sound()


def test_clients_are_deleted_while_contacts_are_made_for_them(crowd):
    clients = [crowd.make("/clients", **person(n))["id"] for n in range(8)]
    requests = []
    for n in range(CALLERS):
        id = clients[n % len(clients)]
        delete = ("DELETE", f"/clients/{id}", None)
        add = ("POST", "/contacts", person(100 + n, clientid=id))
        requests.append(delete if n >= CALLERS - len(clients) else add)
    answers = crowd.send(requests)
    assert set(statuses(answers)) <= {200, 201, 422}
    for (method, _, _), (status, body) in zip(requests, answers, strict=True):
        assert (status == 200) == (method == "DELETE")
        if status == 422:
            assert body["errors"] == {"clientid": ["The selected clientid is invalid."]}
    assert crowd.data("/clients") == crowd.data("/contacts") == []
    assert crowd.is_sound()


def test_a_category_is_never_deleted_under_its_clients(crowd):
    ids = [
        crowd.make("/categories", category_name=f"c{n}", category_type="client")["id"]
        for n in range(8)
    ]
    requests = []
    for n in range(CALLERS):
        id = ids[n % len(ids)]
        delete = ("DELETE", f"/categories/{id}", None)
        requests.append(
            delete if n % 16 >= 8 else ("POST", "/clients", person(n, client_categoryid=id))
        )
    answers = crowd.send(requests)
    assert set(statuses(answers)) <= {200, 201, 404, 409, 422}
    left = {category["id"]: category["count"] for category in crowd.data("/categories?limit=100")}
    for client in crowd.data("/clients?limit=100"):
        left[client["category"]["id"]] -= 1
    assert set(left.values()) == {0}
    assert crowd.is_sound()


def test_of_many_that_revoke_admin_keys_one_key_stays(crowd):
    keys = [crowd.make("/keys", name=f"k{n}") for n in range(4)]
    ids = [key["id"] for key in crowd.data("/keys")]
    assert len(ids) == len(keys) + 1
    answers = crowd.send([("DELETE", f"/keys/{id}", None) for id in ids])
    # The caller's own key goes as well, and what comes behind it is refused.
    assert set(statuses(answers)) <= {200, 401, 409}
    assert statuses(answers).get(200, 0) <= len(keys)
    assert crowd.is_sound()


def test_a_field_defined_in_one_process_counts_in_all_at_once(crowd):
    field = crowd.make("/custom-fields", title="T", type="text", name="tier", required="yes")
    answers = crowd.send([("POST", "/clients", person(n)) for n in range(CALLERS)])
    assert statuses(answers) == {422: CALLERS}
    status, _ = crowd.call("DELETE", f"/custom-fields/{field['id']}")
    assert status == 200
    answers = crowd.send([("POST", "/clients", person(n)) for n in range(CALLERS)])
    assert statuses(answers) == {201: CALLERS}
    assert all("custom_fields" not in answer["data"] for _, answer in answers)


def test_who_waits_for_another_process_goes_on_as_soon_as_it_is_done(app):
    # SQLite looked again a tenth of a second later, and ever so often somebody else was faster.
    waits = []
    for _ in range(5):
        path = app.database.database
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            ended = []

            def end(other=other, ended=ended):
                time.sleep(0.25)
                ended.append(time.monotonic())
                other.execute("ROLLBACK")

            ending = threading.Thread(target=end)
            ending.start()
            with app.database.writing():
                waits.append(time.monotonic() - ended[0])
            ending.join()
    assert statistics.median(waits) < 0.05, waits


def test_merges_that_cross_leave_one_client_with_all_users(crowd):
    """Each into the other at once, from two processes: one goes through, one has lost its place."""
    for number in range(0, 20, 2):
        pair = [crowd.make("/clients", **person(number + n))["id"] for n in (0, 1)]
        answers = crowd.send(
            [
                ("POST", f"/clients/{target}/merge", {"from": [source]})
                for target, source in (pair, pair[::-1])
            ]
        )
        # Whoever comes second finds its client, or the other one, gone.
        assert statuses(answers) in ({200: 1, 404: 1}, {200: 1, 422: 1})
        (merged,) = (body["data"] for status, body in answers if status == 200)
        assert len(merged["contacts"]) == 2
    assert len(crowd.data("/clients?limit=100")) == 10
    assert crowd.is_sound()
