"""The filter `q`: words, each of which is found in what is known of the client."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from conftest import ROOT, expect_error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_search_random import EXAMPLES, by_cursor, by_number

from clients_api.commands.cli import cli
from clients_api.models import Client, Contact, Tag
from clients_api.models.engines import indexing
from clients_api.models.engines.current import using
from clients_api.models.queries.folding import plain
from clients_api.upkeep import checking

ACME = {
    "first_name": "Jürgen",
    "last_name": "Łęcki",
    "email": "jl@bücher.example",
    "client_company_name": "Acme Größe",
    "client_description": "Key account, 24-7.\nSeit 2019 " + "lang " * 5000 + "am Ende Schluß",
    "client_phone": "+49 (221) 555-0100",
    "client_website": "https://acme.example/shop",
    "client_vat": "DE123456789",
    "client_billing_city": "Köln",
    "tags": ["VIP Kunde", "東京"],
}


@pytest.fixture
def ask(api):
    def ids(q: str, **query) -> list[int]:
        answer = api.get("/clients", query_string={"q": q, **query})
        assert answer.status_code == 200, answer.get_json()
        body = answer.get_json()
        assert body["meta"]["total"] == len(body["data"])
        return sorted(client["id"] for client in body["data"])

    return ids


def faults(app):
    return checking._search_faults(app.database)


def test_what_is_indexed_by_the_hundreds_is_indexed_once(app):
    # The row that filled a hundred was in the index twice, and stayed in it when it was gone.
    with using(app.database):
        for number in range(2 * indexing.AT_ONCE + 10):
            names = {"first_name": f"N{number}", "last_name": "X", "company_name": f"N{number}"}
            with app.database.writing():
                id = Client.register(email=f"n{number}@acme.example", **names)["id"]
            if number % 3 == 0 or id % indexing.AT_ONCE == 0:
                with app.database.writing():
                    Client.remove(id)
            if id % 100 == 0 or id % indexing.AT_ONCE in (0, 1):
                assert faults(app) == []
        assert Client.matching(q=f"n{indexing.AT_ONCE - 1}").total() == 0  # whose id that is
        assert Client.matching(q=f"n{indexing.AT_ONCE}").total() == 1


def test_many_rows_are_indexed_at_once_and_right(app, api):
    """New ones, those that change twice in a file, and those that were there; or none at all."""
    rows = [ACME | {"email": f"{n}@a.example", "client_vat": f"V{n}"} for n in range(300)]
    assert len(rows) > indexing.AT_ONCE
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    before = app.database.execute_sql(triggers).fetchall()
    for city, query, in_bonn in (("Köln", "", 0), ("Bonn", "&dry_run=yes", 0), ("Bonn", "", 300)):
        lines = [json.dumps(row | {"client_billing_city": city}) for row in rows]
        other = {"client_company_name": "Zebra", "status": "suspended", "client_billing_city": "X"}
        answer = api.post(
            f"/clients/import?format=ndjson&on_conflict=update{query}",
            data="\n".join([*lines, json.dumps(rows[290] | other)]),
            content_type="application/x-ndjson",
        )
        assert answer.status_code == 200, answer.get_json()
        with using(app.database):
            assert faults(app) == checking._total_faults(app.database) == []
            assert Client.matching(q="zebra v290").total() == 1
            assert Client.matching(search="zebra").total() == 1
            assert Client.matching(status="suspended").total() == 1
            assert Client.matching(q="bonn").total() == in_bonn
        assert app.database.execute_sql(triggers).fetchall() == before
        if not query:
            rows.append(ACME | {"email": "more@a.example"})


def test_each_word_is_found_in_what_is_known(api, make_client, ask):
    id = make_client(**ACME)["id"]
    other = make_client(client_company_name="Acme Other")["id"]
    for q in (
        "grosse", "acme größe", "GRÖSSE acme", "Köln jurgen", "lecki", "jl@bücher.example",
        "xn--bcher-kva", "bucher", "vip", "kunde vip", "東京", "東", "de123456789", "shop",
        "koln", "24-7", "247", "2019", "5550100", "555-0100", "(221)", "49221555",
        "+49 221 555 0100", "221", "acme.example/shop", "schluß", "acme k", "n gr",
        "seit koln vip jl@",
    ):  # fmt: skip
        assert ask(q) == [id], q
    for q in ("acme", "AC", "a", "a c m e"):
        assert ask(q) == [id, other], q
    for q in ("nobody", "acme nobody", "koln other", "5550101", "%", "zz", "acme zz", "x" * 500):
        assert ask(q) == [], q
    assert ask("") == ask("  ") == [id, other]


def test_words_find_what_the_documentation_says(make_client, ask):
    text = (ROOT / "docs/calls.md").read_text().partition("find clients by words")[2]
    table = text.partition("| `q` |")[2].partition("##")[0]
    make_client(client_company_name="Other", first_name="Ann", email="ann@other.example")
    documented = make_client(
        first_name="Jürgen",
        last_name="Łęcki",
        email="jl@bücher.example",
        client_company_name="Café Größe",
        client_phone="+49 (221) 555-0100",
        client_vat="DE123456789",
        client_billing_city="Köln",
        tags=["key account"],
    )
    questions = re.findall(r"`([^`]+)`", table)
    assert len(questions) >= 8
    for q in questions:
        assert ask(q) == [documented["id"]], q


def test_words_are_one_filter_among_others(make_client, api, ask):
    first, second = (
        make_client(client_company_name=f"Firma {t}", client_billing_city="Köln", tags=[t])["id"]
        for t in "ab"
    )
    api.put(f"/clients/{second}/status", {"status": "suspended"})
    assert ask("koln", status="suspended") == [second]
    assert ask("koln", tag="a") == [first]
    assert ask("koln a", search="firma a") == [first]
    assert ask("ko", search="a", status="active") == [first]
    assert ask("nobody", search="firma a") == []


def test_too_many_characters_are_refused(api):
    answer = api.get(f"/clients?q={'a ' * 250}b")
    expect_error(answer, 422, q="The q may not be greater than 500 characters.")


def test_whatever_changes_is_found_as_it_is_now(app, api, make_client, ask):
    """Where it is indexed, and before."""
    for is_indexed in (False, True):
        client = make_client(**ACME)
        if is_indexed:
            with app.database.atomic():
                indexing.index_texts(app.database)
        id, owner = client["id"], client["owner"]["id"]
        name = {"client_company_name": "Zebra"}
        api.patch(f"/clients/{id}", name | {"client_billing_city": "Bonn"})
        assert (ask("koln"), ask("bonn"), ask("shop")) == ([], [id], [id])
        api.patch(f"/clients/{id}", name | {"client_website": "", "client_phone": "030 1"})
        assert (ask("shop"), ask("5550100"), ask("0301 bonn")) == ([], [], [id])
        person = {"first_name": "Ada", "last_name": "Byron", "email": "ada@x.example"}
        api.patch(f"/contacts/{owner}", person)
        assert (ask("lecki"), ask("bücher"), ask("ada byron @x.ex")) == ([], [], [id])
        contact = api.post("/contacts", person | {"email": "c@y.example", "clientid": id})
        assert ask("c@y.") == [id]
        api.delete(f"/contacts/{contact.get_json()['data']['id']}")
        assert ask("c@y.") == []
        (tag,) = [t["id"] for t in api.get("/tags?search=vip").get_json()["data"]]
        api.patch(f"/tags/{tag}", {"title": "Gold"})
        assert (ask("vip"), ask("gold")) == ([], [id])
        api.put(f"/clients/{id}/tags", {"tags": ["Silver"]})
        assert (ask("gold"), ask("silver")) == ([], [id])
        other = make_client(tags=["Platinum"])["id"]
        (platinum,) = [t["id"] for t in api.get("/tags?search=platinum").get_json()["data"]]
        api.patch(f"/tags/{platinum}", {"title": "silver"})  # merges the two
        assert (ask("platinum"), ask("silver")) == ([], [id, other])
        (silver,) = [t["id"] for t in api.get("/tags?search=silver").get_json()["data"]]
        api.delete(f"/tags/{silver}")
        assert ask("silver") == []
        api.delete(f"/clients/{id}")
        api.delete(f"/clients/{other}")
        assert ask("ada") == ask("zebra") == []


def test_a_contact_that_is_promoted_is_found_with_its_client(api, ask):
    person = {"first_name": "Ada", "last_name": "Byron", "email": "ada@x.example"}
    api.post("/contacts", person | {"type": "contact", "phone": "555 777"})
    assert ask("byron") == []
    client = api.post("/clients", person | {"last_name": "King", "client_company_name": "Z"})
    id = client.get_json()["data"]["id"]
    assert (ask("byron"), ask("king 555777")) == ([], [id])


def test_team_members_are_no_users_of_clients(api, make_client, ask):
    make_client()
    person = {"first_name": "Ada", "last_name": "Byron", "email": "ada@x.example", "role_id": 3}
    api.post("/team", person)
    assert ask("byron") == []


def test_imported_clients_are_found_and_exported_by_words(api, app, ask):
    row = json.dumps(ACME)
    query = "format=ndjson&on_conflict=update"
    for city in ("Köln", "Bonn"):
        row = json.dumps(ACME | {"client_billing_city": city})
        answer = api.post(f"/clients/import?{query}", data=row, content_type="application/x-ndjson")
        assert answer.status_code == 200
    assert (ask("koln"), ask("bonn lecki")) == ([], [1])
    for q, lines in (("bonn+5550100", 1), ("koln", 0)):
        exported = api.get(f"/clients/export?format=ndjson&q={q}").get_data(as_text=True)
        assert exported.count("\n") == lines
        command = ["export", "-", "--format", "ndjson", "--q", q.replace("+", " ")]
        assert CliRunner().invoke(cli, command, obj=app).stdout == exported


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO client_words (rowid, text) VALUES (1, 'some other')",
        "UPDATE client_words_text SET text = 'some other' WHERE id = 1",
        "UPDATE client_words_gram SET count = count + 1 WHERE gram = 'ac'",
        "UPDATE client_words_new SET text = 'some other'",
        "DELETE FROM client_words_new",
    ],
)
def test_an_index_of_words_that_differs_is_found_and_repaired(app, make_client, ask, statement):
    make_client()
    with app.database.atomic():
        indexing.index_texts(app.database)
    last = make_client(**ACME)["id"]  # which is not indexed
    app.database.execute_sql(statement)
    result = CliRunner().invoke(cli, ["check"], obj=app)
    assert result.exit_code == 1
    fault = "search index: differs from the words of the clients and their users"
    assert fault in result.stdout
    assert CliRunner().invoke(cli, ["check", "--repair"], obj=app).exit_code == 0
    assert CliRunner().invoke(cli, ["check"], obj=app).exit_code == 0
    assert ask("lecki") == [last]


WORDS = st.sampled_from(
    (
        "nova",
        "Növa",
        "no",
        "a",
        "systems",
        "Łódź",
        "x@a.example",
        "555-01",
        "1",
        "東京",
        "東",
        "vip",
    ),
)
TEXTS = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
FIELDS = ("company_name", "description", "website", "vat", "billing_city", "phone")
ROWS = st.fixed_dictionaries(
    {"company_name": TEXTS}, optional={name: TEXTS for name in (*FIELDS[1:], "user", "tag")}
)


def has(row: dict[str, str], word: str) -> bool:
    """Say with Python alone whether a client has a word."""
    digits = re.sub("[^0-9]", "", word)
    is_number = re.fullmatch("[-0-9]+", word) is not None
    for name, text in row.items():
        if name != "phone" and plain(word) in plain(text):
            return True
        if is_number and digits in (
            re.sub("[^0-9]", "", text) if name == "phone" else re.sub("(?<=[0-9])-", "", text)
        ):
            return True
    return False


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(ROWS, min_size=5, max_size=15), st.lists(TEXTS, min_size=1, max_size=4))
def test_any_words_find_what_python_finds(app, rows, questions):
    model: dict[int, dict[str, str]] = {}
    with using(app.database):
        with app.database.atomic():
            Client.delete().execute()
            Tag.delete().execute()
        for number, row in enumerate(rows):
            columns = {name: row[name] for name in FIELDS if name in row}
            with app.database.atomic():
                tags = [row["tag"]] if "tag" in row else []
                id = Client.register_ownerless(**columns, tags=tags)["id"]
                if "user" in row:
                    email = f"{number}x@y.example"
                    names = {"first_name": row["user"], "last_name": "-"}
                    Contact.create(**names, email=email, client_id=id)
                    row = row | {"mail": email}
            model[id] = row
        if len(rows) % 2:
            with app.database.atomic():
                indexing.index_texts(app.database)
        for q in questions:
            expected = sorted(
                id for id, row in model.items() if all(has(row, word) for word in q.split())
            )
            selection = Client.matching(q=q)
            assert selection.total() == len(expected), q
            assert [row[0] for row in selection.stream()] == expected
            how = {"sort": "id", "descending": False}
            for limit in (1, 3, 100):
                assert by_number(selection, limit, **how) == expected
                assert by_cursor(selection, limit, **how) == expected


def test_many_are_found_by_walking_and_by_looking_up(app):
    with using(app.database):
        with app.database.atomic():
            for number in range(700):
                city = "Köln" if number % 7 else "Bonn"
                Client.register_ownerless(company_name=f"Name {number}", billing_city=city)
        for q, hits in (
            ("koln", 600),
            ("ko", 600),
            ("name koln 6", 226),
            ("k n", 600),
            ("bonn", 100),
        ):
            for filters in ({}, {"status": "active"}):
                found = Client.matching(q=q, **filters)
                how = {"sort": "created", "descending": True}
                ids = [row[0] for row in found.page(**how, limit=700, offset=0)]
                assert found.total() == len(ids)
                assert hits in (len(ids), 226)
                for offset in (0, 50, len(ids) - 7):
                    part = found.page(**how, limit=7, offset=offset, total=len(ids))
                    assert [row[0] for row in part] == ids[offset : offset + 7]
