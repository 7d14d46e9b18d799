"""Lists: from a selection of records to one page of them, by number or by cursor."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

import orjson

from clients_api.models.queries.composing import Row
from clients_api.models.queries.selection import Selection
from clients_api.schemas.fields import INTEGER_MAX
from clients_api.schemas.paging import LIMIT_MAX, CursorQuerySchema, PageQuerySchema

_QUERY_SAFE = "%&=+-._~!$'()*,;:@/?[]"  # what a query string may hold as it is (RFC 3986), and []
Link = tuple[str, int | str]  # the parameter that leads to a page, and its value
INTEGERS = range(-INTEGER_MAX - 1, INTEGER_MAX + 1)  # that SQLite has


class Page(NamedTuple):
    """One page: its rows, what the answer says of it, and where its neighbours are."""

    rows: list[Row]
    meta: dict[str, Any]
    links: dict[str, Link]


class Paging:
    """What a request asks of a list besides its filters.

    In: the schema of the query string; the loaded query, from which its own parameters are taken;
    and the limit where none is given.
    """

    def __init__(
        self, schema: type[CursorQuerySchema], query: dict[str, Any], default_limit: int
    ) -> None:
        self.limit = min(query.pop("limit", None) or default_limit, LIMIT_MAX)
        self.number = query.pop("page", None) or 1
        self.cursor = query.pop("cursor", None)
        if self.cursor is None and not issubclass(schema, PageQuerySchema):
            self.cursor = ""
        self.sort = query.pop("sort", None) or schema.default_sort
        self._list = schema.__name__
        self.descending = (query.pop("order", None) or schema.default_order) == "desc"

    def run(self, selection: Any) -> Page:
        """Read the page. Raises ValueError for a cursor that is damaged or of another list."""
        return self._by_number(selection) if self.cursor is None else self._by_cursor(selection)

    def _by_number(self, selection: Selection) -> Page:
        total = selection.total()
        last = max(1, -(-total // self.limit))
        rows = []
        if self.number <= last:
            offset = (self.number - 1) * self.limit
            rows = selection.page(
                sort=self.sort,
                descending=self.descending,
                limit=self.limit,
                offset=offset,
                total=total,
            )
        meta = {
            "current_page": self.number,
            "per_page": self.limit,
            "total": total,
            "last_page": last,
        }
        numbers = {"first": 1, "prev": min(self.number - 1, last), "next": self.number + 1}
        links = {
            relation: ("page", number)
            for relation, number in {**numbers, "last": last}.items()
            if 1 <= number <= last
        }
        return Page(rows, meta, links)

    def _by_cursor(self, selection: Selection) -> Page:
        last = self._decode(self.cursor) if self.cursor else None
        # One row more than asked for tells whether there is a next page.
        rows = selection.after(
            last, sort=self.sort, descending=self.descending, limit=self.limit + 1
        )
        cursor = None
        if len(rows) > self.limit:
            rows.pop()
            id = rows[-1][selection.reader.columns.index("id")]
            cursor = self._encode([rows[-1][len(selection.reader.columns)], id])
        links: dict[str, Link] = {"first": ("cursor", "")}
        if cursor is not None:
            links["next"] = ("cursor", cursor)
        return Page(rows, {"per_page": self.limit, "next_cursor": cursor}, links)

    def _encode(self, position: list[Any]) -> str:
        data = orjson.dumps(position)
        return self._base64(self._checksum(data) + data)

    def _decode(self, cursor: str) -> tuple[Any, int]:
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("not base64") from error
        if self._checksum(raw[8:]) != raw[:8] or self._base64(raw) != cursor:
            raise ValueError("damaged, or of another list, sort or order")
        match orjson.loads(raw[8:]):
            case [str() as key, int() as id] if id in INTEGERS:
                return key, id
            case [int() as key, int() as id] if key in INTEGERS and id in INTEGERS:
                return key, id
        raise ValueError("no place in a list")

    @staticmethod
    def _base64(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def _checksum(self, data: bytes) -> bytes:
        # Against damage and mix-ups. Who forges one only asks for another page of the same list.
        place = f"{self._list} {self.sort} {self.descending} ".encode()
        return hashlib.blake2b(place + data, digest_size=8).digest()


def link_header(address: str, query: bytes, links: Mapping[str, Link]) -> str:
    """Write a Link header (RFC 8288) with the addresses of neighbouring pages.

    In: the address of the list; the query string as it was asked; and for each relation the one
    parameter that differs in it, a number or a cursor, which need no escapes.
    """
    pairs = quote(query, safe=_QUERY_SAFE).split("&")
    same = [pair for pair in pairs if pair and _name(pair) not in ("page", "cursor")]
    address = f"{address}?" + "".join(f"{pair}&" for pair in same)
    return ", ".join(
        f'<{address}{name}={value}>; rel="{relation}"' for relation, (name, value) in links.items()
    )


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])
