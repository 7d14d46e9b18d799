"""What is printed of data: on one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """Write line ends, control characters and what hides or turns text around as escapes.

    Whoever names a key or a client must neither forge a row of a list nor reach the terminal.
    """
    if text.isprintable():
        return text
    return "".join(sign if _is_plain(sign) else _escaped(sign) for sign in text)


def _is_plain(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"  # a space of some width


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
