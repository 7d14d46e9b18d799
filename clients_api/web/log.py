"""What an operator sees of the service: one log line a request, and a request id to find it by."""

from __future__ import annotations

import functools
import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import flask
import orjson

ACCESS = logging.getLogger("clients_api.access")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
FIELDS = ("request_id", "method", "path", "status", "ms", "key")
_REQUEST = "".join(f" {name}=%({name})s" for name in FIELDS)


class TextFormatter(logging.Formatter):
    """One line of text; whatever a caller wrote into it, it stays one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_second(int(record.created))} {record.levelname} {record.getMessage()}"
        if hasattr(record, "request_id"):
            line += _REQUEST % vars(record)
        line = escape(line)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


@functools.lru_cache(maxsize=4)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, message, and of a request what FIELDS names."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, Any] = {
            "time": moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


def escape(text: str) -> str:
    """Write what is not printable as escapes, so that a log line can't be forged."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def set_up_logging(level: str, form: str) -> None:
    """Send our log to stderr. For a process that is ours; a host has its own arrangements."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logger = logging.getLogger("clients_api")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def request_id(environ: dict[str, Any], make: Any) -> str:
    """Return the request's X-Request-ID if the caller gave a sane one, or else a new id."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE_ID.fullmatch(given) else make()


def log_request(request: Any, response: flask.Response) -> None:
    """Write the line of a request that was answered. Queries may hold names, so the path alone."""
    if not ACCESS.isEnabledFor(logging.INFO):
        return
    extra = {
        "request_id": request.id,
        "method": escape(request.method),
        "path": quote(request.path),  # no space, so that no field of a line can be forged
        "status": response.status_code,
        "ms": round((time.perf_counter() - request.started) * 1000, 2),
        "key": request.caller.name if request.caller else "-",
    }
    # Not ACCESS.info: it would find out each time that this line of code is where it comes from.
    ACCESS.handle(
        ACCESS.makeRecord(ACCESS.name, logging.INFO, "", 0, "request", (), None, extra=extra)
    )
