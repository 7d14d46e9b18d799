"""Requests that are wrong in some places, made up by Hypothesis for tests/test_hostile.py.

Each begins as one that is right, so that it gets far, and is then spoilt.
"""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote_plus

from hypothesis import strategies as st

from clients_api.blueprints.clients import blp as CLIENTS
from clients_api.files.formats import MEDIA_TYPES
from clients_api.models.custom_field import TYPES
from clients_api.openapi import FORM, JSON, MULTIPART
from clients_api.openapi.fields import example
from clients_api.web.operation import Operation

CUSTOM = {name: f"custom_{name}" for name in TYPES}
# What the examples of the documentation can't know of the service that is asked.
REFERENCES = {"clientid": 1, "owner": 2, "target_id": 2, "users": [3], "category_name": "New"}

# Values, as text that stands in JSON, in a form or in a file

NASTY = (
    *("", " ", "\0", "a\0b", "\ud800", "\ufeff", "\u202e", "\U0001f600", "e\u0301", "İ", "\r\n"),
    *("%", "_", "*", "'", '"', "\\", ";", "=1+1", "' OR 1=1 --", "<script>", "../..", "{}", "[]"),
    *("NaN", "Infinity", "-1", "0", "1e400", "0x1", "\u0663", "9" * 6000, str(2**63), str(2**64)),
    *("yes", "no", "true", "null", "asc", "client", "active", "suspended", "dropdown", "admin"),
    *("a@b.example", "jane@taken.example", "@", "a@" + "b." * 200 + "example", "a" * 70_000),
    *("2026-06-15", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2999-01-01"),
)
TEXTS = st.sampled_from(NASTY) | st.text(st.characters(), max_size=20)
LITERALS = (
    *("1e400", "-0", "9" * 6000, "1" + "0" * 400 + ".5", "1e18", '{"0": "a"}'),
    *("[" * 900 + "]" * 900, json.dumps(list(range(2000))), json.dumps(["a"] * 2000)),
)
NUMBERS = st.integers(0, 12) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON_TEXTS = st.recursive(
    st.one_of(TEXTS, NUMBERS, st.none(), st.booleans()).map(json.dumps) | st.sampled_from(LITERALS),
    lambda inner: st.lists(inner, max_size=4).map(",".join).map("[{}]".format),
    max_leaves=6,
)
BROKEN = (
    *(
        "NaN",
        "-Infinity",
        "01",
        "'a'",
        "nul",
        "",
        '"',
        "/**/1",
        "1,",
        r'"\ud800"',
        r'"\udc00\ud800"',
    ),
    *("[" * 100_000, '{"a":' * 2000 + "1" + "}" * 2000),
)


# Bodies


def names(operation: Operation) -> st.SearchStrategy[str]:
    """Make up names of parameters, most of them of those that the operation takes."""
    known = [*operation.body.parameters, *CUSTOM.values(), "id", "status", "__class__"]
    return st.sampled_from(known) | TEXTS


def right(operation: Operation) -> dict[str, Any]:
    """Return parameters that are right: the examples, with references to records of the world."""
    found = example(operation.body.load_fields)
    found.pop("client_categoryid", None)  # no column of the files that are imported
    return {name: REFERENCES.get(name, value) for name, value in found.items()}


def seldom(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 5)) > 3


@st.composite
def json_bodies(draw: st.DrawFn, operation: Operation) -> tuple[bytes, str]:
    if seldom(draw):
        return draw(JSON_TEXTS).encode("utf-8", "surrogatepass"), JSON
    members = [
        f"{json.dumps(name)}:{json.dumps(value)}" for name, value in right(operation).items()
    ]
    values = st.sampled_from(BROKEN) if seldom(draw) else JSON_TEXTS
    spoilt = draw(st.lists(st.tuples(names(operation).map(json.dumps), values), max_size=2))
    members += map(":".join, spoilt)  # a name that is there already is there twice now
    return f"{{{','.join(members)}}}".encode("utf-8", "surrogatepass"), JSON


@st.composite
def pairs(draw: st.DrawFn, operation: Operation) -> list[tuple[str, str]]:
    found = []
    for name, value in right(operation).items():
        elements = value if isinstance(value, list) else [value]
        found += [(name + "[]" * isinstance(value, list), str(element)) for element in elements]
    spellings = ("", "", "", "[]", "[0]", "[2]", "[-1]", "[x]", "[0][a]", "[", "]", "[9999999999]")
    spoilt = st.tuples(names(operation), st.sampled_from(spellings), TEXTS)
    found += [(name + end, text) for name, end, text in draw(st.lists(spoilt, max_size=4))]
    return found


@st.composite
def forms(draw: st.DrawFn, operation: Operation) -> tuple[bytes, str]:
    return written(draw(pairs(operation)), draw(st.booleans())), FORM


def written(parameters: list[tuple[str, str]], is_plain: bool) -> bytes:
    """Write a form or a query string; plain is without any escapes."""
    if is_plain:
        text = "&".join(map("=".join, parameters))
        return text.encode("utf-8", "surrogatepass")
    escaped = ([quote_plus(part, errors="surrogatepass") for part in pair] for pair in parameters)
    return "&".join(map("=".join, escaped)).encode()


@st.composite
def multiparts(draw: st.DrawFn, operation: Operation) -> tuple[bytes, str]:
    boundary = draw(st.sampled_from(BOUNDARIES)) if seldom(draw) else "x"
    end = draw(st.sampled_from(("", "x", "\r\nepilogue"))) if seldom(draw) else "\r\n"
    parts = []
    for name, value in draw(pairs(operation)):
        more = draw(st.sampled_from(PART_HEADERS)) if seldom(draw) else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}'
        parts.append(f"{head}\r\n\r\n{value}\r\n")
    text = f"{''.join(parts)}--{boundary}--{end}"
    return text.encode("utf-8", "surrogatepass"), f"{MULTIPART}; boundary={boundary}"


BOUNDARIES = ("", "-", "a b", '"', "ÿ", "x" * 5000)
PART_HEADERS = (
    *('; filename="a.png"', "; filename=", "; filename*=x''%ff", "; name=b", "\r\nX" * 100),
    "\r\nContent-Type: text/plain; charset=utf-16",
)


@st.composite
def files(draw: st.DrawFn, operation: Operation) -> tuple[bytes, str]:
    """Make up files to import: rows as `OWNED` takes them."""
    kind = draw(st.sampled_from(list(MEDIA_TYPES)))
    if MEDIA_TYPES[kind] == "ndjson":
        rows = draw(st.lists(json_bodies(OWNED), max_size=3))
        return b"\n".join(row for row, _ in rows), kind
    row = right(OWNED) | {"tags": "a;b"}
    row |= dict(draw(st.lists(st.tuples(names(OWNED), TEXTS), max_size=2)))
    separator, quote = draw(st.sampled_from(((",", '"'), (";", '"'), (",", "'"), ("\t", ""))))
    lines = (
        separator.join(f"{quote}{cell}{quote}" for cell in cells) for cells in (row, row.values())
    )
    return "\n".join(lines).encode("utf-8", "surrogatepass"), kind


OWNED = next(operation for operation in CLIENTS.operations if operation.method == "POST")
DAMAGES = (
    lambda data: data[: len(data) // 2],
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: data + b"\0",
    lambda data: data.replace(b"a", b"\xff"),
    lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    gzip.compress,
    lambda data: b"",
    lambda data: data + b" " * 1_048_576,
)
TYPES_OF_BODIES = (
    *(JSON, FORM, MULTIPART, *MEDIA_TYPES, "text/plain", "", ";;;", "application/xml", "é"),
    *(f"{JSON}; charset=utf-16", f"{FORM}; charset=x", f"{MULTIPART}; boundary*=utf-8''x"),
)


@st.composite
def bodies(draw: st.DrawFn, operation: Operation) -> dict[str, Any]:
    kinds = [files] if operation.file_types else [json_bodies, forms, multiparts]
    data, kind = draw(st.sampled_from(kinds).flatmap(lambda make: make(operation)))
    if seldom(draw):
        data = draw(st.sampled_from(DAMAGES))(data)
    if seldom(draw):
        kind = draw(st.sampled_from(TYPES_OF_BODIES))
    return {"data": data, "content_type": kind}


# What stands around a body

HEADER_NAMES = (
    *("Prefer", "Idempotency-Key", "If-Match", "If-None-Match", "Accept", "Range", "Host"),
    *("Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect", "Cookie", "Upgrade"),
    *("X-Request-ID", "X-HTTP-Method-Override", "X-Forwarded-Prefix", "X-Forwarded-Host"),
    *("Authorization", "Origin", "If-Modified-Since", "Accept-Language"),
)
HEADER_VALUES = (
    *("", "*", '""', 'W/"x"', '"' * 101, "handling=strict", "handling=strict;;;,,,=\xff"),
    *("gzip", "identity", "chunked", "-1", "0", "3", "9" * 40, "DELETE", "/x", "a b"),
    *("Bearer ", "Bearer \xff", "Basic eA==", "evil.example:99999", "bytes=0-9", "x" * 256),
)
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
HEADERS = st.dictionaries(
    st.sampled_from(HEADER_NAMES), st.sampled_from(HEADER_VALUES) | LATIN, max_size=2
)
IDS = (
    *("0", "-1", "01", "+1", "1.0", "x", "%00", "%ff", "%20", "é", ".", "..", "{id}/", "{id};a"),
    *(str(2**63 - 1), str(2**63), "9" * 400, "export", "import", "%F0%9F%98%80", "{id}%00"),
)
TITLES = ("a", "A%20", "x", "a/b", "%00", "%ff", "é", "%ED%A0%80")


@st.composite
def queries(draw: st.DrawFn, operation: Operation) -> str:
    known = [*operation.query.parameters, *CUSTOM.values(), "page", "cursor", "foo"]
    name = st.sampled_from(known) | TEXTS
    parameters = draw(st.lists(st.tuples(name, TEXTS | st.sampled_from(("1", "2"))), max_size=4))
    return written(parameters, draw(st.booleans())).decode("latin-1")


@st.composite
def requests(draw: st.DrawFn, operation: Operation) -> dict[str, Any]:
    """Make up the options of a call of an operation, `Caller.call`'s, and its path."""
    id = draw(st.sampled_from(IDS)) if seldom(draw) else "{id}"
    title = draw(st.sampled_from(TITLES))
    path = operation.path.replace("<id:id>", id).replace("<title:title>", title)
    options = {"path": path, "headers": draw(HEADERS) if seldom(draw) else {}}
    if not operation.writes or seldom(draw):
        options["environ_overrides"] = {"QUERY_STRING": draw(queries(operation))}
    if operation.writes or seldom(draw):
        options |= draw(bodies(operation))
    return options
