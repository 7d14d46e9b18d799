"""The way of a request, once for all routes: an Operation stands behind each of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import flask
import orjson

from . import conditional, repeats
from .bodies import read_body, read_file, read_query
from .errors import unprocessable
from .messages import Response
from .models import CustomField
from .models.base import Record
from .models.errors import Invalid
from .models.reader import Selection
from .openapi_operations import OperationDocs
from .paging import Page, Paging, link_header
from .schemas.base import Schema, shape
from .schemas.client import IncludeQuerySchema
from .schemas.custom_field import read_values
from .schemas.fields import sentence
from .schemas.paging import PageQuerySchema

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


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
    location: bool = False  # of the new record, in the header
    signal: Any = None
    includes: Mapping[str, Include] = {}
    secret: tuple[str, ...] = ()  # members that are shown once, and not stored for repeats
    media_types: tuple[str, ...] = ()  # of the file that is answered in place of the envelope


class Resource(NamedTuple):
    """What all routes of one kind of record have in common.

    In: what a person calls a record; the schema of one; how one is found by its id; and the
    scopes that a key needs in order to read and to change it.
    """

    noun: str
    schema: type[Schema]
    find: Callable[[int | None], Record]
    read: str = "read"
    write: str = "write"


class Loaded(NamedTuple):
    """Parameters as a schema took them: values, sentences for errors, names it does not know."""

    values: dict[str, Any]
    errors: dict[str, list[str]]
    ignored: list[str]


class Call(NamedTuple):
    """A request on its way: the service, and the parameters of its path, query string and body."""

    app: Any
    request: Any
    path: dict[str, Any]
    query: dict[str, Any]
    body: dict[str, Any]


class Operation(OperationDocs):
    """One method of one path: from the request's bytes to the answer's, in one direction.

    The key and its scope are checked first; then the parameters are read and loaded, and all that
    is wrong with them is said at once; then the view runs, for a change in the one transaction of
    the request; what it returns is shaped by the schema, put into the envelope, and sent.
    """

    def __init__(
        self, view: Callable[..., Any], resource: Resource, method: str, path: str
    ) -> None:
        functools.update_wrapper(self, view)
        self.view = view
        self.resource = resource
        self.method = method
        self.path = path
        self.writes = method in WRITING
        self.has_record = "<id:id>" in path
        self.scope = getattr(view, "_scope", resource.write if self.writes else resource.read)
        self.answer: Answer = view._answer
        self.query: Schema = getattr(
            view, "_query", IncludeQuerySchema if self.answer.includes else Schema
        )()
        self.body: Schema = getattr(view, "_body", Schema)()
        self.rules = getattr(view, "_rules", None)
        parameters = inspect.signature(view).parameters
        self.takes_query = "query" in parameters
        self.takes_body = "body" in parameters
        self.file_types: tuple[str, ...] = getattr(view, "_file_types", ())
        self._query_arrays = self.query.arrays()
        self._body_arrays = self.body.arrays()

    def __deepcopy__(self, memo: dict[int, Any]) -> Operation:
        return self  # flask-smorest copies what it documents; there is one operation

    def __call__(self, **path: Any) -> flask.Response:
        app = flask.current_app._get_current_object()
        request = flask.request._get_current_object()
        caller = app.admit(request, self.scope)
        call = Call(app, request, path, *self._load(request, path))
        if not self.writes:
            return self._run(call)
        key = repeats.key_of(request)
        if key is None:
            with app.database.writing():
                response = self._run(call)
        else:
            response = self._run_once(call, caller.name, key)
        app.after_commit(request)
        return response

    # From bytes to values

    def _load(
        self, request: flask.Request, path: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        params = read_query(request, self._query_arrays)
        query = self._read(self.query, params, filters=True) if params else Loaded({}, {}, [])
        body = Loaded({}, {}, [])
        if self.file_types:
            body = Loaded(read_file(request, self.file_types), {}, [])
        elif self.writes or ("CONTENT_LENGTH" in request.environ and request.content_length):
            params = read_body(request, self._body_arrays)
            if params or self.takes_body:
                body = self._read(self.body, params)
        ignored = query.ignored + body.ignored
        if query.values.get("cursor") is not None and "page" in query.values:
            ignored.append("page")
        errors = {**query.errors, **body.errors}
        errors |= ignore(request, ignored)
        if errors:
            raise unprocessable(self._all_errors(path, errors, body.values))
        return query.values, body.values

    @staticmethod
    def _read(schema: Schema, params: dict[str, Any], *, filters: bool = False) -> Loaded:
        values, errors = schema.read(params)
        ignored = [name for name in params if name not in schema.parameters]
        if schema.takes_custom_fields and (ignored or not filters):
            definitions = CustomField.definitions()
            values["custom"], more = read_values(definitions, params, filters=filters)
            errors |= more
            custom = {definition.name for definition in definitions}
            ignored = [name for name in ignored if name not in custom]
        return Loaded(values, errors, ignored)

    def _all_errors(
        self, path: dict[str, Any], errors: dict[str, list[str]], body: dict[str, Any]
    ) -> dict[str, list[str]]:
        """Add to the errors of the schemas those that only the database knows.

        Raises NotFound first: of a record that is not there, nothing else matters.
        """
        if self.has_record:
            self.resource.find(path["id"])
        if self.rules is None:
            return errors
        names = inspect.signature(self.rules).parameters
        known = {name: body[name] for name in names if name in body}
        if "but" in names:
            known["but"] = path.get("id")
        return self.body.sentences(self.rules(**known)) | errors

    # From values to an answer

    def _run_once(self, call: Call, caller: str, key: str) -> flask.Response:
        asked = repeats.fingerprint(call.request, call.body)
        with call.app.repeats.one_at_a_time(caller, key):
            response = repeats.stored(caller, key, asked)
            if response is not None:
                return response
            with call.app.database.writing():
                # Another process may have been faster while this one waited for the lock.
                response = repeats.stored(caller, key, asked)
                if response is not None:
                    return response
                response = self._run(call)
                repeats.keep(caller, key, asked, response, self.answer.secret)
            return response

    def _run(self, call: Call) -> flask.Response:
        includes = self._included(call.query)
        arguments = dict(call.path)
        paging = None
        if isinstance(self.query, PageQuerySchema):
            paging = Paging(type(self.query), call.query, call.app.config["PAGE_SIZE"])
        if self.takes_query:
            arguments["query"] = call.query
        if self.takes_body:
            arguments["body"] = call.body
        if self.writes and self.has_record:
            self._check_state(call.request, call.path["id"])
        try:
            result = self.view(**arguments)
        except Invalid as error:
            raise unprocessable(self.body.sentences(error.rules)) from error
        if isinstance(result, flask.Response):
            return result
        if isinstance(result, Selection):
            return self._list(call.request, result, paging, includes)
        return self._one(call.request, result, includes)

    def _included(self, query: dict[str, Any]) -> dict[str, Include]:
        name = query.pop("include", None)
        return {name: self.answer.includes[name]} if name else {}

    def _list(
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
        shaped = shape(self.answer.schema, selection.reader.columns)
        data = [shaped(row) for row in page.rows]
        _add(includes, data)
        payload = {"data": data, "meta": page.meta, "message": self.answer.message}
        response = _json(orjson.dumps(payload), self.answer.status)
        if page.links:
            path = quote(request.script_root + request.path)
            response.headers["Link"] = link_header(path, request.query_string, page.links)
        return response

    def _check_state(self, request: flask.Request, id: int | None) -> None:
        wanted = conditional.wanted_state(request)
        if wanted is not None:
            record = self.resource.find(id)
            data = orjson.dumps(shape(self.resource.schema, record.columns)(record.values_))
            conditional.require_match(wanted, conditional.entity_tag(data), self.resource.noun)

    def _one(self, request: Any, record: Record, includes: Mapping[str, Include]) -> flask.Response:
        answer = self.answer
        data = shape(answer.schema, record.columns)(record.values_)
        text = orjson.dumps(data)
        is_state = answer.schema is self.resource.schema and not answer.secret
        tag = conditional.entity_tag(text) if is_state else ""
        if includes:
            _add(includes, [data])
            text = orjson.dumps(data)
            tag = f"{tag}.{conditional.entity_tag(text)}"
        if answer.signal is not None:
            request.signals.append((answer.signal, self.resource.schema, record))
        if is_state and not self.writes and conditional.is_unchanged(request, tag):
            response = Response(status=304)
        else:
            envelope = b'{"data":%b,"message":%b}' % (text, orjson.dumps(answer.message))
            response = _json(envelope, answer.status)
        if is_state:
            response.headers["ETag"] = f'"{tag}"'
        if answer.location:
            path = quote(request.script_root + request.path.rstrip("/"))
            response.headers["Location"] = f"{path}/{record['id']}"
        return response


def _json(body: bytes, status: int) -> Response:
    # Passed through: it is bytes already, and nothing has to be closed behind them.
    return Response(body, status, content_type="application/json", direct_passthrough=True)


def _add(includes: Mapping[str, Include], data: list[dict[str, Any]]) -> None:
    for name, include in includes.items():
        shaped = shape(include.schema, include.columns)
        found = include.read([record["id"] for record in data])
        for record in data:
            record[name] = [shaped(row) for row in found.get(record["id"], ())]


def ignore(request: Any, names: list[str]) -> dict[str, list[str]]:
    """Have the answer name the parameters that a call does not take.

    Returns the errors that they are to a caller who prefers strict handling.
    """
    request.ignored = names
    if not names or not prefers_strict(request):
        return {}
    return {name: [sentence("unknown", name)] for name in names}


def prefers_strict(request: flask.Request) -> bool:
    """Tell whether the caller wants unknown parameters refused (RFC 7240: handling=strict)."""
    preferences = request.headers.getlist("Prefer")
    return any(
        part.split(";")[0].replace(" ", "").replace('"', "").lower() == "handling=strict"
        for header in preferences
        for part in header.split(",")
    )
