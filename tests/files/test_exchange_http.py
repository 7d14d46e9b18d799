"""Import and export over HTTP."""

from __future__ import annotations

import gzip
import json

import pytest
from conftest import Caller, expect_error, issue_key

from clients_api import signals

HEAD = "first_name,last_name,email,client_company_name\n"
JANE = "Jane,Doe,jane@acme.example,Acme Inc\n"
NDJSON = "application/x-ndjson"
TYPES = f"The body must be text/csv, {NDJSON} or multipart/form-data; say it in Content-Type."


@pytest.fixture
def send(api):
    """Send a file to be imported."""

    def send(data, query="", content_type="text/csv", **options):
        path = f"/clients/import?{query}"
        return api.post(path, data=data, content_type=content_type, **options)

    return send


def count(api):
    return api.get("/clients").get_json()["meta"]["total"]


def test_a_file_is_imported_and_reported(api, send):
    response = send(HEAD + JANE)
    assert response.status_code == 200
    assert response.get_json() == {
        "data": {
            "dry_run": False,
            "created": 1,
            "updated": 0,
            "skipped": 0,
            "failed": 0,
            "categories_created": 0,
            "tags_created": 0,
            "new_categories": [],
            "new_tags": [],
            "errors": [],
        },
        "message": "Clients imported successfully.",
    }
    assert api.get("/clients/1").get_json()["data"]["company_name"] == "Acme Inc"


def test_the_content_type_says_the_format_unless_the_query_does(send):
    line = json.dumps({"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"})
    assert send(line, content_type=NDJSON).get_json()["data"]["created"] == 1
    again = send(line, "format=ndjson&on_conflict=skip", content_type="Text/CSV; charset=utf-8")
    assert again.get_json()["data"]["skipped"] == 1


def test_wrong_rows_are_a_422_that_names_lines_and_columns(api, send):
    response = send(HEAD + JANE + "Kim,Lee,no,\na,b,c,d,e\n")
    expect_error(
        response,
        422,
        **{
            "lines.3.email": "The email must be a valid email address.",
            "lines.4": "The row has 5 cells, but the first line 4.",
        },
    )
    assert count(api) == 0


def test_partial_imports_the_good_rows_and_tells_of_the_bad(api, send):
    data = send(HEAD + "Kim,Lee,no,\n" + JANE, "partial=yes").get_json()["data"]
    assert (data["created"], data["failed"]) == (1, 1)
    message = "The email must be a valid email address."
    assert data["errors"] == [{"line": 2, "column": "email", "message": message}]
    assert count(api) == 1


def test_a_dry_run_answers_as_the_real_run_and_changes_nothing(api, send):
    dry = send(HEAD + JANE, "dry_run=yes").get_json()["data"]
    assert count(api) == 0
    assert dry == {**send(HEAD + JANE, "dry_run=no").get_json()["data"], "dry_run": True}
    first = send(HEAD + JANE, "dry_run=1")
    second = send(HEAD + JANE)
    assert first.get_json() == second.get_json()
    expect_error(second, 422, **{"lines.2.email": "The email has already been taken."})


def test_options_that_are_none_are_refused(send):
    response = send(HEAD, "dry_run=maybe&on_conflict=merge&format=xml&partial=")
    names = ("dry_run", "on_conflict", "format", "partial")
    errors = {name: f"The selected {name.replace('_', ' ')} is invalid." for name in names}
    expect_error(response, 422, **errors)


@pytest.mark.parametrize("misspelt", ["dryrun", "dry-run", "on_conflit", "Partial"])
def test_a_misspelt_option_imports_nothing(api, send, misspelt):
    # It was named in a header, and the file imported.
    message = f"The {misspelt.replace('_', ' ')} parameter is not known here."
    expect_error(send(HEAD + JANE, f"{misspelt}=yes"), 422, **{misspelt: message})
    assert count(api) == 0


def test_a_body_of_another_type_is_415(send):
    message = TYPES
    expect_error(send(HEAD + JANE, content_type="application/json"), 415, message)
    expect_error(send(HEAD + JANE, content_type=None), 415, message)


def test_a_compressed_file_is_415(send):
    message = "The body must not be compressed; leave out Content-Encoding."
    headers = {"Content-Encoding": "gzip"}
    expect_error(send(gzip.compress((HEAD + JANE).encode()), headers=headers), 415, message)


def test_a_file_that_cannot_be_read_is_400(api, send):
    response = send(b"\xff\xff")
    assert expect_error(response, 400)["message"].startswith("Line 1 is not valid UTF-8.")
    expect_error(send(b""), 400, "Line 1 must name the columns.")
    expect_error(
        send(HEAD.replace("email", "mail") + JANE),
        400,
        "There are columns that are not known here: 'mail' (did you mean email?).",
    )
    assert count(api) == 0


def test_a_file_above_the_limit_is_413(make_app):
    app = make_app(MAX_IMPORT_BYTES=1024)
    api = Caller(app, issue_key(app))
    response = api.post("/clients/import", data=HEAD + JANE * 40, content_type="text/csv")
    expect_error(response, 413, "The body may not be larger than 1024 bytes.")


def test_the_scopes_are_write_and_read(app):
    reader = Caller(app, issue_key(app, scope="read"))
    writer = Caller(app, issue_key(app, scope="write"))
    options = {"data": HEAD + JANE, "content_type": "text/csv"}
    expect_error(reader.post("/clients/import", **options), 403)
    assert writer.post("/clients/import", **options).status_code == 200
    assert reader.get("/clients/export").status_code == 200
    expect_error(Caller(app, None).get("/clients/export"), 401)


def test_a_repeat_with_the_same_key_imports_nothing_anew(api, send):
    headers = {"Idempotency-Key": "k"}
    first = send(HEAD + JANE, headers=headers)
    again = send(HEAD + JANE, headers=headers)
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(api) == 1
    expect_error(send(HEAD, headers=headers), 422)


def test_signals_are_sent_once_the_import_is_stored(api, send):
    heard = []

    def created(sender, client):
        heard.append(("created", client["company_name"], count(api)))

    def updated(sender, client):
        heard.append(("updated", client["company_name"], count(api)))

    with (
        signals.client_created.connected_to(created),
        signals.client_updated.connected_to(updated),
    ):
        send(HEAD + JANE, "dry_run=yes")
        send(HEAD + JANE + ",,no,\n")
        assert heard == []
        send(HEAD + JANE + "Jane,Doe,jane@acme.example,Beta\n", "on_conflict=update")
        send(HEAD + JANE, "on_conflict=update")
    # One that a file makes and changes is told once, as it is when all is stored.
    assert heard == [("created", "Beta", 1), ("updated", "Acme Inc", 1)]


def test_an_export_is_a_file(api, make_client):
    make_client(email="jane@acme.example", client_company_name="École")
    response = api.get("/clients/export")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == "attachment; filename=clients.csv"
    head, line = response.get_data(as_text=True).splitlines()
    assert head.startswith("id,first_name,last_name,email,client_company_name,")
    assert line.startswith("1,Jane,Doe,jane@acme.example,École,")
    response = api.get("/clients/export?format=ndjson")
    assert response.mimetype == NDJSON
    assert json.loads(response.data)["email"] == "jane@acme.example"


def test_an_export_takes_the_filters_of_the_list(api, make_client):
    api.post("/custom-fields", {"title": "Level", "name": "level", "type": "number"})
    make_client(client_company_name="Acme", tags=["a"], level=1)
    make_client(client_company_name="Beta", tags=["a", "b"], level=2)

    def names(query):
        lines = api.get(f"/clients/export?format=ndjson&{query}").data.splitlines()
        return [json.loads(line)["client_company_name"] for line in lines]

    assert names("") == ["Acme", "Beta"]
    assert names("search=ACM") == ["Acme"]
    assert names("tag=a&tag=b") == ["Beta"]
    assert names("level=2") == ["Beta"]
    assert names("status=suspended") == []
    assert names("category_id=2&created_after=2020-01-01") == ["Acme", "Beta"]
    expect_error(api.get("/clients/export?status=maybe"), 422)
    expect_error(api.get("/clients/export?format=xml"), 422)


@pytest.mark.parametrize("misspelt", ["page", "sort", "Status", "statu", "x[]"])
def test_a_misspelt_filter_exports_nothing(api, make_client, misspelt):
    # It was named in a header, which whoever keeps the file does not see, and all was exported.
    make_client()
    message = f"The {misspelt.removesuffix('[]')} parameter is not known here."
    answer = api.get(f"/clients/export?{misspelt}=1")
    expect_error(answer, 422, **{misspelt.removesuffix("[]"): message})


def test_what_is_exported_over_http_is_imported_over_http(api, send, make_client):
    make_client(client_description="=1\r\n2", tags=["a;b"])
    data = api.get("/clients/export").data
    api.delete("/clients/1")
    assert send(data).get_json()["data"]["created"] == 1
    assert api.get("/clients/export").data == data.replace(b"\n1,", b"\n2,")


@pytest.mark.file("the log beside it")
def test_an_export_that_is_broken_off_lets_go_of_its_snapshot(app, api, make_client):
    def is_held():
        sql = "PRAGMA wal_checkpoint(PASSIVE)"
        _, pages, done = app.database.execute_sql(sql).fetchone()
        return done < pages

    make_client()
    response = api.call("GET", "/clients/export", buffered=False)
    make_client()
    assert is_held()
    response.close()
    assert not is_held()


def test_an_export_that_cannot_begin_is_an_error_of_the_one_shape(app, api):
    app.database.execute_sql("ALTER TABLE custom_field RENAME TO gone")
    headers = {"Authorization": f"Bearer {api.key}"}
    response = app.test_client().get("/api/clients/export", headers=headers)
    expect_error(response, 500)
    app.database.execute_sql("ALTER TABLE gone RENAME TO custom_field")


def test_the_head_of_an_export_can_be_asked_for(api):
    response = api.call("HEAD", "/clients/export")
    assert (response.status_code, response.mimetype, response.data) == (200, "text/csv", b"")


def test_each_path_has_one_method(api):
    expect_error(api.get("/clients/import"), 405, "Method not allowed.")
    expect_error(api.post("/clients/export"), 405, "Method not allowed.")


def test_both_calls_are_documented(api):
    api.post("/custom-fields", {"title": "Level", "name": "level", "type": "number"})
    paths = api.get("/openapi.json").get_json()["paths"]
    operation = paths["/api/clients/export"]["get"]
    names = {parameter.get("name") for parameter in operation["parameters"]}
    assert {"format", "status", "search", "tag", "level"} <= names
    assert not {"page", "limit", "cursor", "sort", "order", "include"} & names
    assert set(operation["responses"]["200"]["content"]) == {"text/csv", NDJSON}
    operation = paths["/api/clients/import"]["post"]
    assert set(operation["requestBody"]["content"]) == {"text/csv", NDJSON, "multipart/form-data"}
    assert "jane@acme.example" in operation["requestBody"]["content"]["text/csv"]["example"]
    assert set(operation["responses"]["200"]["content"]) == {"application/json"}


def test_an_export_says_of_which_place_in_the_log_it_is(api, make_client):
    make_client()
    newest = api.get("/events?after=now").get_json()["meta"]["next"]
    response = api.get("/clients/export")
    assert response.headers["Event-Position"] == newest
    make_client()
    assert len(api.get(f"/events?after={newest}").get_json()["data"]) == 2
