"""From what a view returns to the bytes of the answer: the envelope, once for all routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import flask
import orjson

from clients_api.models.events.reading import Feed
from clients_api.models.queries.composing import Row
from clients_api.models.queries.record import Record
from clients_api.models.queries.selection import Selection
from clients_api.schemas.base import Schema, shape
from clients_api.schemas.fields import sentence

from . import conditional, trials
from .errors import unprocessable
from .messages import Response
from .paging import Page, Paging, link_header
from .reading import routing


class Include(NamedTuple):
    """Other records that `?include=` adds to one: how they are read, and the schema of each.

    `read` takes the ids of the records and returns, by id, the columns and rows that belong to it.
    """

    read: Callable[[list[int]], Mapping[int, list[tuple[Any, ...]]]]
    columns: tuple[str, ...]
    schema: type[Schema]


class Answer(NamedTuple):
    """What a route answers when all went well."""

    status: int
    schema: type[Schema]
    message: str
    many: bool = False
    feed: bool = False  # many, that are read on from a position
    location: bool = False  # of the new record, in the header
    includes: Mapping[str, Include] = {}  # where they are asked for
    included: Mapping[str, Include] = {}  # always
    secret: tuple[str, ...] = ()  # members that are shown once, and not stored for repeats
    media_types: tuple[str, ...] = ()  # of the file that is answered in place of the envelope


class Shown(NamedTuple):
    """A record of another kind than the route's: what it is, its schema, and itself."""

    object: str
    schema: type[Schema]
    record: Record
    message: str | None = None  # where it is not the usual one


class Answerer:
    """Answers for an operation.

    In: what it answers; what its records are, and the schema that shows their state; and whether
    it writes.
    """

    def __init__(self, answer: Answer, object: str, state: type[Schema], writes: bool) -> None:
        self._answer = answer
        self._object = object
        self._state = state
        self._writes = writes

    def list(
        self,
        request: Any,
        selection: Selection,
        paging: Paging,
        includes: Mapping[str, Include],
    ) -> flask.Response:
        try:
            page: Page = paging.run(selection)
        except ValueError as error:
            raise unprocessable({"cursor": [sentence("cursor", "cursor")]}) from error
        shaped = shape(self._answer.schema, selection.reader.columns)
        data = [shaped(row) for row in page.rows]
        _add(includes, data)
        payload = {"data": data, "meta": page.meta, "message": self._answer.message}
        response = _json(orjson.dumps(payload), self._answer.status)
        if page.links:
            address = routing.root(request) + quote(request.path)
            response.headers["Link"] = link_header(address, request.query_string, page.links)
        return response

    def feed(self, request: Any, feed: Feed) -> flask.Response:
        shaped = shape(self._answer.schema, feed.columns)
        data = [shaped(row) for row in feed.rows]
        payload = orjson.dumps({"data": data, "meta": feed.meta, "message": self._answer.message})
        tag = conditional.entity_tag(payload)
        if conditional.is_unchanged(request, tag):
            response = Response(status=304)
        else:
            response = _json(payload, self._answer.status)
        response.headers["ETag"] = f'"{tag}"'
        return response

    def other(self, request: Any, shown: Shown) -> flask.Response:
        """Answer with a record of another kind."""
        data = shape(shown.schema, shown.record.columns)(shown.record.values_)
        request.message = shown.message
        if request.is_trial:
            return self._trial(request, data, shown.object)
        payload = {"data": data, "message": request.message or self._answer.message}
        return _json(orjson.dumps(payload), self._answer.status)

    def one(self, request: Any, record: Record, includes: Mapping[str, Include]) -> flask.Response:
        """Answer with one record."""
        answer = self._answer
        data = shape(answer.schema, record.columns)(record.values_)
        if request.is_trial:
            _add(includes, [data])
            return self._trial(request, data, self._object)
        text = orjson.dumps(data)
        is_state = answer.schema is self._state and not answer.secret
        tag = conditional.entity_tag(text) if is_state else ""
        if includes:
            _add(includes, [data])
            text = orjson.dumps(data)
            tag = f"{tag}.{conditional.entity_tag(text)}"
        if is_state and not self._writes and conditional.is_unchanged(request, tag):
            response = Response(status=304)
        else:
            envelope = b'{"data":%b,"message":%b}' % (
                text,
                orjson.dumps(request.message or answer.message),
            )
            response = _json(envelope, answer.status)
        if is_state:
            response.headers["ETag"] = f'"{tag}"'
        if answer.location:
            address = routing.root(request) + quote(request.path.rstrip("/"))
            response.headers["Location"] = f"{address}/{record['id']}"
        return response

    def _trial(self, request: Any, data: dict[str, Any], object: str) -> flask.Response:
        data = trials.without_new_ids(data, object)
        data |= {name: None for name in self._answer.secret}
        payload: dict[str, Any] = {"data": data}
        if (affected := trials.affected()) is not None:
            payload["meta"] = {"affected": affected}
        message = request.message or self._answer.message
        payload["message"] = trials.message(message)
        return _json(orjson.dumps(payload), self._answer.status)


def data(
    schema: type[Schema],
    includes: Mapping[str, Include],
    columns: tuple[str, ...],
    rows: Sequence[Row],
) -> bytes:
    """Return the JSON of rows of these columns, as the envelope's `data` has them."""
    shaped = shape(schema, columns)
    records = [shaped(row) for row in rows]
    _add(includes, records)
    return orjson.dumps(records)


def _json(body: bytes, status: int) -> Response:
    # Passed through: it is bytes already, and nothing has to be closed behind them.
    return Response(body, status, content_type="application/json", direct_passthrough=True)


def _add(includes: Mapping[str, Include], data: list[dict[str, Any]]) -> None:
    for name, include in includes.items():
        shaped = shape(include.schema, include.columns)
        found = include.read([record["id"] for record in data])
        for record in data:
            record[name] = [shaped(row) for row in found.get(record["id"], ())]
