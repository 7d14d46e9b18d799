"""What can be wrong with a database: one question at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import peewee

from clients_api.models import Client, ClientTotal, Mail
from clients_api.models.client.search import INDEX as NAMES
from clients_api.models.client.wordsearch import INDEX as WORDS
from clients_api.models.engines import files, indexing, migrating, sqlite

REMEDY = "run clients-api check --repair"

_TOTAL = (ClientTotal.status, ClientTotal.category_id, ClientTotal.count)


class Finding(NamedTuple):
    """The answer to one question; `faults` says what is wrong, and is empty if nothing is."""

    subject: str
    faults: list[str]
    remark: str = "ok"


def findings(db: sqlite.Database, *, repair: bool = False) -> Iterator[Finding]:
    """Examine the current database, and yield what is found as it is found.

    In: `repair`, whether to make anew what is wrong and follows from the clients, which is not
    done in a file that is damaged. Where migrations are pending, what is not known to be there is
    not looked at. Raises peewee.OperationalError if the database is locked.
    """
    integrity = _ask("integrity", files.faults, db)
    yield integrity
    yield _ask("foreign keys", orphans, db)
    migrations = _ask("migrations", _pending_migrations, db)
    yield migrations
    if migrations.faults:
        return
    for subject, question, make_anew in (
        ("search index", _search_faults, _index_anew),
        ("totals", _total_faults, _count_anew),
    ):
        finding = _ask(subject, question, db)
        if finding.faults and repair and not integrity.faults:
            make_anew(db)
            finding = _ask(subject, question, db)._replace(remark="ok, repaired")
        yield finding
    yield _ask("mail", _failed_mail, db)._replace(remark=f"ok, {_count_mail('pending')} pending")


def _ask(
    subject: str, question: Callable[[sqlite.Database], list[str]], db: sqlite.Database
) -> Finding:
    try:
        return Finding(subject, question(db))
    except sqlite.ERRORS as error:
        # In a damaged file any question may stumble over the damage; that is an answer too.
        if sqlite.is_busy(error):
            raise
        return Finding(subject, [str(error)])


def orphans(db: peewee.SqliteDatabase) -> list[str]:
    """Say which rows refer to rows that are not there."""
    return [
        f"{count} of {table} refer to no {parent}"
        for (table, parent), count in files.orphans(db).items()
    ]


def _pending_migrations(db: sqlite.Database) -> list[str]:
    names, _ = migrating.inspect(db, Path(db.database))
    return [f"{name} is pending, run clients-api migrate" for name in names]


def _search_faults(db: sqlite.Database) -> list[str]:
    faults = []
    if not (sqlite.search_index_is_sound(db, NAMES) and indexing.names_are_sound(db)):
        faults.append(f"differs from the names of the clients, {REMEDY}")
    if not (sqlite.search_index_is_sound(db, WORDS) and indexing.texts_are_sound(db)):
        faults.append(f"differs from the words of the clients and their users, {REMEDY}")
    return faults


def _index_anew(db: sqlite.Database) -> None:
    with db.atomic():
        indexing.index_anew(db)


def _total_faults(db: sqlite.Database) -> list[str]:
    kept = ClientTotal.select(*_TOTAL).where(ClientTotal.count != 0)
    with db.atomic("DEFERRED"):
        same = set(kept.tuples()) == set(_counted().tuples())
    return [] if same else [f"differ from the number of the clients, {REMEDY}"]


def _counted() -> peewee.ModelSelect:
    return Client.select(
        Client.status, Client.category, peewee.fn.COUNT(Client.id).alias("count")
    ).group_by(Client.status, Client.category)


def _count_anew(db: sqlite.Database) -> None:
    with db.atomic():
        ClientTotal.delete().execute()
        ClientTotal.insert_from(_counted(), _TOTAL).execute()


def _failed_mail(db: sqlite.Database) -> list[str]:
    failed = _count_mail("failed")
    return [f"{failed} failed, see clients-api outbox"] if failed else []


def _count_mail(status: str) -> int:
    return Mail.select().where(Mail.status == status).count()
