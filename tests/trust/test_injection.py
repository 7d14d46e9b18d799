"""What callers say is data: it is never read as SQL, markup, a formula, a header or a path."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import Caller, expect_error, issue_key
from test_contract_walk import GUARDED, path_of

from clients_api import config
from clients_api.mail.delivery import deliver
from clients_api.models import Mail
from clients_api.models.engines.current import using
from clients_api.web.operation import Operation

CLIENT = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}

SQL = [
    "' OR '1'='1",
    '" OR ""="',
    "1) OR (1=1",
    "x' UNION SELECT hash, hash, hash FROM api_key --",
    "'; DROP TABLE client; --",
]
# What LIKE and FTS5 would read as more than text; no record has it in its name.
PATTERNS = [
    *("%", "_", "%acme%", "a_me", "acm*", "*", "^acme", '"acme', 'acme"', '""', "acme OR retail"),
    *("NOT xyz", "acme AND inc", "NEAR(acme inc)", "NEAR(acme inc, 5)", "acme NEAR inc"),
    *("name_key:acme", "{name_key}:acme", "- name_key:acme", "acme + inc", "(acme)", "\\acme"),
    *("[a]cme", "?", "?1", ":name", "@name", "$name"),
]
FORMULAS = [
    '=HYPERLINK("http://evil.example")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "'=1+1",
    "''=1+1",
    "=cmd|' /C calc'!A0",
    "x;=1+1;y",
    "x\n=1+1;'=2\n\r-3",
    ";'=1+1",
    "\uff1d1+1",
]
MARKUP = "<script>alert(1)</script>"
TEMPLATES = "{{7*7}} {base} {0} {name.__class__} ${7*7} <%= 7*7 %> %(name)s %s"
LINES = "x\r\nSet-Cookie: a=b\r\n\r\n<b>"


def operations(app):
    """Return each rule with the operation behind it."""
    found = [(rule.rule, app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()]
    return [(rule.removeprefix("/api"), it) for rule, it in found if isinstance(it, Operation)]


def counts(app):
    """Return how many rows each table has."""
    connection = app.database.connection()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() for (name,) in tables
    }


@pytest.fixture
def world(app, api, make_client):
    """One record or more of each kind; return the application that holds them."""
    api.post("/custom-fields", {"title": "Code", "type": "text", "name": "code"})
    make_client(client_company_name="Acme Inc", tags=["acme"], code="acme")
    api.post("/categories", {"category_name": "Acme retail", "category_type": "client"})
    api.post("/team", {**CLIENT, "email": "acme@crm.example", "role_id": 3})
    return app


# SQL


def test_no_parameter_of_a_query_is_read_as_sql(world, api):
    before = counts(world)
    asked = 0
    for path, operation in operations(world):
        if operation.method != "GET":
            continue
        custom = ["code"] if operation.query.takes_custom_fields else []
        for name in [*operation.query.parameters, *custom]:
            for text in SQL:
                response = api.get(path_of(path), query_string={name: text})
                assert response.status_code in (200, 404, 422), (path, name, text)
                if response.status_code == 200 and response.mimetype == "application/json":
                    assert response.get_json()["data"] == [], (path, name, text)
                asked += 1
    assert asked > 200
    assert counts(world) == before


def test_no_parameter_of_a_body_is_read_as_sql(world, api):
    before = counts(world)
    asked = 0
    for path, operation in operations(world):
        path = path_of(path.replace("<id:id>", "2" if "categories" in path else "1"))
        for name in operation.body.parameters:
            for text in SQL:
                response = api.call(operation.method, path, json={name: text})
                assert response.status_code in (200, 201, 404, 422), (path, name, text)
                asked += 1
    assert asked > 200
    after = counts(world)
    assert after.keys() == before.keys()
    for table in ("client", "user", "category", "custom_field", "api_key"):
        assert after[table] >= before[table] > (0,), table


def test_sql_in_a_text_is_stored_as_it_is(api):
    texts = ["client_company_name", "client_description", "client_phone", "client_vat"]
    for number, text in enumerate(SQL):
        body = {**CLIENT, "email": f"jane{number}@acme.example", "tags": [text], "last_name": text}
        made = api.post("/clients", {**body, **dict.fromkeys(texts, text)}).get_json()["data"]
        shown = [made["company_name"], made["description"], made["phone"], made["vat"]]
        assert [*shown, *made["tags"]] == [text] * 5
        assert made["owner"]["name"] == f"Jane {text}"
        found = api.get("/clients", query_string={"search": text}).get_json()["data"]
        assert [client["id"] for client in found] == [made["id"]]


@pytest.mark.parametrize(("method", "rule"), [r for r in GUARDED if "<id:id>" in r[1]])
def test_no_id_is_read_as_sql(shared_api, method, rule):
    for text in ("1 OR 1=1", "1;DROP TABLE client", "1'--", "1)--", "0x1", "1e0", "+1", "1.0"):
        path = path_of(rule.replace("<id:id>", quote(text)))
        assert shared_api.call(method, path).status_code == 404, path


@pytest.mark.parametrize(
    "text",
    [
        *SQL,
        "id",
        "client.id",
        "rowid",
        "client_created DESC",
        "client_created, id",
        "client_created; DROP TABLE client",
        "(SELECT hash FROM api_key)",
        "CLIENT_CREATED",
        "1",
    ],
)
@pytest.mark.parametrize("path", ["/clients", "/contacts", "/categories", "/team", "/tags"])
def test_no_sort_or_order_is_read_as_sql(shared_api, path, text):
    for name in ("sort", "order"):
        expect_error(shared_api.get(path, query_string={name: text}), 422)


def test_no_name_of_a_custom_field_is_read_as_sql(api):
    for name in (*SQL, "a b", "a-b", 'a"b', "a'b", "a;b", "a.b", "A", "1a", "a)", "a\x00"):
        body = {"title": "T", "type": "text", "name": name}
        assert expect_error(api.post("/custom-fields", body), 422)["errors"]["name"]


@pytest.mark.parametrize("path", ["/clients", "/contacts", "/categories", "/team", "/tags"])
def test_no_search_is_a_pattern(world, api, path):
    assert api.get(f"{path}?search=acme").get_json()["data"]
    for text in PATTERNS:
        response = api.get(path, query_string={"search": text})
        assert response.status_code == 200, text
        assert response.get_json()["data"] == [], text


# Formulas


def test_no_cell_of_an_export_is_a_formula_and_import_restores_each(world, api, make_app):
    texts = ["client_description", "client_vat", "client_billing_street", "code", "first_name"]
    for number, text in enumerate(FORMULAS):
        body = {**CLIENT, "email": f"cell{number}@acme.example", "tags": [text]}
        response = api.post("/clients", {**body, **dict.fromkeys(texts, text)})
        assert response.status_code == 201, response.get_json()
    data = api.get("/clients/export?format=csv").get_data()
    for row in csv.reader(io.StringIO(data.decode(), newline="")):
        for part in re.split("[;\r\n]", "\n".join(row)):
            assert not part.startswith(("=", "+", "-", "@", "\t", "\uff1d")), row
    other = make_app()
    caller = Caller(other, issue_key(other))
    caller.post("/custom-fields", {"title": "Code", "type": "text", "name": "code"})
    response = caller.call("POST", "/clients/import", data=data, content_type="text/csv")
    assert response.status_code == 200, response.get_json()
    shown = [
        [
            (client["description"], client["vat"], client["owner"]["name"], client["tags"])
            for client in each.get("/clients?order=asc&include=contacts").get_json()["data"]
        ]
        for each in (api, caller)
    ]
    assert shown[0] == shown[1]
    assert [row[0] for row in shown[1]][1:] == FORMULAS


# Headers, of mail and of answers


@pytest.mark.parametrize("text", [LINES, "=?utf-8?q?=0D=0ABcc=3A_eve=40evil.example?=", TEMPLATES])
def test_no_name_in_a_request_adds_a_header_to_a_mail(app, api, text):
    body = {**CLIENT, "first_name": text, "client_company_name": text + MARKUP}
    assert api.post("/clients", {**body, "send_email": "yes"}).status_code == 201
    with using(app.database):
        assert [error for _, error in deliver(app.config, Mail.due_ids())] == [None]
    (file,) = Path(app.instance_path, "mail").glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert [address.addr_spec for address in message["To"].addresses] == [CLIENT["email"]]
    assert not {"Bcc", "Cc", "Set-Cookie"} & set(message.keys())
    assert MARKUP not in message.get_body(("html",)).get_content()
    if text == TEMPLATES:
        assert TEMPLATES in message.get_body(("plain",)).get_content().replace("\n", " ")


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nBcc: x@y",
        "a@b\nx",
        "a\x00@b",
        "a\x1b@b",
        "=?utf-8?q?=0A?=@b,x@y",
        "a@b>",
        "A\nBcc: x@y <a@b>",
        "A\r <a@b>",
        "A\u2028B <a@b>",
        "A\x85B <a@b>",
        "A\udc80 <a@b>",
        '"A\nBcc: x@y" <a@b>',
        "A <a@b>\n",
        "A <a@b> <c@d>",
    ],
)
def test_no_setting_adds_a_header_to_a_mail(tmp_path, address):
    with pytest.raises(config.BadSetting):
        config.load(tmp_path, {"MAIL_FROM": address})


FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Original-URL": "/evil.example",
    "X-Rewrite-URL": "/evil.example",
    "Forwarded": "host=evil.example",
}


def test_no_answer_follows_what_anybody_says_of_the_host(api):
    made = api.post("/clients", CLIENT, headers=FORGED)
    assert made.headers["Location"] == "http://localhost/api/clients/1"
    for path in ("/clients?limit=1", "/clients/1", "/openapi.json", "/nothing", "/docs"):
        response = api.get(path, headers=FORGED)
        assert "evil" not in str(response.headers) + response.get_data(as_text=True), path


def test_with_a_public_url_no_answer_follows_a_forged_host_either(make_app):
    app = make_app(PUBLIC_URL="https://acme.example", TRUSTED_PROXIES=1)
    api = Caller(app, issue_key(app))
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    made = api.post("/clients", CLIENT, headers=forged)
    assert made.headers["Location"] == "https://acme.example/api/clients/1"
    for path in ("/clients?limit=1", "/clients/1", "/openapi.json", "/nothing", "/docs"):
        response = api.get(path, headers=forged)
        assert "evil" not in str(response.headers) + response.get_data(as_text=True), path


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        'a"b',
        "a>, <http://evil.example",
        "a/b",
        "u@a",
        "a?b",
        "a#b",
        "[::1",
        "a:b",
        "a\\b",
        "a:999999",
        "é.example",
        "a%2f",
        "a;b",
        "x" * 300,
    ],
)
def test_a_host_that_is_none_is_refused(api, host):
    # It would break the header that it got into, or lead elsewhere.
    overrides = {"HTTP_HOST": host.encode().decode("latin-1")}
    expect_error(api.post("/clients", CLIENT, environ_overrides=overrides), 400)
    response = api.get("/clients", environ_overrides=overrides)
    assert expect_error(response, 400) and "Link" not in response.headers
    assert api.get("/clients").get_json()["data"] == []


@pytest.mark.parametrize("header", ["HTTP_X_REQUEST_ID", "HTTP_ORIGIN", "HTTP_IDEMPOTENCY_KEY"])
def test_no_header_of_a_request_adds_one_to_the_answer(make_app, header):
    app = make_app(CORS_ORIGINS="https://app.example")
    api = Caller(app, issue_key(app))
    for text in (LINES, "x\nSet-Cookie: a=b", "\x1b[31m", "https://app.example\r\nSet-Cookie: a"):
        response = api.post("/clients", CLIENT, environ_overrides={header: text})
        assert "Set-Cookie" not in response.headers
        assert all(value.isprintable() for _, value in response.headers)


@pytest.mark.parametrize("path", ["/clients?{0}=1", "/clients/{0}", "/clients/1/tags/{0}", "/{0}"])
def test_no_path_or_query_adds_a_header_to_the_answer(api, make_client, path):
    make_client()
    for method in ("GET", "POST", "DELETE"):
        response = api.call(method, path.format(quote(LINES, safe="")))
        assert "Set-Cookie" not in response.headers
        assert all(value.isprintable() for _, value in response.headers)


# Addresses


def test_no_address_that_a_caller_gives_is_called(api):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        texts = ["client_website", "client_description", "client_company_name", "first_name"]
        body = {**CLIENT, **dict.fromkeys(texts, url), "send_email": "yes", "tags": [url]}
        assert api.post("/clients", body).get_json()["data"]["website"] == url
        api.get("/clients", query_string={"search": url}, headers={"Referer": url, "Origin": url})
        data = f"first_name,last_name,email,client_website\na,b,c@acme.example,{url}\n"
        response = api.call("POST", "/clients/import", data=data, content_type="text/csv")
        assert response.status_code == 200
        with using(api.app.database):
            assert [error for _, error in deliver(api.app.config, Mail.due_ids())] == [None]
        with pytest.raises(TimeoutError):
            listener.accept()


# Markup, templates and paths


@pytest.mark.parametrize("path", ["/", "/api/docs"])
def test_no_page_has_in_it_what_a_caller_says(app, path):
    client = app.test_client()
    options = {"query_string": {"x": MARKUP}, "headers": {"User-Agent": MARKUP, "Referer": MARKUP}}
    plain = client.get(path).get_data()
    assert client.get(path, **options).get_data() == plain
    for host in (MARKUP, '"><img src=x onerror=alert(1)>', "{{7*7}}.example", "{version}"):
        html = client.get(path, headers={"Host": host}).get_data(as_text=True)
        assert MARKUP not in html and "<img src=x" not in html
        assert "49.example" not in html


def test_markup_in_a_record_is_never_an_answer_that_a_browser_would_run(api):
    body = {**CLIENT, "client_company_name": MARKUP, "tags": [MARKUP]}
    assert api.post("/clients", body).status_code == 201
    api.post("/custom-fields", {"title": f"</script>{MARKUP}", "type": "text"})
    for path in (
        "/clients",
        "/clients/1",
        "/tags",
        "/openapi.json",
        f"/{MARKUP}",
        "/custom-fields",
    ):
        response = api.get(path, headers={"Accept": "text/html"})
        assert response.mimetype == "application/json"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_templates_in_a_record_are_text(api):
    made = api.post("/clients", {**CLIENT, "client_description": TEMPLATES}).get_json()["data"]
    assert made["description"] == TEMPLATES


@pytest.mark.parametrize(
    "name",
    [
        "../config.py",
        "..%2fconfig.py",
        "%2e%2e/config.py",
        "%2e%2e%2fconfig.py",
        "..%5cconfig.py",
        "....//config.py",
        "%252e%252e%252fconfig.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "docs.js/../../config.py",
        "docs.js%00.png",
        "docs.html",
        "landing.html",
        "C:%5cwindows%5cwin.ini",
        "",
        ".",
        "%",
    ],
)
def test_no_path_leads_out_of_the_files_of_the_pages(api, name):
    response = api.get(f"/docs/{name}")
    if response.status_code == 200:  # `docs/` is `docs`
        assert response.mimetype == "text/html" and name in ("", ".")
    else:
        assert response.status_code == 404


# The log is in test_logs.py, parameter names in answers' headers in test_bodies.py.


def test_a_message_that_names_what_a_caller_said_is_json(api):
    for text in (MARKUP, '"}', "\u2028", LINES):
        response = api.call("POST", "/clients", data=text.encode(), content_type="application/json")
        assert set(json.loads(response.get_data())) == {"message"}
