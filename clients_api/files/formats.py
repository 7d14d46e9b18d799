"""The files that are imported and exported: CSV and NDJSON.

Both are read and written row by row, so that a file may be of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

from . import ndjson, spreadsheet
from .rows import Row


class Format(NamedTuple):
    """A kind of file.

    `read` takes a stream, the columns that are known, the encoding (None: as the file says) and
    whether cells are raw, and yields rows. `head` and `write` return what stands at the start of
    a file, and some records: tuples of values in the order of the columns, of which tags are a
    list.
    """

    media_type: str
    example: str
    read: Callable[..., Iterator[Row]]
    head: Callable[..., bytes]
    write: Callable[..., bytes]


_EXAMPLE = {
    "first_name": "Jane",
    "last_name": "Doe",
    "email": "jane@acme.example",
    "client_company_name": "Acme Inc",
    "tags": ["priority", "retainer"],
}


def _format(media_type: str, how: ModuleType) -> Format:
    columns = tuple(_EXAMPLE)
    sample = how.head(columns, raw=True) + how.write(columns, [(*_EXAMPLE.values(),)], raw=True)
    return Format(media_type, sample.decode(), how.read, how.head, how.write)


FORMATS = {
    "csv": _format("text/csv", spreadsheet),
    "ndjson": _format("application/x-ndjson", ndjson),
}
MEDIA_TYPES = {form.media_type: name for name, form in FORMATS.items()}


def by_suffix(path: str) -> str:
    """Return the name of the format that a file's name speaks of; csv where it says nothing."""
    return "ndjson" if path.lower().endswith((".ndjson", ".jsonl")) else "csv"
