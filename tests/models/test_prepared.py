"""A prepared query is composed once, and only values are bound after."""

from __future__ import annotations

import threading

import peewee
import pytest
from conftest import Caller, issue_key

from clients_api.models.engines.current import using
from clients_api.models.queries.prepared import Prepared, compose_all, prepared


class Word(peewee.Model):
    text = peewee.TextField()
    length = peewee.IntegerField()


@pytest.fixture
def words():
    database = peewee.SqliteDatabase(":memory:")
    with using(database), Word.bind_ctx(database):
        database.create_tables([Word])
        for text in ("a", "bb", "cc", "ddd"):
            Word.create(text=text, length=len(text))
        yield database
        database.close()


def counting(compose):
    """Return a prepared query, and the list of its composings."""
    calls = []

    def counted(*values, **shape):
        calls.append((len(values), shape))
        return compose(*values, **shape)

    return Prepared(counted), calls


def by_length(low, high):
    return Word.select(Word.text).where(Word.length.between(low, high)).order_by(Word.id)


def test_a_query_is_composed_once_and_values_are_bound_after(words):
    query, composed = counting(by_length)
    assert composed == [], "not before it is used"
    assert query.all(1, 1) == [("a",)]
    assert query.all(2, 3) == [("bb",), ("cc",), ("ddd",)]
    assert query.all(9, 9) == []
    assert query.one(2, 2) == ("bb",)
    assert query.scalar(3, 3) == "ddd"
    assert query.scalar(9, 9) is None
    assert query.one(9, 9) is None
    assert composed == [(2, {})]


def test_what_has_one_shape_can_be_composed_before_it_is_used(words):
    query, composed = counting(by_length)
    fixed = Prepared(lambda low, high: query._compose(low, high))
    compose_all()
    assert composed == [(2, {})]
    assert fixed.all(1, 1) == [("a",)]
    assert composed == [(2, {})]


def test_values_are_bound_and_never_part_of_the_sql(words):
    query = prepared(lambda text: Word.select(Word.length).where(Word.text == text))
    assert query.all("x' OR '1'='1") == []
    assert query.all('"; DROP TABLE word; --') == []
    assert query.scalar("bb") == 2


def test_a_value_may_be_used_in_several_places_and_beside_constants(words):
    query = prepared(
        lambda n, text: Word.select(Word.text).where(
            ((Word.length == n) | (Word.text == text)) & (Word.length > 0) & (Word.id != n)
        )
    )
    assert query.all(1, "bb") == [("bb",)]
    assert query.all(2, "ddd") == [("cc",), ("ddd",)]


def test_shapes_are_kept_apart(words):
    def compose(low, *, descending, columns):
        key = Word.id.desc() if descending else Word.id
        picked = [getattr(Word, name) for name in columns]
        return Word.select(*picked).where(Word.length >= low).order_by(key)

    query, composed = counting(compose)
    up = {"descending": False, "columns": ("text",)}
    down = {"descending": True, "columns": ("text", "length")}
    for _ in range(3):
        assert query.all(3, **up) == [("ddd",)]
        assert query.all(2, **down) == [("ddd", 3), ("cc", 2), ("bb", 2)]
        assert query.all(2, **up) == [("bb",), ("cc",), ("ddd",)]
    assert composed == [(1, up), (1, down)]


def test_another_number_of_values_is_another_query(words):
    query, composed = counting(lambda *texts: Word.select(Word.id).where(Word.text.in_(texts)))
    assert query.all("a") == [(1,)]
    assert query.all("a", "ddd") == [(1,), (4,)]
    assert query.all("cc") == [(3,)]
    assert composed == [(1, {}), (2, {})]


def test_writes_are_prepared_too(words):
    query, composed = counting(lambda text, id: Word.update({Word.text: text}).where(Word.id == id))
    assert query("x", 1).rowcount == 1
    assert query("y", 99).rowcount == 0
    assert Word.get_by_id(1).text == "x"
    assert composed == [(2, {})]


def test_a_query_runs_on_the_database_that_is_current(words):
    query, composed = counting(by_length)
    other = peewee.SqliteDatabase(":memory:")
    assert len(query.all(1, 3)) == 4
    with using(other):
        with Word.bind_ctx(other):
            other.create_tables([Word])
        assert query.all(1, 3) == []
    assert len(query.all(1, 3)) == 4
    assert len(composed) == 1
    other.close()


def test_threads_share_what_is_composed(words):
    query, composed = counting(by_length)
    sql = {query._compile(type(words), 2)[0] for _ in range(2)}

    def compile():
        with using(words):
            sql.add(query._compile(type(words), 2)[0])

    threads = [threading.Thread(target=compile) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sql) == 1
    assert len(composed) == 1


def test_a_request_composes_nothing_the_second_time(app, make_client, monkeypatch):
    client = make_client()
    caller = Caller(app, issue_key(app))

    def calls(status, name):
        return (
            ("GET", f"/clients/{client['id']}", None),
            ("GET", "/clients?search=acme&status=active&tag=a", None),
            ("PUT", f"/clients/{client['id']}/status", {"status": status}),
            ("PATCH", f"/clients/{client['id']}", {"client_company_name": name}),
        )

    for method, path, body in calls("suspended", "New"):
        assert caller.call(method, path, json=body).status_code == 200

    def fail(*args, **kwargs):
        raise AssertionError("a query was composed again")

    monkeypatch.setattr(peewee.Context, "sql", fail)
    for method, path, body in calls("active", "Newer"):
        assert caller.call(method, path, json=body).status_code == 200
