"""The answer to what never became a request for the application: gunicorn's, as JSON."""

from __future__ import annotations

from http import HTTPStatus

import orjson

MESSAGES = {
    414: "The address is too long.",
    417: "Of what a request may expect, only 100-continue is known.",
    431: "The headers are too large.",
    403: "This port speaks TLS: say https.",
    500: "Something went wrong on our side.",
    501: "The transfer coding of the body is not known.",
}


class Answer:
    """Takes an answer in place of the caller's socket."""

    def __init__(self) -> None:
        self.bytes = b""

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        self.bytes += data

    def as_json(self) -> bytes:
        """Return the bytes of an answer of the same status, in the shape of all our errors."""
        status = HTTPStatus(int(self.bytes.split(None, 2)[1]))
        message = MESSAGES.get(status, "The request is not valid HTTP.")
        body = orjson.dumps({"message": message})
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
