"""NDJSON: a JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from clients_api.models.errors import BadFile
from clients_api.schemas.base import cleaned

from .columns import Known
from .decoding import decoded, open_lines
from .rows import Row


def read(
    stream: BinaryIO, known: Known, *, encoding: str | None = None, raw: bool = False
) -> Iterator[Row]:
    """Yield the rows of a file. Raises BadFile."""
    source = open_lines(stream, encoding)
    lines: Iterator[str | bytes] = source.lines if source.encoding == "utf-8" else decoded(source)
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if number == 1:
                _require_lines(line)
            why = error.msg.rpartition(": line")[0] or error.msg
            yield Row(number, {}, f"The line is not valid JSON: {why} (column {error.colno}).")
            continue
        if isinstance(values, dict):
            yield Row(number, {name: cleaned(value) for name, value in values.items()})
        elif isinstance(values, list) and number == 1:
            _require_lines(line)
        else:
            yield Row(number, {}, "The line must be a JSON object.")


def _require_lines(line: str | bytes) -> None:
    text = (line if isinstance(line, str) else line.decode(errors="replace")).strip()
    if text.startswith("["):
        raise BadFile(
            "The file is a JSON array, no NDJSON: write each object in a line of its own."
        )
    if text == "{":
        raise BadFile("The file is JSON, no NDJSON: write each object in one line.")


def head(columns: Sequence[str], *, raw: bool = False) -> bytes:
    """Return what stands at the start of a file."""
    return b""


def write(columns: Sequence[str], records: Iterable[Sequence[Any]], *, raw: bool = False) -> bytes:
    """Write some records."""
    return b"".join(
        orjson.dumps(dict(zip(columns, record, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
        for record in records
    )
