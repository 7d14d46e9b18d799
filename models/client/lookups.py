"""Which client the row of a file is about, where neither id nor address say so."""

from __future__ import annotations

from collections.abc import Iterator

from clients_api.models.client import Client
from clients_api.models.queries.folding import plain
from clients_api.models.queries.prepared import prepared


def vats() -> Iterator[tuple[int, str]]:
    """Return the id and the VAT number of each client that has one."""
    return _vats()


def named(name: str) -> list[int]:
    """Return the ids of the clients of that name, blind to case and accents; two at most."""
    return [id for (id,) in _ids_by_name.all(plain(name))]


@prepared
def _vats():
    return Client.select(Client.id, Client.vat).where(Client.vat.is_null(False))


@prepared
def _ids_by_name(key):
    return Client.select(Client.id).where(Client.name_key == key).limit(2)
