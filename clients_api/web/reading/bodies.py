"""From bytes to one dict of parameters: query strings, JSON, URL-encoded and multipart forms.

Whatever the encoding, the result is the same: text is trimmed, and arrays are lists however they
were spelled. An empty string in a body means null; in a query string it stays what it is, so that
a filter that was left blank by mistake is refused, not dropped.
"""

from __future__ import annotations

import codecs
import collections
import json
import re
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import flask
import orjson
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from clients_api.openapi import FORM, JSON, MULTIPART
from clients_api.schemas.base import cleaned, trimmed
from clients_api.web import current_app
from clients_api.web.errors import Refused, too_large

PAIRS_MAX = 1000
TWICE = object()  # in place of the value of a parameter that comes twice and is no array

# tags[] and tags[3], as PHP's http_build_query, jQuery and curl users write them
_ELEMENT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<index>[0-9]{0,9})\]")
# What is valid JSON and more than orjson takes, by its own words.
_TOO_MUCH = {
    "number is infinity": "The body has a number that is too large ({place}).",
    "depth limit": "The body is nested too deeply ({place}).",
}
_SENT_BYTE = re.compile(rb"%[0-9A-Fa-f]{2}|.", re.DOTALL)
_ESCAPED = re.compile("[\udc80-\udcff]")  # what is no UTF-8, decoded with surrogateescape


def read_query(request: flask.Request, arrays: Collection[str]) -> dict[str, Any]:
    """Return the parameters of the query string. Raises Refused for what is no UTF-8."""
    raw = request.query_string
    if not raw:
        return {}
    params = collect(_decode_pairs(raw, "The query string"), arrays)
    return {name: trimmed(value) for name, value in params.items()}


def read_body(request: flask.Request, arrays: Collection[str]) -> dict[str, Any]:
    """Return the parameters of the body; {} if there is none.

    In: `arrays`, the names of the parameters that are arrays, which in a form can't be told from
    a single value. Raises Refused: 413, 415, or 400 for a body that is not what its type says.
    """
    data = read_bytes(request).removeprefix(codecs.BOM_UTF8)
    if not data:
        return {}
    kind, options = parse_options_header(request.environ.get("CONTENT_TYPE", ""))
    kind = kind.lower()
    if kind == JSON or kind.endswith("+json"):
        params = _read_json(data)
    elif kind == FORM:
        if data.lstrip()[:1] in (b"{", b"["):  # curl -d says that whatever it sends is a form
            raise Refused(
                400,
                f"The body looks like JSON, but its Content-Type is {FORM}; "
                f"send it with the header Content-Type: {JSON}.",
            )
        params = collect(_decode_pairs(data, "The body"), arrays)
    elif kind == MULTIPART:
        params = collect(_read_multipart(data, options.get("boundary", "")), arrays)
    else:
        raise Refused(
            415, f"The body must be {JSON}, {FORM} or {MULTIPART}; say which in Content-Type."
        )
    return {name: cleaned(value) for name, value in params.items()}


def read_bytes(request: Any) -> bytes:
    """Return the bytes of the body, which are read once. Raises Refused: 400, 413, 415."""
    if request.body is None:
        request.body = _read_bytes(request)
    data: bytes = request.body
    return data


def _read_bytes(request: flask.Request) -> bytes:
    limit = current_app.config["MAX_BODY_BYTES"]
    length = request.content_length
    if length is not None and length > limit:
        raise too_large()
    try:
        # Of a body that comes in chunks the length is not known.
        data = request.stream.read(limit + 1) if length is None else _read_exactly(request, length)
    except Refused:
        raise
    except Exception as error:
        # Of a caller that breaks off, or sends chunks that are none, each server tells by
        # exceptions of its own.
        raise Refused(400, "The body is not valid HTTP, or not all of it came.") from error
    if len(data) > limit:
        raise too_large()
    if data and "HTTP_CONTENT_ENCODING" in request.environ:
        require_no_coding(request.environ["HTTP_CONTENT_ENCODING"])
    return data


def require_no_coding(codings: str) -> None:
    """Require that a body is not compressed (RFC 9110, section 8.4). Raises Refused: 415."""
    if any(coding.strip().lower() not in ("", "identity") for coding in codings.split(",")):
        raise Refused(
            415,
            "The body must not be compressed; leave out Content-Encoding.",
            headers={"Accept-Encoding": "identity"},  # tells it from a type that is not taken
        )


def _read_exactly(request: flask.Request, length: int) -> bytes:
    data = request.environ["wsgi.input"].read(length)
    if len(data) < length:
        raise EOFError
    return data


def _read_json(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        _decode(data, "The body")
        place = f"line {error.lineno}, column {error.colno}"
        for told, message in _TOO_MUCH.items():
            if told in error.msg:
                raise Refused(400, message.format(place=place)) from error
        why = error.msg.rpartition(": line")[0] or error.msg
        raise Refused(400, f"The body is not valid JSON: {why} ({place}).") from error
    if not isinstance(value, dict):
        raise Refused(400, "The body must be a JSON object.")
    # Each name stands before a colon: only where there are more, one may have come twice.
    return value | _twice(data) if data.count(b":") > len(value) else value


def _twice(data: bytes) -> dict[str, Any]:
    """Return TWICE for each name that a JSON object has more than once; of all the last counts."""
    try:
        pairs = json.loads(data, object_pairs_hook=list, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise Refused(400, "The body is nested too deeply.") from error
    counts = collections.Counter(name for name, _ in pairs)
    return {name: TWICE for name, count in counts.items() if count > 1}


def _decode(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, f"{what} is not valid UTF-8 at byte {error.start}.") from error


def _decode_pairs(data: bytes, what: str) -> list[tuple[str, str]]:
    text = _decode(data, what)
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=PAIRS_MAX)
    except UnicodeDecodeError as error:
        place = _place_of_no_utf8(data)
        raise Refused(400, f"{what} is not valid UTF-8 at byte {place}.") from error
    except ValueError as error:
        raise _too_many(what) from error


def _place_of_no_utf8(data: bytes) -> int:
    # The exception counts from the parameter's beginning, and a percent-encoded byte as one.
    text = unquote_to_bytes(data).decode(errors="surrogateescape")
    before = _ESCAPED.split(text, maxsplit=1)[0].encode()
    return [match.start() for match in _SENT_BYTE.finditer(data)][len(before)]


def _too_many(what: str) -> Refused:
    return Refused(400, f"{what} has more than {PAIRS_MAX} parameters.")


def _read_multipart(data: bytes, boundary: str) -> list[tuple[str, str]]:
    """Return the fields of a form (RFC 7578).

    No call takes files in a form: a file is passed over, under a name that is no parameter's, so
    that it is reported and can't clear the parameter whose name it has.
    """
    if not boundary:
        raise Refused(400, "The body has no boundary: give one in Content-Type.")
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=PAIRS_MAX)
    pairs: list[tuple[str, bytearray]] = []
    try:
        decoder.receive_data(data)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Field | File):
                if event.name is None:
                    raise ValueError("a part has no name")
                keep = isinstance(event, Field)
                pairs.append((event.name if keep else f"{event.name} (file)", bytearray()))
            elif isinstance(event, Data) and keep:
                pairs[-1][1].extend(event.data)
            elif isinstance(event, NeedData):
                raise ValueError("it ends too early")
    except RequestEntityTooLarge as error:
        raise _too_many("The body") from error
    except Exception as error:
        # werkzeug's decoder raises ValueError, KeyError, IndexError and others for broken input.
        raise Refused(400, "The body is not valid multipart/form-data.") from error
    return [(name, decode_field(name, value)) for name, value in pairs]


def decode_field(name: str, value: bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, f"The field {name} is not valid UTF-8.") from error


def collect(pairs: Iterable[tuple[str, str]], arrays: Collection[str]) -> dict[str, Any]:
    single: dict[str, Any] = {}
    elements: dict[str, list[tuple[int, str]]] = {}
    highest_of: dict[str, int] = {}
    for name, value in pairs:
        match = _ELEMENT.fullmatch(name)
        if match is None and name not in arrays:
            single[name] = TWICE if name in single else value
            continue
        name, index = (match["name"], match["index"]) if match else (name, "")
        found = elements.setdefault(name, [])
        highest = highest_of.get(name, -1)
        place = int(index) if index else highest + 1  # as PHP counts
        highest_of[name] = max(place, highest)
        found.append((place, value))
    for name, found in elements.items():
        found.sort(key=lambda element: element[0])
        single[name] = [value for _, value in found]
    return single
