"""Answers to what never became a request for the application: bytes that are no valid HTTP."""

from __future__ import annotations

import ssl

import orjson
from gunicorn.http.errors import (
    InvalidHeader,
    InvalidHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
)


def answer(error: BaseException) -> tuple[int, bytes]:
    """Return the status and all bytes of the answer to what gunicorn could not read."""
    status, reason, message = _judge(error)
    body = orjson.dumps({"message": message})
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return status, head.encode() + body


def _judge(error: BaseException) -> tuple[int, str, str]:
    match error:
        case LimitRequestLine():
            return 414, "URI Too Long", "The address is too long."
        case LimitRequestHeaders():
            return 431, "Request Header Fields Too Large", "The headers are too large."
        case InvalidHeader() | InvalidHeaderName():
            return 400, "Bad Request", "The request has a header that is not valid HTTP."
        case ssl.SSLError():
            return 400, "Bad Request", "This port speaks TLS: say https."
    if type(error).__module__.startswith("gunicorn.http"):
        return 400, "Bad Request", "The request is not valid HTTP."
    return 500, "Internal Server Error", "Something went wrong on our side."
