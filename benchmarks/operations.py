"""What is asked of the systems: the requests of our API, which all but PocketBase speak too."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

from .dataset import COMMON, FIRST, SECOND, Dataset


class Request(NamedTuple):
    """One kind of request; wrk/requests.lua says what stands for changing values.

    `if_none_match` asks the system first for the ETag to send.
    """

    method: str
    path: str
    body: Any = None
    if_none_match: bool = False

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return "" if self.body is None else json.dumps(self.body)


NAMES = (
    "get",
    "list 25",
    "list 100",
    "deep page",
    "cursor page",
    "search common",
    "search rare",
    "create",
    "status",
    "tags",
    "304",
)
# Those of the data: were new clients all unlike the old, a search would be another one after them.
COMPANIES = tuple(f"{first} {second}" for first in FIRST for second in SECOND)
NEW_CLIENT = {
    "first_name": "Jane",
    "last_name": "Doe",
    "email": "new{unique}@company.example",
    "client_company_name": "{name} {unique}",
    "client_phone": "+1 555 0100",
    "client_billing_city": "San Francisco",
    "client_billing_country": "United States",
    "tags": ["tag 7", "tag 42"],
}


NEW_TAGS = ["tag 3", "tag 33"]


def requests(data: Dataset, cursor: str) -> dict[str, Request]:
    """Return the request of each operation. In: `cursor`, for `data.position` in the system."""
    record = "/api/clients/{id}"
    return {
        "get": Request("GET", record),
        "list 25": _list(limit=25, status="active"),
        "list 100": _list(limit=100, status="active"),
        "deep page": _list(limit=25, status="active", page=data.half // 25 + 1),
        "cursor page": _list(limit=25, status="active", cursor=cursor),
        "search common": _list(limit=25, search=COMMON),
        "search rare": _list(limit=25, search=data.rare),
        "create": Request("POST", "/api/clients", NEW_CLIENT),
        "status": Request("PUT", f"{record}/status", {"status": "{status}"}),
        "tags": Request("PUT", f"{record}/tags", {"tags": NEW_TAGS}),
        "304": Request("GET", f"/api/clients/{data.clients // 2}", if_none_match=True),
    }


def _list(**query: Any) -> Request:
    order = {"sort": "client_created", "order": "desc"}
    return Request("GET", f"/api/clients?{urlencode(query | order)}")
