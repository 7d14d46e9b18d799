"""Texts that may not be any: such as stand in addresses, and words to filter by."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from . import String


class Word(String):
    """A text to filter by that no record has empty: blank is no reason to list none or all."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {"minLength": 1, **kwargs.get("metadata", {})}
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        value = super()._deserialize(value, attr, data, **kwargs)
        if not value:
            raise self.make_error("choice")
        return value


class Title(String):
    """A text that stands in an address: none that a client or a proxy makes another address of.

    Before they send it, they take `.` and `..` for the folder and the one above (RFC 3986,
    section 5.2.4), and browsers also read a backslash as a slash: `DELETE …/tags/..` would be
    sent as `DELETE` of the client.
    """

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        value = super()._deserialize(value, attr, data, **kwargs)
        # NFKC, since one character may be written as two dots.
        if _DOTS.search(unicodedata.normalize("NFKC", value)):
            raise self.make_error("format")
        return value


_DOTS = re.compile(r"(?:^|[/\\])\s*(?:\.|%2e){1,2}\s*(?:[/\\]|$)", re.IGNORECASE)
