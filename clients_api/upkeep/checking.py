"""What can be wrong with a database: one question at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import peewee

from clients_api.models import Client, ClientTotal, Mail
from clients_api.models.engines import migrating
from clients_api.models.engines.engine import Engine, Question
from clients_api.models.engines.errors import Trouble

REMEDY = "run clients-api check --repair"

_TOTAL = (ClientTotal.status, ClientTotal.category_id, ClientTotal.count)


class Finding(NamedTuple):
    """The answer to one question; `faults` says what is wrong, and is empty if nothing is."""

    subject: str
    faults: list[str]
    remark: str = "ok"


def findings(db: Engine, *, repair: bool = False) -> Iterator[Finding]:
    """Examine the current database, and yield what is found as it is found.

    In: `repair`, whether to make anew what is wrong and follows from the clients, which is not
    done in a database that is damaged. Where migrations are pending, what is not known to be there
    is not looked at. Raises what is busy, if the database is locked.
    """
    structure = [_ask(db, question) for question in db.structure()]
    yield from structure
    migrations = _ask(db, Question("migrations", lambda: _pending_migrations(db)))
    yield migrations
    if migrations.faults:
        return
    totals = Question("totals", lambda: _total_faults(db), lambda: _count_anew(db))
    for question in (*db.derived(), totals):
        finding = _ask(db, question)
        if finding.faults and repair and question.repair and not structure[0].faults:
            question.repair()
            finding = _ask(db, question)._replace(remark="ok, repaired")
        yield finding
    mail = _ask(db, Question("mail", _failed_mail))
    yield mail._replace(remark=f"ok, {_count_mail('pending')} pending")


def _ask(db: Engine, question: Question) -> Finding:
    try:
        faults = question.faults()
    except db.errors as error:
        # In a damaged file any question may stumble over the damage; that is an answer too.
        if db.trouble(error) is Trouble.BUSY:
            raise
        faults = [str(error)]
    else:
        if question.repair:
            faults = [f"{fault}, {REMEDY}" for fault in faults]
    return Finding(question.subject, faults)


def _pending_migrations(db: Engine) -> list[str]:
    names, _ = migrating.inspect(db, db.shown)
    return [f"{name} is pending, run clients-api migrate" for name in names]


def _total_faults(db: Engine) -> list[str]:
    kept = ClientTotal.select(*_TOTAL).where(ClientTotal.count != 0)
    with db.reading():
        same = set(kept.tuples()) == set(_counted().tuples())
    return [] if same else ["differ from the number of the clients"]


def _counted() -> peewee.ModelSelect:
    return Client.select(
        Client.status, Client.category, peewee.fn.COUNT(Client.id).alias("count")
    ).group_by(Client.status, Client.category)


def _count_anew(db: Engine) -> None:
    with db.atomic():
        ClientTotal.delete().execute()
        ClientTotal.insert_from(_counted(), _TOTAL).execute()


def _failed_mail() -> list[str]:
    failed = _count_mail("failed")
    return [f"{failed} failed, see clients-api outbox"] if failed else []


def _count_mail(status: str) -> int:
    return Mail.select().where(Mail.status == status).count()
