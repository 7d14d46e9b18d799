"""CSV (RFC 4180), and what spreadsheets and other programs make of it."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from clients_api.models.errors import BadFile
from clients_api.schemas.base import cleaned

from .columns import Known
from .decoding import decoded, open_lines
from .defusing import MARK, defused, restored
from .rows import Row

CELL_MAX = 1024 * 1024

_TAG = re.compile(r"(?:\\[\\;]|[^;])+")
_SEPARATOR = re.compile(r'"?sep=(?P<sign>.)"?[\r\n]*', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')

# Of the process: more than this is a quote that nobody has closed, and less a cell that is too
# long for its column, which is said of its row.
csv.field_size_limit(max(csv.field_size_limit(), CELL_MAX))


def read(
    stream: BinaryIO, known: Known, *, encoding: str | None = None, raw: bool = False
) -> Iterator[Row]:
    """Yield the rows of a file. Raises BadFile.

    In: `raw`, whether cells are taken as they stand in a file that we have defused, too.
    """
    lines = decoded(open_lines(stream, encoding))
    head = next(lines, "")
    before = 0
    separator = _SEPARATOR.fullmatch(head)
    if separator:
        head, before = next(lines, ""), 1
    _require_csv(head)
    delimiter = separator["sign"] if separator else _delimiter(head)
    lines = _Lines(itertools.chain([head], lines), delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    line = before + 1
    try:
        table = _Table(known, next(reader), raw)
        line = before + reader.line_num + 1
        lines.begin_record()
        for cells in reader:
            row = table.row(line, cells)
            if row is not None:
                yield row
            line = before + reader.line_num + 1
            lines.begin_record()
    except csv.Error as error:
        raise BadFile(f"Line {line} is not valid CSV: {_why(error)}.") from error


def _require_csv(head: str) -> None:
    first = head.lstrip()[:1]
    if first == "[":
        raise BadFile("The file is a JSON array, no CSV: write each object in a line (NDJSON).")
    if first == "{":
        raise BadFile("The file is JSON, no CSV: say format ndjson if it has an object a line.")
    if first == "<":
        raise BadFile("The file is HTML or XML, no CSV.")


def _delimiter(head: str) -> str:
    # With a semicolon Excel writes it in half of the world, with tabs what it calls Unicode text.
    names = _QUOTED.sub("", head)
    return max(",;\t", key=names.count)


def _why(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell has more than {CELL_MAX} characters, as where a quote is not closed"
    return str(error)


class _Lines:
    """Lines for Python's reader, without what other programs write and it refuses.

    Blanks behind a quote that ends a cell are taken out, and cells with a carriage return get the
    quotes that pandas leaves out.
    """

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self._lines = lines
        sign = re.escape(delimiter)
        blanks = "[ ]+" if delimiter == "\t" else r"[ \t]+"
        self._padded = re.compile(rf'"{blanks}(?=[{sign}\r\n]|\Z)')
        # What is quoted comes first, so that nothing within it is taken for a cell.
        self._broken = re.compile(
            rf'"[^"]*(?:"|\Z)|(?P<cell>(?<![^{sign}])[^"{sign}\r\n]*\r(?!\n|\Z)[^"{sign}\n]*?)'
            rf"(?={sign}|\r?\n|\Z)"
        )
        self._quotes = 0

    def begin_record(self) -> None:
        """Start anew: outside of all quotes."""
        self._quotes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if -1 < line.find("\r") < len(line) - 2:
            # What a cell goes on with, that began on a line before, ends with its first quote.
            start = len(line.partition('"')[0]) + 1 if self._quotes % 2 else 0
            line = line[:start] + self._broken.sub(_quoted, line[start:])
        if '"' in line:
            before = self._quotes
            self._quotes += line.count('"')
            if '" ' in line or '"\t' in line:
                return self._padded.sub(lambda match: _unpadded(match, before), line)
        return line


def _quoted(match: re.Match[str]) -> str:
    return match[0] if match["cell"] is None else f'"{match["cell"]}"'


def _unpadded(match: re.Match[str], before: int) -> str:
    # Within a cell the quotes are odd.
    quotes = before + match.string.count('"', 0, match.start() + 1)
    return '"' if quotes % 2 == 0 else match[0]


class _Table:
    """What the first line says of the others."""

    def __init__(self, known: Known, cells: Sequence[str], raw: bool) -> None:
        is_ours = MARK in cells
        self._names = known.header(["" if cell == MARK else cell for cell in cells])
        self._mark = list(cells).index(MARK) if is_ours else None
        self._nameless = [place for place, name in enumerate(self._names) if name is None]
        self._read_cell: Callable[[str], str | None] = (
            _restored_cell if is_ours and not raw else _plain_cell
        )

    def row(self, line: int, cells: list[str]) -> Row | None:
        """Make a row of its cells; None of those that are all blank."""
        missing = len(self._names) - len(cells)
        if missing > 0:
            cells += [""] * missing  # Excel leaves out the last ones that are blank
        elif missing < 0:
            if any(map(str.strip, cells[missing:])):
                count = f"The row has {len(cells)} cells, but the first line {len(self._names)}."
                return Row(line, {}, count)
            del cells[missing:]
        for place in self._nameless:
            if cells[place].strip():
                return self._misplaced(line, place)
        values: dict[Any, Any] = dict(zip(self._names, map(self._read_cell, cells), strict=True))
        values.pop(None, None)
        if not any(values.values()):
            return None
        if values.get("tags"):
            values["tags"] = _tags(values["tags"])
        return Row(line, values)

    def _misplaced(self, line: int, place: int) -> Row:
        if place == self._mark:
            return Row(line, {}, f"The row has text in the column {MARK}, which must be empty.")
        raise BadFile(
            f"Column {place + 1} has no name, but text in line {line}: name it, or take it out."
        )


def _plain_cell(cell: str) -> str | None:
    return cell.strip() or None


def _restored_cell(cell: str) -> str | None:
    return restored(cell).strip() or None


def _tags(cell: str) -> list[str]:
    return cleaned([re.sub(r"\\([\\;])", r"\1", tag) for tag in _TAG.findall(cell)])


def head(columns: Sequence[str], *, raw: bool = False) -> bytes:
    """Return what stands at the start of a file."""
    return _lines([columns if raw else [*columns, MARK]])


def write(columns: Sequence[str], records: Iterable[Sequence[Any]], *, raw: bool = False) -> bytes:
    """Write some records; unless they are `raw`, as text that no spreadsheet runs."""
    if raw:
        return _lines(map(_joined_tags, value) for value in records)
    return _lines((*map(_defused_cell, record), None) for record in records)


def _lines(records: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(records)  # ends lines with CR LF, and so quotes both in cells
    return text.getvalue().encode()


def _defused_cell(value: Any) -> Any:
    value = _joined_tags(value)
    return defused(value) if isinstance(value, str) else value


def _joined_tags(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(re.sub(r"([\\;])", r"\\\1", title) for title in value)
    return value
