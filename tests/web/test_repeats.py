"""Idempotency-Key: a POST that is sent again does nothing again."""

from __future__ import annotations

import datetime
import http.client
import json
import threading
import time
from pathlib import Path

import pytest
from conftest import Caller, expect_error, issue_key

PERSON = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
OTHER = "The Idempotency-Key was used for another request already."


def post(api, body=PERSON, *, key="one", path="/clients", **options):
    return api.call("POST", path, json=body, headers={"Idempotency-Key": key}, **options)


def total(api, path="/clients"):
    return api.get(path).get_json()["meta"]["total"]


def expect_replay(first, second):
    assert second.status_code == first.status_code
    assert second.get_data() == first.get_data()
    assert second.mimetype == "application/json"
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    for name in ("Location", "ETag"):
        assert second.headers.get(name) == first.headers.get(name)


def test_a_repeat_gets_the_stored_answer_and_does_nothing(api):
    first = post(api)
    assert first.status_code == 201
    expect_replay(first, post(api))
    expect_replay(first, post(api))
    assert total(api) == 1
    # The answer is the stored one, even if the record has changed since.
    api.patch("/clients/1", {"client_company_name": "Changed"})
    expect_replay(first, post(api))
    api.delete("/clients/1")
    expect_replay(first, post(api))
    assert total(api) == 0


def test_without_the_header_nothing_is_kept(app, api):
    assert api.post("/clients", PERSON).status_code == 201
    expect_error(api.post("/clients", PERSON), 422)
    assert app.database.execute_sql("SELECT COUNT(*) FROM idempotency").fetchone() == (0,)


def test_the_same_key_with_another_body_is_422(api):
    post(api)
    for body in ({**PERSON, "client_phone": "1"}, {**PERSON, "email": "x@acme.example"}):
        expect_error(post(api, body), 422, **{"Idempotency-Key": OTHER})
    assert total(api) == 1


def test_the_same_key_for_another_path_or_query_is_422(api):
    post(api)
    expect_error(post(api, PERSON, path="/contacts"), 422, **{"Idempotency-Key": OTHER})
    expect_error(
        post(api, PERSON, path="/clients?include=contacts"), 422, **{"Idempotency-Key": OTHER}
    )
    assert total(api) == 1


def test_another_key_is_another_request(api):
    post(api)
    expect_error(post(api, key="two"), 422, email="The email has already been taken.")
    assert post(api, {**PERSON, "email": "b@acme.example"}, key="three").status_code == 201
    assert total(api) == 2


def test_each_caller_has_keys_of_its_own(app, api):
    other = Caller(app, issue_key(app))
    post(api)
    response = post(other, {**PERSON, "email": "other@acme.example"})
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers


def test_a_repeat_is_what_was_sent_byte_for_byte(api):
    first = post(api, {**PERSON, "client_billing_invoice_due_days": 7})
    assert first.status_code == 201
    other = {**PERSON, "client_billing_invoice_due_days": "7"}
    expect_error(post(api, other), 422, **{"Idempotency-Key": OTHER})
    headers = {"Idempotency-Key": "one"}
    response = api.call("POST", "/clients", form=[*PERSON.items()], headers=headers)
    expect_error(response, 422, **{"Idempotency-Key": OTHER})
    assert total(api) == 1


def test_the_boundary_of_a_form_may_be_another_in_a_repeat(api):
    def send(boundary, name="Jane"):
        part = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        fields = {**PERSON, "first_name": name}.items()
        data = "".join(part.format(boundary, *field) for field in fields) + f"--{boundary}--\r\n"
        kind = f"multipart/form-data; boundary={boundary}"
        headers = {"Idempotency-Key": "one"}
        return api.post("/clients", data=data, content_type=kind, headers=headers)

    first = send("xAbC0")
    assert first.status_code == 201
    expect_replay(first, send("yDeF1"))
    expect_error(send("zGhI2", "Kim"), 422, **{"Idempotency-Key": OTHER})


def test_a_repeat_gets_its_answer_whatever_has_become_required_since(api):
    # It was validated before it was looked up: a 422, for what had been done.
    first = post(api, {**PERSON, "foo": "bar"})
    assert first.status_code == 201
    api.post("/custom-fields", {"title": "T", "name": "tier", "type": "text", "required": "yes"})
    repeated = post(api, {**PERSON, "foo": "bar"})
    expect_replay(first, repeated)
    assert repeated.headers["Ignored-Parameters"] == "foo"
    assert total(api) == 1


def test_a_repeat_gets_its_answer_though_its_date_has_passed(app, api):
    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)).isoformat()
    headers = {"Idempotency-Key": "one"}
    made = api.post("/keys", {"name": "n", "expires": soon}, headers=headers)
    assert made.status_code == 201
    time.sleep(1.1)
    again = api.post("/keys", {"name": "n", "expires": soon}, headers=headers)
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_repeat_gets_its_answer_though_the_record_is_gone(api, make_client):
    path = f"/clients/{make_client()['id']}"
    first = post(api, {"tags": ["a"]}, path=f"{path}/tags")
    assert api.delete(path).status_code == 200
    expect_replay(first, post(api, {"tags": ["a"]}, path=f"{path}/tags"))


def test_a_body_that_is_none_is_refused_with_a_key_too(api):
    headers = {"Idempotency-Key": "one"}
    kind = "application/json"
    expect_error(api.post("/clients", data=b"{", content_type=kind, headers=headers), 400)
    large = b"x" * 2_000_000
    expect_error(api.post("/clients", data=large, content_type=kind, headers=headers), 413)
    assert post(api, key="one").status_code == 201


def test_what_was_refused_may_be_tried_again_with_the_same_key(api):
    expect_error(post(api, {**PERSON, "email": ""}), 422)
    assert post(api).status_code == 201


def test_an_action_on_a_record_can_be_repeated_too(api, make_client):
    client = make_client()
    path = f"/clients/{client['id']}/tags"
    first = post(api, {"tags": ["a"]}, path=path)
    api.put(path, {"tags": []})
    expect_replay(first, post(api, {"tags": ["a"]}, path=path))
    assert api.get(f"/clients/{client['id']}").get_json()["data"]["tags"] == []


@pytest.mark.parametrize("by", ["parameter", "header"])
def test_a_post_that_is_meant_as_another_method_is_repeated_safely(api, make_client, by):
    # The key was dropped: the second of these was a 404.
    path = f"/clients/{make_client()['id']}"
    override = {"X-HTTP-Method-Override": "DELETE"} if by == "header" else {}
    headers = {"Idempotency-Key": "same", **override}
    body = {} if by == "header" else {"_method": "DELETE"}
    first, again = (api.post(path, body, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json() == first.get_json()
    expect_error(api.post(path, body, headers=override), 404)


def test_other_methods_take_no_notice_of_the_header(api, make_client):
    path = f"/clients/{make_client()['id']}"
    headers = {"Idempotency-Key": "same"}
    for name in ("A", "B"):
        response = api.patch(path, {"client_company_name": name}, headers=headers)
        assert response.get_json()["data"]["company_name"] == name
    assert api.get(path, headers=headers).status_code == 200
    assert api.delete(path, headers=headers).status_code == 200
    expect_error(api.delete(path, headers=headers), 404)


@pytest.mark.parametrize("key", ["", "  ", "x" * 256, "sch\u00f6n", "a\tb"])
def test_a_key_that_can_be_none_is_422(api, key):
    errors = expect_error(post(api, key=key), 422)["errors"]
    assert set(errors) == {"Idempotency-Key"}
    assert total(api) == 0


@pytest.mark.parametrize("key", ["x", "x" * 255, '"4a8e4f5e-2b1c"', "' OR 1=1 --", "%00"])
def test_any_other_key_will_do(api, key):
    first = post(api, key=key)
    assert first.status_code == 201
    expect_replay(first, post(api, key=key))


def age(app, hours):
    """Make the stored answers older."""
    app.database.execute_sql(
        "UPDATE idempotency SET created = "
        f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{hours} hours', '+1 minutes')"
    )


def test_an_answer_is_kept_for_24_hours_and_no_longer(app, api):
    first = post(api)
    age(app, 24)  # but for a minute
    expect_replay(first, post(api))
    app.database.execute_sql(
        "UPDATE idempotency SET created = "
        "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-24 hours', '-1 seconds')"
    )
    expect_error(post(api), 422, email="The email has already been taken.")
    assert post(api, {**PERSON, "email": "b@acme.example"}).status_code == 201
    (count,) = app.database.execute_sql("SELECT COUNT(*) FROM idempotency").fetchone()
    assert count == 1, "what is too old is forgotten"


def test_the_secret_of_a_new_key_is_never_stored(app, api):
    first = post(api, {"name": "mine"}, path="/keys")
    secret = first.get_json()["data"]["key"]
    assert Caller(app, secret).get("/clients").status_code == 200
    second = post(api, {"name": "mine"}, path="/keys")
    assert second.headers["Idempotency-Replayed"] == "true"
    data = first.get_json()["data"]
    del data["key"]
    assert second.get_json()["data"] == data
    assert total(api, "/keys") == 2
    app.database.close()
    for path in Path(app.instance_path).iterdir():
        if path.is_file():
            assert secret.encode() not in path.read_bytes()


def test_a_repeat_needs_a_key_and_its_scope(app, api, anonymous):
    post(api)
    expect_error(post(anonymous), 401)
    expect_error(post(Caller(app, issue_key(app, scope="read"))), 403)


def test_while_the_first_is_running_a_repeat_waits_and_then_is_409(app, api, monkeypatch):
    monkeypatch.setattr("clients_api.web.repeats.WAIT_SECONDS", 0.1)
    prefix = api.key[:11]
    with app.repeats.one_at_a_time(prefix, "one"):
        response = post(api)
        body = expect_error(response, 409)
        assert "still running" in body["message"]
        assert response.headers["Retry-After"]
        assert post(api, {**PERSON, "email": "b@acme.example"}, key="two").status_code == 201
    assert post(api).status_code == 201


def test_a_change_and_its_answer_are_stored_together_or_not_at_all(app, api, monkeypatch):
    def fail(*args):
        raise RuntimeError("the process died")

    with monkeypatch.context() as patch:
        patch.setattr("clients_api.web.repeats.keep", fail)
        response = app.test_client().post(
            "/api/clients",
            json=PERSON,
            headers={"Authorization": f"Bearer {api.key}", "Idempotency-Key": "one"},
        )
        expect_error(response, 500)
    assert total(api) == 0
    assert post(api).status_code == 201


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_one_key_from_32_threads_makes_one_client(start_server, workers):
    server = start_server("--workers", workers, "--threads", "32", RATELIMIT_ENABLED="false")
    answers = []
    start = threading.Barrier(32)
    headers = {
        "Authorization": f"Bearer {server.key}",
        "Idempotency-Key": "the same",
        "Content-Type": "application/json",
    }

    def send():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        start.wait()
        connection.request("POST", "/api/clients", json.dumps(PERSON), headers)
        response = connection.getresponse()
        answers.append(
            (response.status, response.read(), response.headers.get("Idempotency-Replayed"))
        )
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(status, body) for status, body, _ in answers} == {(201, answers[0][1])}
    assert sorted(replayed or "" for *_, replayed in answers) == [""] + ["true"] * 31
    assert server.stop() == 0
