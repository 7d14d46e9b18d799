"""Erasing for good: of who is erased, the log keeps that there was somebody, and nothing else.

Nothing of it is left in the database, its log and its indexes once the transaction has ended: what
is deleted is overwritten (`secure_delete`), and `database.forget` sees to the rest.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
import peewee

from clients_api.models import events
from clients_api.models.base import now
from clients_api.models.client import Client
from clients_api.models.client.stored import ClientMerged
from clients_api.models.contact import Contact
from clients_api.models.engines.current import database
from clients_api.models.errors import NotFound
from clients_api.models.events import Event
from clients_api.models.events.kept import EventUndo
from clients_api.models.idempotency import Idempotency
from clients_api.models.mail import Mail
from clients_api.models.queries.prepared import prepared
from clients_api.models.queries.record import Record
from clients_api.models.team import TeamMember
from clients_api.models.user import User

# Members that are no words of a person or a company.
_PLAIN = {"id", "status", "role_name", "account_owner", "created", "dashboard_access"}
_PLAIN |= {"category_name", "tags"}


def client(id: int | None) -> Record:
    """Erase a client and its users, also where it was deleted before. Raises NotFound.

    So are those that were merged into it, and the merge of it into another can't be undone.
    """
    if id is None:
        raise NotFound("client")
    rows = _of_client.all(id)
    if Client.exists(id):
        Client.remove(id)
    elif any(row[2] for row in rows):
        _tell(events.CLIENT, id, id)
    else:
        raise NotFound("client")  # there never was one, or it is erased
    words: set[str] = set()
    for erased in (id, *ClientMerged.sources(id)):
        words |= _erase(_own(erased))
    for target_id, event_id, text in _merges.all():
        if id in _values(text)["merged"][1]:
            EventUndo.delete_row(event_id)
            _take_out(target_id, words)
    return _done(id)


def contact(id: int | None) -> Record:
    """Erase a contact, also where it was deleted before. Raises NotFound."""
    return _user(id, events.CONTACT, Contact.remove)


def team_member(id: int | None) -> Record:
    """Erase a team member, also where they were deleted before. Raises NotFound."""
    return _user(id, events.TEAM_MEMBER, TeamMember.remove)


def _user(id: int | None, object: str, remove: Callable[[int | None], Record]) -> Record:
    is_team = object == events.TEAM_MEMBER
    rows = [r for r in User.rows("id", id) if (r["type"] == "team") == is_team]
    told = _of_user.all(id, object)
    if rows and rows[0]["status"] != "deleted":
        remove(id)
    elif rows or any(row[2] for row in told):
        _tell(object, id, rows[0]["client_id"] if rows else told[-1][1])
    else:
        raise NotFound(object.replace("_", " "))  # there never was one, or they are erased
    told = _of_user.all(id, object)
    User.delete_row(id)
    names = {name for _, _, text, *_ in told for name in _values(text).get("name", ())}
    clients = {client_id for _, client_id, *_ in told if client_id is not None}
    _erase(told)
    for client_id in clients:
        _rewrite(client_id, id, names)
    return _done(id)


def _done(id: int | None) -> Record:
    database.obj.forget()
    return Record(("id",), (id,))


def _tell(object: str, id: int | None, client_id: int | None) -> None:
    """Tell of the end of what was deleted before, so that who has a copy hears of it."""
    events.write(object, "deleted", id, {"id": [id, None]}, time=now(), client_id=client_id)


def _own(client_id: int | None) -> list[tuple[Any, ...]]:
    """Return the events of a client, but for those of users who live on with another one."""
    rows = _of_client.all(client_id)
    return [row for row in rows if row[3] != events.CONTACT or not User.is_live(row[4])]


def _take_out(client_id: int, words: set[str]) -> None:
    """Take words out of the events of a client that had got them by a merge, and has them no more.

    What it still has is its own by now.
    """
    now_there: dict[str, Any] = {}
    if Client.exists(client_id):
        now_there = dict(Client.find(client_id).items())
        custom = orjson.loads(now_there["custom_fields"])
        now_there |= {f"custom_fields.{name}": value for name, value in custom.items()}
    for event_id, _, text, object, _ in _of_client.all(client_id):
        changes = _values(text)
        if object != events.CLIENT or not changes:
            continue
        for name, pair in changes.items():
            changes[name] = [
                None if isinstance(v, str) and v in words and v != now_there.get(name) else v
                for v in pair
            ]
        Event.update_row(event_id, changes=orjson.dumps(changes).decode())


def _erase(rows: Iterable[tuple[Any, ...]]) -> set[str]:
    """Empty events, and forget what else holds their words: undo data, mail, stored answers.

    Returns the words.
    """
    words: set[str] = set()
    for event_id, _, text, *_ in rows:
        words |= _words(text)
        EventUndo.delete_row(event_id)
        Event.update_row(event_id, changes=None)
    for word in words:
        if "@" in word:
            _forget_mail(word.lower())
    for caller, key, body in _answers.all():
        if not words.isdisjoint(_texts(orjson.loads(bytes(body)))):
            _forget_answer(caller, key)
    return words


def _words(text: str | None) -> set[str]:
    """Return the words of an event's changes, as far as they tell of somebody."""
    values = (v for name, pair in _values(text).items() if name not in _PLAIN for v in pair)
    flat = (w for value in values for w in (value if isinstance(value, list) else [value]))
    return {word for word in flat if isinstance(word, str) and word}


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts of an answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _values(text: str | None) -> dict[str, list[Any]]:
    return orjson.loads(text or "null") or {}


def _rewrite(client_id: int, user_id: int | None, names: set[Any]) -> None:
    """Take an owner's name out of the events of a client, and the user out of its undo data."""
    for event_id, _, text, *_ in _of_client.all(client_id):
        changes = _values(text)
        if pair := changes.get("owner_name"):
            changes["owner_name"] = [None if name in names else name for name in pair]
            Event.update_row(event_id, changes=orjson.dumps(changes).decode())
        for row in EventUndo.rows("event_id", event_id):
            kept: dict[str, Any] = orjson.loads(zlib.decompress(row["data"]))
            for rows in kept.get("sources", (kept,)):  # of a merge, or of one deletion
                if "users" in rows and "client" in rows:
                    rows["users"] = [user for user in rows["users"] if user["id"] != user_id]
            EventUndo.update_row(event_id, data=zlib.compress(orjson.dumps(kept)))


@prepared
def _of_client(id):
    columns = (Event.id, Event.client_id, Event.changes, Event.object, Event.object_id)
    rows = Event.select(*columns)
    return rows.where(Event.client_id == id).order_by(Event.id)


@prepared
def _of_user(id, object):
    rows = Event.select(Event.id, Event.client_id, Event.changes)
    # Written out: only so does SQLite know that the partial index has the row.
    is_other = Event.object != peewee.SQL("'client'")
    return rows.where(Event.object_id == id, Event.object == object, is_other).order_by(Event.id)


@prepared
def _merges():
    rows = Event.select(Event.object_id, Event.id, Event.changes)
    is_merge = (Event.object == events.CLIENT) & (Event.action == "merged")
    return rows.where(is_merge, Event.changes.is_null(False))


@prepared
def _answers():
    return Idempotency.select(Idempotency.caller, Idempotency.key, Idempotency.body)


@prepared
def _forget_answer(caller, key):
    return Idempotency.delete().where(Idempotency.caller == caller, Idempotency.key == key)


@prepared
def _forget_mail(address):
    return Mail.delete().where(peewee.fn.LOWER(Mail.recipient) == address)
