"""The files that clients are imported from and exported to: CSV and NDJSON.

Both are read and written row by row, so that a file may be of any size.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import orjson

from clients_api.models.errors import BadFile
from clients_api.schemas.base import cleaned

LINE_MAX = 16 * 1024 * 1024

# What a spreadsheet would run, at the start of a cell or of what it takes for one: where lists are
# separated by semicolons, it splits our lines there, and at line ends within a cell. Full-width
# signs count as plain ones. An apostrophe in front makes it text; those that stand there already
# get one more, so that taking one away always restores the cell.
_SIGNS = r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_SPLIT = re.compile(r"[;\r\n]")
_FORMULA = re.compile(rf"(?<![^;\r\n])(?={_SIGNS})")
_DEFUSED = re.compile(rf"(?<![^;\r\n])'(?={_SIGNS})")
_TAG = re.compile(r"(?:\\[\\;]|[^;])+")


class Row(NamedTuple):
    """A row as it was read: the line where it starts, its values, or why there are none."""

    line: int
    values: dict[str, Any]
    problem: str | None = None


class Format(NamedTuple):
    """A kind of file.

    `read` takes a stream and the columns that are known, and yields rows. `head` and `write`
    return what stands at the start of a file, and some records: tuples of values in the order
    of the columns, of which tags are a list.
    """

    media_type: str
    example: str
    read: Callable[[BinaryIO, Collection[str]], Iterator[Row]]
    head: Callable[[Sequence[str]], bytes]
    write: Callable[[Sequence[str], Iterable[Sequence[Any]]], bytes]


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    start = codecs.BOM_UTF8
    for number in itertools.count(1):
        line = stream.readline(LINE_MAX + 1)
        if len(line) > LINE_MAX:
            raise BadFile(f"Line {number} is longer than {LINE_MAX} bytes.")
        if not line:
            return
        yield line.removeprefix(start)
        start = b""


# CSV (RFC 4180), with a comma or, as Excel writes it in half of the world, a semicolon


def _read_csv(stream: BinaryIO, columns: Collection[str]) -> Iterator[Row]:
    lines = _decoded(_lines(stream))
    head = next(lines, "")
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(itertools.chain([head], lines), delimiter=delimiter, strict=True)
    line = 1
    try:
        names = _header(next(reader), columns)
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(names):
                values = dict(zip(names, map(_read_cell, cells), strict=True))
                if any(values.values()):
                    yield Row(line, _with_tags(values))
            elif cells:
                count = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}"
                problem = f"The row has {count}, but the first line {len(names)}."
                yield Row(line, {}, problem)
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadFile(f"Line {line} is not valid CSV: {error}.") from error


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise BadFile(f"Line {number} is not valid UTF-8.") from error


def _header(cells: Sequence[str], columns: Collection[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise BadFile("Line 1 must name the columns.")
    unknown = dict.fromkeys(repr(name) for name in names if name not in columns)
    if unknown:
        raise BadFile(f"There are columns that are not known here: {', '.join(unknown)}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadFile(f"There are columns more than once: {', '.join(twice)}.")
    return names


def _read_cell(cell: str) -> str | None:
    if "'" in cell:
        cell = _DEFUSED.sub("", cell)
    return cell.strip() or None


def _with_tags(values: dict[str, Any]) -> dict[str, Any]:
    if values.get("tags"):
        titles = (re.sub(r"\\([\\;])", r"\1", tag) for tag in _TAG.findall(values["tags"]))
        values["tags"] = cleaned(list(titles))
    return values


def _csv_lines(records: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(records)  # ends lines with CR LF, and so quotes both in cells
    return text.getvalue().encode()


def _csv_head(columns: Sequence[str]) -> bytes:
    return _csv_lines([columns])


def _write_csv(columns: Sequence[str], records: Iterable[Sequence[Any]]) -> bytes:
    return _csv_lines([_write_cell(value) for value in record] for record in records)


def _write_cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ";".join(re.sub(r"([\\;])", r"\\\1", title) for title in value)
    if isinstance(value, str) and (_FORMULA.match(value) or _SPLIT.search(value)):
        return _FORMULA.sub("'", value)
    return value


# NDJSON: a JSON object a line


def _read_ndjson(stream: BinaryIO, columns: Collection[str]) -> Iterator[Row]:
    for number, line in enumerate(_lines(stream), 1):
        if line.isspace():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            why = error.msg.rpartition(": line")[0] or error.msg
            yield Row(number, {}, f"The line is not valid JSON: {why} (column {error.colno}).")
            continue
        if isinstance(values, dict):
            yield Row(number, {name: cleaned(value) for name, value in values.items()})
        else:
            yield Row(number, {}, "The line must be a JSON object.")


def _ndjson_head(columns: Sequence[str]) -> bytes:
    return b""


def _write_ndjson(columns: Sequence[str], records: Iterable[Sequence[Any]]) -> bytes:
    return b"".join(
        orjson.dumps(dict(zip(columns, record, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
        for record in records
    )


_EXAMPLE = {
    "first_name": "Jane",
    "last_name": "Doe",
    "email": "jane@acme.example",
    "client_company_name": "Acme Inc",
    "tags": ["priority", "retainer"],
}


def _format(media_type: str, read: Any, head: Any, write: Any) -> Format:
    columns = tuple(_EXAMPLE)
    sample = head(columns) + write(columns, [tuple(_EXAMPLE.values())])
    return Format(media_type, sample.decode(), read, head, write)


FORMATS = {
    "csv": _format("text/csv", _read_csv, _csv_head, _write_csv),
    "ndjson": _format("application/x-ndjson", _read_ndjson, _ndjson_head, _write_ndjson),
}
MEDIA_TYPES = {form.media_type: name for name, form in FORMATS.items()}


def by_suffix(path: str) -> str:
    """Return the name of the format that a file's name speaks of; csv where it says nothing."""
    return "ndjson" if path.lower().endswith((".ndjson", ".jsonl")) else "csv"
