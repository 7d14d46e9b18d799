"""Clients and contacts into files."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import orjson

from clients_api.models import Contact, CustomField
from clients_api.models.contact import reader as contact_reader
from clients_api.models.engines.current import using
from clients_api.models.engines.engine import Engine
from clients_api.models.events import Position
from clients_api.models.queries.selection import Selection

from .columns import COLUMNS, CONTACT_COLUMNS
from .formats import FORMATS

BATCH = 500  # records that are read and written at once


def export(
    database: Engine,
    selection: Selection,
    form: str,
    written: Callable[[int], None] = lambda count: None,
    *,
    begun: Callable[[Position], None] = lambda position: None,
    contacts: bool = False,
    bom: bool = False,
    raw: bool = False,
) -> Generator[bytes]:
    """Yield the clients of a selection as a file of the format `form`, in one snapshot.

    In: `written` is told the number of records of each part; `begun` the place in the log of
    events that the snapshot is of, with the first part; `contacts`, whether to yield the
    users of these clients instead; `bom`, whether to begin with a byte order mark, by which Excel
    knows UTF-8; `raw`, whether to leave cells that a spreadsheet would run as they are.
    """
    head, write = FORMATS[form].head, FORMATS[form].write
    with database.snapshot() as db:
        with using(db):
            custom = [definition.name for definition in CustomField.definitions()]
            rows = selection.stream()
            begun(Position.newest())
        columns = [*CONTACT_COLUMNS] if contacts else [*COLUMNS, *custom]
        yield (codecs.BOM_UTF8 if bom else b"") + head(columns, raw=raw)
        if contacts:
            batches = _contacts(db, selection, rows)
        else:
            batches = _clients(selection.reader.stream_columns, custom, rows)
        for batch in batches:
            yield write(columns, batch, raw=raw)
            written(len(batch))


def _clients(columns: tuple[str, ...], custom: list[str], rows: Any) -> Iterator[list[list[Any]]]:
    shape = _shape(columns, custom)
    while batch := rows.fetchmany(BATCH):
        yield [shape(row) for row in batch]


def _shape(columns: tuple[str, ...], custom: list[str]) -> Callable[[tuple[Any, ...]], list[Any]]:
    places = [columns.index(name) for name in COLUMNS.values()]
    tags = list(COLUMNS).index("tags")
    custom_place = columns.index("custom_fields")

    def shaped(row: tuple[Any, ...]) -> list[Any]:
        values = [row[place] for place in places]
        values[tags] = orjson.loads(values[tags])
        if custom:
            values += map(orjson.loads(row[custom_place]).get, custom)
        return values

    return shaped


def _contacts(db: Engine, selection: Selection, clients: Any) -> Iterator[list[list[Any]]]:
    """Yield the users of the clients, client by client; without filters those of none as well."""
    id_place = selection.reader.stream_columns.index("id")
    while batch := clients.fetchmany(BATCH):
        with using(db):
            found = Contact.of_clients([row[id_place] for row in batch])
        ids = (row[id_place] for row in batch)
        yield from _in_parts(row for id in ids for row in found.get(id, ()))
    if selection.is_all:
        with using(db):
            rows = Contact.of_nobody().stream()
        while batch := rows.fetchmany(BATCH):
            yield from _in_parts(batch)


def _in_parts(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[list[Any]]]:
    places = [contact_reader.columns.index(name) for name in CONTACT_COLUMNS.values()]
    shaped = [[row[place] for place in places] for row in rows]
    for start in range(0, len(shaped), BATCH):
        yield shaped[start : start + BATCH]
