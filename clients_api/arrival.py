"""What has arrived of a request: found out without parsing it, and without waiting for more."""

from __future__ import annotations

import re

from gunicorn.http.errors import InvalidChunkSize, LimitRequestHeaders, LimitRequestLine
from gunicorn.http.unreader import SocketUnreader

HEAD_BYTES = 65_536
STALL_SECONDS = 5

_CHUNKED = re.compile(rb"\r\ntransfer-encoding:([^\r\n]*,)?[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-f]+)[ \t]*(;.*)?", re.IGNORECASE)
_CHUNK_DIGITS = 15


class Arrival:
    """The bytes of a request that have come so far, and whether they are enough to handle it.

    In: `limit`, the bytes of a body above which it is refused. This finds where a request ends
    (RFC 9112, section 6), and nothing else: what looks wrong counts as complete, since gunicorn's
    parser refuses it without reading on.
    """

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.expects_continue = False
        self.is_cut = False  # the body is over the limit, and so not waited for
        self._limit = limit
        self._body = 0  # where it begins; 0 until the head is complete
        self._length: int | None = None  # None if it comes in chunks
        self._chunk = 0  # where the next one begins
        self._payload = 0  # bytes in the chunks before it

    def is_complete(self) -> bool:
        """Tell whether the request can be handled without waiting for its caller.

        Raises gunicorn's LimitRequestLine, LimitRequestHeaders and InvalidChunkSize for what has
        become too long before it was complete.
        """
        if not self._body and not self._find_body():
            return self.data.count(b"\n") != self.data.count(b"\r\n")
        if self._length is None:
            return self._find_last_chunk()
        self.is_cut = self._length > self._limit
        return self.is_cut or len(self.data) >= self._body + self._length

    def _find_body(self) -> bool:
        # An empty line before the request is allowed (RFC 9112, section 2.2).
        end = self.data.find(b"\r\n\r\n", 2 if self.data.startswith(b"\r\n") else 0)
        if max(end, len(self.data) if end < 0 else 0) > HEAD_BYTES:
            if b"\r\n" not in self.data:
                raise LimitRequestLine(len(self.data), HEAD_BYTES)
            raise LimitRequestHeaders("max buffer headers")
        if end < 0:
            return False
        if expect := _EXPECT.search(self.data, 0, end + 2):
            self.expects_continue = True
            del self.data[expect.start() : expect.end()]
            end -= len(expect[0])
        self._body = self._chunk = end + 4
        if not _CHUNKED.search(self.data, 0, end + 2):
            length = _LENGTH.search(self.data, 0, end + 2)
            self._length = int(length[1].lstrip(b"0")[:18] or 0) if length else 0
        return True

    def _find_last_chunk(self) -> bool:
        while (end := self.data.find(b"\r\n", self._chunk)) >= 0:
            chunk = _CHUNK.fullmatch(self.data, self._chunk, end)
            if chunk is None:
                return True
            if len(chunk[1]) > _CHUNK_DIGITS:
                raise InvalidChunkSize(chunk[1])  # gunicorn would wait for as much to come
            size = int(chunk[1], 16)
            if size == 0:
                return self.data.find(b"\r\n\r\n", end) >= 0
            if self._payload + min(size, len(self.data) - end) > self._limit:
                self.is_cut = True
                return True
            if end + 2 + size + 2 > len(self.data):
                break
            self._chunk = end + 2 + size + 2
            self._payload += size
        # Small chunks, long extensions and trailers must not make a body endless.
        if len(self.data) > self._body + HEAD_BYTES + 2 * self._limit:
            raise InvalidChunkSize(b"")
        return False


class Unreader(SocketUnreader):
    """Reads what is left of a request; a caller that stalls is one that has hung up."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        before = self.sock.gettimeout()
        self.sock.settimeout(STALL_SECONDS)
        try:
            return super().chunk(size_hint)
        except TimeoutError:
            return b""
        finally:
            self.sock.settimeout(before)
