"""Clients into files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import orjson

from clients_api.models import CustomField
from clients_api.models.engines.current import using
from clients_api.models.engines.sqlite import Database
from clients_api.models.queries.selection import Selection

from .columns import COLUMNS
from .formats import FORMATS

BATCH = 500  # records that are read and written at once


def export(
    database: Database,
    selection: Selection,
    form: str,
    written: Callable[[int], None] = lambda count: None,
) -> Generator[bytes]:
    """Yield the clients of a selection as a file of the format `form`, in one snapshot.

    In: `written` is told the number of clients of each part.
    """
    head, write = FORMATS[form].head, FORMATS[form].write
    with database.snapshot() as db:
        with using(db):
            custom = [definition.name for definition in CustomField.definitions()]
            rows = selection.stream()
        columns = [*COLUMNS, *custom]
        shape = _shape(selection.reader.stream_columns, custom)
        yield head(columns)
        while batch := rows.fetchmany(BATCH):
            yield write(columns, map(shape, batch))
            written(len(batch))


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
