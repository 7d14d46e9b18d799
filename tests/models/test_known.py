"""What is known of a database is what is in it: nothing that was, and nothing that may never be."""

from __future__ import annotations

import random

import pytest

from clients_api.models import Client
from clients_api.models.engines import known, sqlite
from clients_api.models.engines.current import using
from clients_api.models.queries import selection

pytestmark = pytest.mark.file("counts what its connection is asked")

HOW = {"sort": "name", "descending": False}


class Undone(Exception):
    """Ends a transaction whose changes are not kept."""


@pytest.fixture
def other(app):
    """Another connection to the app's database, as another process has one."""
    with using(app.database):
        for number in range(40):
            Client.register_ownerless(company_name=f"Company {number}")
    database = sqlite.Database(app.database.database)
    yield database
    database.close_all()


@pytest.fixture
def steps(app):
    """Count what SQLite does: its virtual machine's instructions."""

    def count(work):
        found = []
        connection = app.database.connection()
        connection.set_progress_handler(lambda: found.append(1), 1)
        result = work()
        connection.set_progress_handler(None, 1)
        return len(found), result

    with using(app.database):
        yield count


def write(draw: random.Random, names: list[str]) -> None:
    """Make, rename or delete a client of the current database."""
    ids = [id for (id,) in Client.select(Client.id).tuples()]
    what = draw.choice(["make", "make", "rename", "delete", "suspend"])
    if what == "make" or not ids:
        Client.register_ownerless(company_name=draw.choice(names))
    elif what == "rename":
        Client.change(draw.choice(ids), company_name=draw.choice(names))
    elif what == "suspend":
        Client.change_status(draw.choice(ids), "suspended")
    else:
        Client.remove(draw.choice(ids))


def expect_what_is_there(draw: random.Random) -> None:
    """Ask for totals, searches and pages, and compare them with all clients."""
    columns = Client.name_key, Client.id, Client.status
    rows = sorted(Client.select(*columns).tuples())
    for needle in ("o", "company", "company 1", "zoo"):
        for status in (None, "active"):
            filters = {} if status is None else {"status": status}
            expected = [
                (name, id) for name, id, own in rows if needle in name and status in (None, own)
            ]
            found = Client.matching(search=needle, **filters)
            total = found.total()
            assert total == len(expected)
            offset = draw.randrange(total + 1)
            part = found.page(limit=3, offset=offset, total=total, **HOW)
            assert [row[0] for row in part] == [id for _, id in expected[offset : offset + 3]]
    everything = Client.matching()
    total = everything.total()
    assert total == len(rows)
    for descending in (False, True):
        ids = [id for _, id, _ in (reversed(rows) if descending else rows)]
        for _ in range(4):
            offset = draw.randrange(total + 1)
            part = everything.page(
                sort="name", descending=descending, limit=5, offset=offset, total=total
            )
            assert [row[0] for row in part] == ids[offset : offset + 5]


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_is_there_whoever_writes(app, other, monkeypatch, seed):
    monkeypatch.setattr(selection, "DEEP", 3)
    monkeypatch.setattr(known, "MOST_PLACES", 8)
    draw = random.Random(seed)
    names = ["Company 1", "Company 1b", "Zoo", "Ozone", "company"]
    for _ in range(60):
        with using(draw.choice([app.database, other])) as db:
            if draw.random() < 0.5:
                write(draw, names)
            else:
                try:
                    with db.writing():
                        write(draw, names)
                        expect_what_is_there(draw)
                        if draw.random() < 0.5:
                            raise Undone
                except Undone:
                    pass
        with using(app.database):
            expect_what_is_there(draw)
            expect_what_is_there(draw)


def test_what_was_counted_is_not_counted_again_until_something_changes(steps, app, other):
    def total():
        return Client.matching(search="company", created_after="2020").total()

    first, again = steps(total), steps(total)
    assert first[1] == again[1] == 40
    assert again[0] < first[0] / 5
    with using(other):
        Client.register_ownerless(company_name="Company 40")
    changed = steps(total)
    assert changed[1] == 41
    assert changed[0] > first[0] * 0.9


def test_a_page_is_read_from_the_nearest_place_that_is_known(steps, app, other, monkeypatch):
    monkeypatch.setattr(selection, "DEEP", 3)
    with using(app.database), app.database.writing():
        for number in range(960):
            Client.register_ownerless(company_name=f"Name {number}")

    def page(offset):
        found = Client.matching()
        rows = found.page(limit=2, offset=offset, total=found.total(), **HOW)
        return [row[0] for row in rows]

    page(100), page(102)  # composes both ways
    cold, expected = steps(lambda: page(500))
    for offset in (500, 502):
        count, ids = steps(lambda offset=offset: page(offset))
        assert count < cold / 2
        assert ids == [row[0] for row in Client.matching().page(limit=2, offset=offset, **HOW)]
    assert page(500) == expected
    with using(other):
        Client.register_ownerless(company_name="A new one")
    assert page(501) == expected, "all of it has moved by one"


def test_no_more_is_kept_than_is_worth_it(app, other, monkeypatch):
    monkeypatch.setattr(known, "MOST", 10)
    with using(app.database):
        for number in range(30):
            assert Client.matching(search=f"Company {number}").total() >= 1
        assert len(app.database.known._found) == 10
        assert Client.matching(search="Company 0").total() == 1


def test_nothing_is_kept_of_what_a_transaction_sees(app, other):
    with using(app.database) as db:
        assert Client.matching(search="company").total() == 40
        with pytest.raises(Undone), db.writing():
            Client.register_ownerless(company_name="Company 40")
            assert Client.matching(search="company").total() == 41
            assert db.known._found == {}
            raise Undone
        assert Client.matching(search="company").total() == 40


def test_no_place_is_kept_of_a_page_before_which_somebody_wrote(app, other, monkeypatch):
    monkeypatch.setattr(selection, "DEEP", 3)
    with using(app.database):
        found = Client.matching()
        total = found.total()
        with using(other):
            Client.register_ownerless(company_name="A new one")
        found.page(limit=2, offset=10, total=total, **HOW)
        # Were its first row taken for the eleventh, this would be the page before.
        found = Client.matching()
        part = found.page(limit=2, offset=11, total=found.total(), **HOW)
        names = sorted(name for (name,) in Client.select(Client.name_key).tuples())
        assert [row[1].lower() for row in part] == names[11:13]


def test_of_a_list_that_is_walked_few_places_are_kept(app, other, monkeypatch):
    monkeypatch.setattr(selection, "DEEP", 3)
    monkeypatch.setattr(known, "MOST_PLACES", 4)
    with using(app.database):
        found = Client.matching()
        total = found.total()
        ids = [row[0] for row in found.page(limit=total, offset=0, **HOW)]
        for offset in (*range(4, 36), *range(35, 3, -1)):
            part = found.page(limit=1, offset=offset, total=total, **HOW)
            assert [row[0] for row in part] == [ids[offset]]
        (places,) = [kept for kept in app.database.known._found.values() if type(kept) is list]
        assert len(places) <= 4
