"""What settings may be: each check returns the value to use, and raises ValueError for others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .models.engines import opening


def whole(low: int, high: int) -> Callable[[Any], int]:
    """Return the check of a whole number between `low` and `high`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return check


def one_of(*words: str) -> Callable[[Any], str]:
    """Return the check of one of these words, in whatever case."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError
        return value.lower()

    return check


def flag(value: Any) -> bool:
    """Take true or false, also in words."""
    words = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
    if isinstance(value, str):
        value = words.get(value.lower(), value)
    if value in (0, 1):
        return bool(value)
    raise ValueError


def prefix(value: Any) -> str:
    """Take a path of plain segments; a slash at its end is taken off."""
    # A segment of dots alone is folded away by clients, before they send it.
    if not isinstance(value, str) or not re.fullmatch(
        r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+/?", value
    ):
        raise ValueError
    return value.removesuffix("/")


def database_url(value: Any) -> str:
    """Take the address of a database that one of the engines knows."""
    if not isinstance(value, str):
        raise ValueError
    return opening.check(value)


def origins(value: Any) -> list[str]:
    """Take a list of origins (Fetch standard), or `*`, also as words with commas between."""
    if isinstance(value, str):
        value = [origin.strip() for origin in value.split(",") if origin.strip()]
    if not isinstance(value, list):
        raise ValueError
    for origin in value:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", str(origin)):
            raise ValueError
    return value


def public_url(value: Any) -> str:
    """Take a scheme and a host, with a path or without; empty for none."""
    if value == "":
        return value
    parts = urlsplit(value if isinstance(value, str) else "")
    address = r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/.*)?"
    if not re.fullmatch(address, str(value)) or parts.port == 0:
        raise ValueError
    path = parts.path.strip("/") and prefix(parts.path)
    return f"{parts.scheme}://{parts.netloc}{path}"
