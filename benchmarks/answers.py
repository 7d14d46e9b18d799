"""Whether the systems answer the same, which they are asked before they are measured."""

from __future__ import annotations

import json
from typing import Any

from .dataset import Dataset
from .measuring import Failed
from .operations import COMPANIES, Request
from .systems.base import Server, System
from .systems.pocketbase import PocketBase

READS = ("get", "list 25", "list 100", "deep page", "cursor page", "search common", "search rare")
WRITES = ("create", "status", "tags")
SAMPLE = 3  # the client that is asked for and changed


def require_same(servers: dict[str, tuple[System, Server]], data: Dataset) -> None:
    """Raise Failed where two systems answer the same request with different data.

    Of PocketBase, whose answers have another shape, the clients and their order, their relations
    and the totals are compared.
    """
    found = {name: _answers(system, server, data) for name, (system, server) in servers.items()}
    (first, expected), *others = found.items()
    for name, answers in others:
        same_shape = isinstance(servers[name][0], PocketBase) == isinstance(
            servers[first][0], PocketBase
        )
        for operation, answer in answers.items():
            pair = answer, expected[operation]
            here, there = pair if same_shape else map(_essence, pair)
            if here != there:
                raise Failed(
                    f"{operation}: {name} answers otherwise than {first}:\n"
                    f"{json.dumps(here)}\n{json.dumps(there)}"
                )


def _answers(system: System, server: Server, data: Dataset) -> dict[str, Any]:
    requests = system.requests(server, data)
    filled = {name: _filled(requests[name], system) for name in (*READS, *WRITES)}
    return {
        name: _comparable(system.call(server, request)[0], writes=name in WRITES)
        for name, request in filled.items()
    }


def _filled(request: Request, system: System) -> Request:
    """Put fixed values where wrk puts changing ones."""
    values = {"id": system.id_format % SAMPLE, "status": "suspended"}
    values |= {"name": COMPANIES[0], "unique": "0" * 14}
    path, text = request.path, request.text
    for name, value in values.items():
        path, text = path.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
    return Request(request.method, path, json.loads(text) if text else None)


def _comparable(answer: Any, *, writes: bool) -> dict[str, Any]:
    if "data" not in answer:
        return _of_pocketbase(answer)
    clients = answer["data"]
    if writes:
        clients.pop("dates")
    return {"data": clients, "total": answer.get("meta", {}).get("total")}


def _of_pocketbase(answer: Any) -> dict[str, Any]:
    """Bring an answer of PocketBase into our shape, as far as `_essence` looks at it."""
    if isinstance(answer, list):  # of a batch
        answer = answer[-1]["body"]
    total = answer.get("totalItems", -1)
    records = answer.get("items", [answer])
    clients = [
        {
            **record,
            "category": record["expand"]["category"],
            "owner": record["expand"]["owner"],
            "tags": [tag["title"] for tag in record["expand"]["tags"]],
        }
        for record in records
    ]
    data = clients if "items" in answer else clients[0]
    return {"data": data, "total": None if total < 0 else total}


def _essence(answer: dict[str, Any]) -> Any:
    clients = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
    rows = [
        (client["company_name"], client["status"], client["category"]["name"],
         client["owner"]["name"], client["tags"])
        for client in clients
    ]  # fmt: skip
    return rows, answer["total"]
