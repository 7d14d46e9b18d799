"""Which clients may be one: those with the same key (models/queries/matchkeys.py), in groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import peewee

from clients_api.models.queries.prepared import prepared
from clients_api.models.user import User

from . import Client

SHOWN = 100  # clients of a group; a free mail provider that is not known may have thousands
STRONG, WEAK = "strong", "weak"


class Key(NamedTuple):
    """By what clients are compared: the columns of the key and of the client; how much it says."""

    column: Any
    client: Any
    strength: str


KEYS = {
    "vat": Key(Client.vat_match, Client.id, STRONG),
    "name": Key(Client.name_match, Client.id, STRONG),
    "phone": Key(Client.phone_match, Client.id, STRONG),
    "domain": Key(User.domain_match, User.client, WEAK),
}
_ROWS = peewee.fn.COUNT(peewee.SQL("*"))
MEMBERS = ("id", "company_name", "created", "updated")  # of each client in a group


class Groups:
    """Groups of clients that may be one, in a fixed order: by the kind of key, and the key.

    In: the kinds, of KEYS; the id of a client that is to be in them.
    """

    columns = ("by", "value", "strength", "count", "clients", "id")

    def __init__(self, by: list[str], client_id: int | None = None) -> None:
        self._by = [kind for kind in KEYS if kind in by]
        self._client_id = client_id
        self.reader = self  # what a pager asks for the columns

    def after(self, last: tuple[str, int] | None, *, limit: int, **_: Any) -> list[tuple[Any, ...]]:
        """Return `limit` groups at most, those behind a key and the place of its kind in KEYS.

        Each row has the `columns`, of which `id` is that place, and the key again. The cost is the
        same at any depth, and the memory that of the groups.
        """
        rows: list[tuple[Any, ...]] = []
        first, key = (last[1], last[0]) if last else (0, "")
        for place, kind in enumerate(KEYS):
            if kind not in self._by or place < first:
                continue
            for value in self._values(kind, key if place == first else "", limit - len(rows)):
                rows.append(self._row(kind, place, value))
            if len(rows) == limit:
                break
        return rows

    def _values(self, kind: str, last: str, limit: int) -> Iterator[str]:
        if self._client_id is None:
            yield from (value for (value,) in _values.all(last, limit, kind=kind))
        else:
            yield from (v for (v,) in _values_of.all(self._client_id, last, limit, kind=kind))

    @staticmethod
    def _row(kind: str, place: int, value: str) -> tuple[Any, ...]:
        clients = _clients.all(value, SHOWN, kind=kind)
        count = len(clients) if len(clients) < SHOWN else _count.scalar(value, kind=kind)
        return kind, value, KEYS[kind].strength, count, clients, place, value


@prepared
def _values(last, limit, *, kind):
    """Select the keys that several clients have, side by side in the key's index."""
    column, client, _ = KEYS[kind]
    rows = column.model.select(column).where(column > last, client.is_null(False))
    return _several(rows, column, client, limit)


@prepared
def _values_of(client_id, last, limit, *, kind):
    column, client, _ = KEYS[kind]
    own = column.model.alias("own")
    has = getattr(own, column.name)
    mine = own.select(has).where(getattr(own, client.name) == client_id, has > last)
    rows = column.model.select(column).where(column.in_(mine), client.is_null(False))
    return _several(rows, column, client, limit)


def _several(rows: Any, column: Any, client: Any, limit: Any) -> peewee.Query:
    # To count costs two thirds; but users of one client may have the same.
    is_own = column.model is Client
    is_shared = _ROWS > 1 if is_own else peewee.fn.MIN(client) < peewee.fn.MAX(client)
    return rows.group_by(column).having(is_shared).order_by(column).limit(limit)


@prepared
def _clients(value, limit, *, kind):
    column, client, _ = KEYS[kind]
    shown = [getattr(Client, name) for name in MEMBERS[1:]]
    rows = column.model.select(client, *shown).where(column == value, client.is_null(False))
    if column.model is not Client:
        rows = rows.join(Client, on=client == Client.id)
    return rows.distinct().order_by(client).limit(limit)


@prepared
def _count(value, *, kind):
    column, client, _ = KEYS[kind]
    # Grouped, and not counted as distinct: what comes in order needs no memory.
    rows = column.model.select(client).where(column == value, client.is_null(False))
    return peewee.Select([rows.group_by(client).alias("counted")], [_ROWS])
