"""From the bytes of a file to its lines: byte order marks, encodings, ends of lines."""

from __future__ import annotations

import codecs
import functools
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from clients_api.models.errors import BadFile
from clients_api.schemas.exchange import canonical_encoding

LINE_MAX = 16 * 1024 * 1024
PART = 64 * 1024

_MARKS = (  # those of UTF-32 begin as those of UTF-16 do
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHERS = (
    (b"PK\x03\x04", "a workbook of Excel, LibreOffice or Numbers (.xlsx, .ods, …), or a .zip"),
    (b"\xd0\xcf\x11\xe0", "an old workbook of Excel (.xls)"),
    (b"\x1f\x8b", "compressed (.gz)"),
    (b"%PDF-", "a PDF"),
    (b"SQLite format 3\0", "a SQLite database"),
)
_FIRST_END = re.compile(rb'(?:[^"\r\n]++|"[^"]*+")*+(\r\n?|\n)')


class Source(NamedTuple):
    """The lines of a file, and how the bytes of a line are decoded."""

    lines: Iterator[bytes]
    encoding: str


def open_lines(stream: BinaryIO, encoding: str | None = None) -> Source:
    """Find out how a file is written, and return its lines without a byte order mark.

    In: `encoding`, what the caller says it is; a byte order mark counts more. Without either it
    is UTF-8. Raises BadFile for a file that is something else.
    """
    head = stream.read(PART)
    for start, what in _OTHERS:
        if head.startswith(start):
            raise BadFile(f"The file is {what}. Save it as CSV (in Excel: CSV UTF-8) first.")
    encoding = canonical_encoding(encoding or "utf-8") or "utf-8"
    for mark, name in _MARKS:
        if head.startswith(mark):
            head, encoding = head[len(mark) :], name
            break
    if encoding == "utf-8" and b"\0" in head[:100]:
        raise BadFile("The file is no UTF-8; if it is UTF-16, say so: encoding utf-16.")
    if encoding.startswith(("utf-16", "utf-32")):
        recoded = io.BufferedReader(_Recoded(stream, head, encoding), PART)
        return Source(_lines(recoded, recoded.peek(PART)), "utf-8")
    joined = io.BufferedReader(_Joined(stream, head), PART)
    return Source(_lines(joined, head), encoding)


def decoded(source: Source) -> Iterator[str]:
    """Yield the lines of a file as text. Raises BadFile for one that is not in its encoding."""
    encoding = source.encoding
    for number, line in enumerate(source.lines, 1):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            raise BadFile(_undecodable(f"Line {number}", encoding)) from error
        yield text


def _undecodable(place: str, encoding: str) -> str:
    if encoding != "utf-8":
        return f"{place} is not valid {encoding}."
    return (
        f"{place} is not valid UTF-8. If the file is in another encoding, say which: "
        "encoding windows-1252 is what Excel writes in Western Europe and America."
    )


def _lines(stream: Any, head: bytes) -> Iterator[bytes]:
    end = _FIRST_END.match(head)
    ends_by_cr = end is not None and end[1] == b"\r" and end.end() < len(head)
    by_lf = iter(functools.partial(stream.readline, LINE_MAX + 1), b"")
    read: Iterable[bytes] = _parts(stream) if ends_by_cr else by_lf
    for number, line in enumerate(read, 1):
        if len(line) > LINE_MAX:
            raise BadFile(f"Line {number} is longer than {LINE_MAX} bytes.")
        yield line


def _parts(stream: Any) -> Iterator[bytes]:
    """Yield what ends with a carriage return alone, as on old Macs."""
    rest = b""
    while (part := stream.read(PART)) and len(rest) <= LINE_MAX:
        *lines, rest = (rest + part).split(b"\r")
        yield from (line + b"\r" for line in lines)
    if rest:
        yield rest


class _Joined(io.RawIOBase):
    """What was read of a stream already, and the rest of it."""

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        self._stream = stream
        self._rest = head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        rest = self._rest or self._more()
        part, self._rest = rest[: len(buffer)], rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def _more(self) -> bytes:
        return self._stream.read(PART)


class _Recoded(_Joined):
    """A stream of another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, head: bytes, encoding: str) -> None:
        super().__init__(stream, b"")
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._parts = itertools.chain([head], iter(lambda: stream.read(PART), b""), [b""])

    def _more(self) -> bytes:
        for part in self._parts:
            try:
                text = self._decoder.decode(part, final=not part).encode()
            except UnicodeError as error:
                raise BadFile(_undecodable("The file", self._encoding)) from error
            if text:
                return text
        return b""
