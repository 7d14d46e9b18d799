"""The limit: a bare WSGI function with sqlite3 and the best SQL known, on our own schema.

It has no keys, no validation, no log and no limit of calls; what it answers is what we answer.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson

DATABASE = os.environ["BENCHMARK_DATABASE"]
PRAGMAS = f"""
PRAGMA journal_mode = wal; PRAGMA synchronous = {os.environ["BENCHMARK_SYNCHRONOUS"]};
PRAGMA foreign_keys = 1; PRAGMA temp_store = memory; PRAGMA cache_size = -4000;
"""
COLUMNS = """
SELECT c.id, c.company_name, c.description, c.status, c.phone, c.website, c.vat,
    g.id, g.name, o.id, o.first_name || ' ' || o.last_name,
    c.billing_street, c.billing_city, c.billing_state, c.billing_zip, c.billing_country,
    c.billing_invoice_due_days, c.shipping_street, c.shipping_city, c.shipping_state,
    c.shipping_zip, c.shipping_country, c.created, c.updated,
    (SELECT json_group_array(title) FROM (
        SELECT t.title FROM client_tag AS l JOIN tag AS t ON t.id = l.tag_id
        WHERE l.client_id = c.id ORDER BY l.position))
FROM client AS c JOIN category AS g ON g.id = c.category_id
LEFT JOIN user AS o ON o.client_id = c.id AND o.account_owner = 'yes'
"""
ONE = f"{COLUMNS} WHERE c.id = ?"
# The ids of a page are found first, in an index alone.
PAGE = f"{COLUMNS} WHERE c.id IN (%s) ORDER BY c.created DESC, c.id DESC"
BY_STATUS = PAGE % (
    "SELECT id FROM client WHERE status = ? ORDER BY created DESC, id DESC LIMIT ? OFFSET ?"
)
BEHIND = (
    PAGE
    % """SELECT id FROM client WHERE status = ? AND (created, id) < (?, ?)
    ORDER BY created DESC, id DESC LIMIT ?"""
)
FOUND = (
    PAGE
    % """SELECT k.id FROM client_search AS s CROSS JOIN client AS k ON k.id = s.rowid
    WHERE s.name_key MATCH ? ORDER BY k.created DESC, k.id DESC LIMIT ? OFFSET ?"""
)
# Of many hits the newest are found sooner by going down the list and testing the names.
FOUND_MANY = (
    PAGE
    % """SELECT id FROM client WHERE INSTR(name_key, ?)
    ORDER BY created DESC, id DESC LIMIT ? OFFSET ?"""
)
# A long needle is found by its rarest part, if few names have that.
FOUND_BY_PART = (
    PAGE
    % """SELECT k.id FROM client_search AS s CROSS JOIN client AS k ON k.id = s.rowid
    WHERE s.name_key MATCH ? AND INSTR(k.name_key, ?)
    ORDER BY k.created DESC, k.id DESC LIMIT ? OFFSET ?"""
)
LONG = 8
TOTAL_BY_PART = """
WITH part(text) AS MATERIALIZED (
    SELECT substr(?1, place.value, 5)
    FROM json_each(?2) AS place CROSS JOIN json_each('[0, 1, 2, 3]') AS step
    LEFT JOIN client_gram AS g ON g.gram = substr(?1, place.value + step.value, 2)
    GROUP BY place.value ORDER BY MIN(COALESCE(g.count, 0)), SUM(COALESCE(g.count, 0)) LIMIT 1
), holders(id) AS MATERIALIZED (
    SELECT rowid FROM client_search
    WHERE name_key MATCH '"' || replace((SELECT text FROM part), '"', '""') || '"' LIMIT 501
), few(text) AS (SELECT text FROM part WHERE (SELECT COUNT(*) FROM holders) <= 500)
SELECT text, (
    SELECT COUNT(*) FROM holders AS h CROSS JOIN client AS k ON k.id = h.id
    WHERE INSTR(k.name_key, ?1)
) FROM few
"""
ALL = "SELECT SUM(count) FROM client_total"
LOOKUP_COST = 4  # of a row by its id, and to sort it, in steps down the list
TOTAL_BY_STATUS = "SELECT COALESCE(SUM(count), 0) FROM client_total WHERE status = ?"
TOTAL_FOUND = "SELECT COUNT(*) FROM client_search WHERE name_key MATCH ?"
LIST_MESSAGE = "Clients retrieved successfully."
_threads = threading.local()
Answer = tuple[str, bytes, list[tuple[str, str]]]


def connection() -> sqlite3.Connection:
    """Return this thread's connection."""
    try:
        return _threads.connection
    except AttributeError:
        conn = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
        conn.executescript(PRAGMAS)
        _threads.connection = conn
        return conn


def shaped(row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "id": row[0], "company_name": row[1], "description": row[2], "status": row[3],
        "phone": row[4], "website": row[5], "vat": row[6],
        "category": {"id": row[7], "name": row[8]},
        "owner": None if row[9] is None else {"id": row[9], "name": row[10]},
        "billing": {
            "street": row[11], "city": row[12], "state": row[13], "zip": row[14],
            "country": row[15], "invoice_due_days": row[16],
        },
        "shipping": {
            "street": row[17], "city": row[18], "state": row[19], "zip": row[20],
            "country": row[21],
        },
        "dates": {"created": row[22], "updated": row[23]},
        "tags": orjson.Fragment(row[24]),
    }  # fmt: skip


def one(id: int, message: str, status: str = "200 OK", if_none_match: str = "") -> Answer:
    data = orjson.dumps(shaped(connection().execute(ONE, (id,)).fetchone()))
    tag = f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"'
    headers = [("ETag", tag)]
    if tag == if_none_match:
        return "304 Not Modified", b"", headers
    return status, b'{"data":%b,"message":"%b"}' % (data, message.encode()), headers


def page(query: dict[str, str]) -> Answer:
    execute = connection().execute
    limit, number = int(query["limit"]), int(query.get("page", 1))
    slice = (limit, (number - 1) * limit)
    if "cursor" in query:
        created, id = query["cursor"].split(",")
        rows = execute(BEHIND, (query["status"], created, int(id), limit + 1)).fetchall()
        more = len(rows) > limit
        rows = rows[:limit]
        cursor = f"{rows[-1][22]},{rows[-1][0]}" if more else None
        return listed(rows, {"per_page": limit, "next_cursor": cursor})
    if "search" in query:
        rows, total = found(execute, query["search"].casefold(), slice)
    else:
        total = execute(TOTAL_BY_STATUS, (query["status"],)).fetchone()[0]
        rows = execute(BY_STATUS, (query["status"], *slice)).fetchall()
    last = max(1, -(-total // limit))
    meta = {"current_page": number, "per_page": limit, "total": total, "last_page": last}
    return listed(rows, meta)


def found(execute: Any, needle: str, slice: tuple[int, int]) -> tuple[list[Any], int]:
    if len(needle) >= LONG:
        places = orjson.dumps([*range(1, len(needle) - 3)]).decode()
        if by_part := execute(TOTAL_BY_PART, (needle, places)).fetchone():
            part, total = by_part
            return execute(FOUND_BY_PART, (phrase(part), needle, *slice)).fetchall(), total
    total = execute(TOTAL_FOUND, (phrase(needle),)).fetchone()[0]
    if total * total * LOOKUP_COST > sum(slice) * execute(ALL).fetchone()[0]:
        return execute(FOUND_MANY, (needle, *slice)).fetchall(), total
    return execute(FOUND, (phrase(needle), *slice)).fetchall(), total


def phrase(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def listed(rows: list[tuple[Any, ...]], meta: dict[str, Any]) -> Answer:
    payload = {"data": [shaped(row) for row in rows], "meta": meta, "message": LIST_MESSAGE}
    return "200 OK", orjson.dumps(payload), []


def now() -> str:
    moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def in_transaction(change: Callable[..., int], *arguments: Any) -> int:
    conn = connection()
    conn.execute("BEGIN IMMEDIATE")
    with conn:
        return change(conn.execute, now(), *arguments)


def create(execute: Any, moment: str, body: dict[str, Any]) -> int:
    name, first, last = body["client_company_name"], body["first_name"], body["last_name"]
    id = execute(
        """INSERT INTO client (company_name, name_key, status, phone, category_id, billing_city,
            billing_country, created, updated)
        VALUES (?, ?, 'active', ?, (SELECT id FROM category WHERE system_default = 'yes'),
            ?, ?, ?, ?)""",
        (name, name.casefold(), body["client_phone"], body["client_billing_city"],
         body["client_billing_country"], moment, moment),
    ).lastrowid  # fmt: skip
    execute(
        """INSERT INTO user (type, client_id, first_name, first_name_key, last_name,
            last_name_key, email, email_key, account_owner, status, role_id, created, updated)
        VALUES ('client', ?, ?, ?, ?, ?, ?, ?, 'yes', 'active', 2, ?, ?)""",
        (id, first, first.casefold(), last, last.casefold(), body["email"],
         body["email"].casefold(), moment, moment),
    )  # fmt: skip
    link(execute, moment, id, body["tags"])
    return id


def change_status(execute: Any, moment: str, id: int, status: str) -> int:
    execute("UPDATE client SET status = ?, updated = ? WHERE id = ?", (status, moment, id))
    return id


def change_tags(execute: Any, moment: str, id: int, titles: list[str]) -> int:
    execute("UPDATE client SET updated = ? WHERE id = ?", (moment, id))
    execute("DELETE FROM client_tag WHERE client_id = ?", (id,))
    link(execute, moment, id, titles)
    return id


def link(execute: Any, moment: str, id: int, titles: Iterable[str]) -> None:
    for position, title in enumerate(titles):
        key = title.casefold()
        tag = execute("SELECT id FROM tag WHERE title_key = ?", (key,)).fetchone()
        if tag is None:
            row = (title, key, moment, moment)
            insert = "INSERT INTO tag (title, title_key, created, updated) VALUES (?, ?, ?, ?)"
            tag = (execute(insert, row).lastrowid,)
        execute("INSERT INTO client_tag VALUES (?, ?, ?)", (id, position, tag[0]))


def answer(environ: dict[str, Any]) -> Answer:
    method = environ["REQUEST_METHOD"]
    parts = environ["PATH_INFO"].split("/")  # "", "api", "clients", id, action
    if method == "GET":
        if len(parts) == 3:
            return page(dict(parse_qsl(environ["QUERY_STRING"])))
        wanted = environ.get("HTTP_IF_NONE_MATCH", "")
        return one(int(parts[3]), "Client retrieved successfully.", if_none_match=wanted)
    body = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    if method == "POST":
        return one(in_transaction(create, body), "Client created successfully.", "201 Created")
    change = change_status if parts[4] == "status" else change_tags
    id = in_transaction(change, int(parts[3]), body[parts[4]])
    return one(id, f"Client {parts[4]} updated successfully.")


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer the requests of the benchmark, and nothing else."""
    if environ["PATH_INFO"] == "/":
        status, body, headers = "404 Not Found", b"", []
    else:
        status, body, headers = answer(environ)
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", "application/json"), length, *headers])
    return [body]
