"""An answer's head and body, which gunicorn writes apart, sent together."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GATHERED_BYTES = 65_536


class Socket(socket.socket):
    """A socket that can gather what is written to it, and send it at once.

    Each call of the kernel to send something costs as much as a query, and for the caller it is
    one more thing to wait for. In: the socket in whose place this one is, and which is closed.
    """

    def __init__(self, accepted: socket.socket) -> None:
        kind = accepted.family, accepted.type, accepted.proto
        super().__init__(*kind, fileno=accepted.detach())
        self._gathered: list[bytes] | None = None
        self._size = 0

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Gather what `sendall` is given, to send it at the end, or when it has become long.

        Raises OSError where it can't be sent.
        """
        self._gathered = []
        try:
            yield
        finally:
            self._flush()
            self._gathered = None

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Send all of `data`, or gather it. Raises OSError."""
        if self._gathered is None:
            super().sendall(data, flags)
            return
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= GATHERED_BYTES:
            self._flush()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file, behind what is gathered. Raises OSError."""
        self._flush()
        return super().sendfile(file, offset, count)

    def _flush(self) -> None:
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered, self._size = [], 0
            super().sendall(data)
