"""The way of a request, once for all routes: an Operation stands behind each of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import flask
import orjson

from clients_api.models.errors import Invalid
from clients_api.models.events import Position, acting
from clients_api.models.events.reading import Feed
from clients_api.models.queries.composing import Row
from clients_api.models.queries.record import Record
from clients_api.openapi.operations import OperationDocs
from clients_api.schemas.base import Schema, shape
from clients_api.schemas.client import IncludeQuerySchema
from clients_api.schemas.fields.flags import dry_run
from clients_api.schemas.paging import CursorQuerySchema

from . import conditional, current_app, repeats
from . import request as web_request
from .answering import Answer, Answerer, Include, Shown, data
from .auth import Caller, require
from .errors import unprocessable
from .paging import Paging
from .reading import routing
from .reading.loading import Loader

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


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


class Call(NamedTuple):
    """A call on its way: the service, who calls, the parameters of its path, query string and body.

    And the request that it came with, unless it is made in Python.
    """

    app: Any
    caller: Caller
    path: dict[str, Any]
    query: dict[str, Any]
    body: dict[str, Any]
    request: Any = None


class Found(NamedTuple):
    """What a call in Python comes to.

    `result` is a record, some of a feed, or a selection, of which `paging` says the order and page;
    `data` makes JSON of columns and rows.
    """

    result: Any
    paging: Any
    data: Callable[[tuple[str, ...], Sequence[Row]], bytes]


class Operation(OperationDocs):
    """One method of one path: from the request's bytes to the answer's, in one direction.

    The key and its scope are checked first; then the parameters are read and loaded, and all that
    is wrong with them is said at once; then the view runs, for a change in the one transaction of
    the request; what it returns is shaped by the schema, put into the envelope, and sent.
    """

    def __init__(self, view: Any, resource: Resource, method: str, path: str) -> None:
        functools.update_wrapper(self, view)
        self.view = view
        self.resource = resource
        self.method = method
        self.path = path
        self.writes = method in WRITING
        self.has_record = "<id:id>" in path
        self.changes_record = self.writes and path.endswith("<id:id>")
        self.scope = getattr(view, "_scope", resource.write if self.writes else resource.read)
        self.answer: Answer = view._answer
        query = getattr(view, "_query", IncludeQuerySchema if self.answer.includes else Schema)
        if self.writes:
            query = type(query.__name__, (query,), {"dry_run": dry_run()})
        self.query: Schema = query()
        self.body: Schema = getattr(view, "_body", Schema)()
        parameters = inspect.signature(view).parameters
        self.takes_query = "query" in parameters
        self.takes_body = "body" in parameters
        self.takes_caller = "caller" in parameters
        self.file_types: tuple[str, ...] = getattr(view, "_file_types", ())
        self.without_transaction = hasattr(view, "_without_transaction")
        self._loader = Loader(
            self.query,
            self.body,
            rules=getattr(view, "_rules", None),
            checks=getattr(view, "_checks", None),
            find=resource.find if self.has_record else None,
            file_types=self.file_types,
            writes=self.writes,
            takes_body=self.takes_body,
            # What was misspelt might have kept a file from being imported, or chosen what is in it.
            is_strict=bool(self.file_types or (self.answer.media_types and self.takes_query)),
        )
        object = resource.noun.replace(" ", "_")  # as events call it
        self._answerer = Answerer(self.answer, object, resource.schema, self.writes)

    def __deepcopy__(self, memo: dict[int, Any]) -> Operation:
        return self  # flask-smorest copies what it documents; there is one operation

    def __call__(self, **path: Any) -> flask.Response:
        app = current_app._get_current_object()
        request = web_request._get_current_object()
        caller = app.admit(request, self.scope)
        routing.require_meant(request, path.get("title", ""), changes=self.changes_record)
        if not self.writes:
            return self._run(self._load(app, request, path))
        key = repeats.key_of(request)
        if key is not None:
            return self._run_once(app, request, path, caller.name, key)
        call = self._load(app, request, path)
        with self._writing(app, request):
            return self._change(call)

    @contextmanager
    def _writing(self, app: Any, request: Any) -> Iterator[None]:
        # A file has come a long way, and is rare: it may wait where others are sent away.
        patiently = bool(self.file_types)
        writing: AbstractContextManager[None] = nullcontext()
        if request.is_trial or not self.without_transaction:
            writing = app.database.writing(patiently=patiently, kept=not request.is_trial)
        with acting(request.caller.actor, request.id), writing:
            yield

    def _change(self, call: Call) -> flask.Response:
        response = self._run(call)
        if call.request.is_trial:
            response.headers["Dry-Run"] = "yes"
        else:
            response.headers["Event-Position"] = str(Position.newest())
        return response

    def _load(self, app: Any, request: Any, path: dict[str, Any]) -> Call:
        query, body = self._loader.load(request, path)
        request.is_trial = query.pop("dry_run", False)
        if query.get("erase"):
            require(request.caller, "admin")
        return Call(app, request.caller, path, query, body, request)

    def _run_once(
        self, app: Any, request: Any, path: dict[str, Any], caller: str, key: str
    ) -> flask.Response:
        asked = repeats.fingerprint(request, self._loader.sent(request))
        with app.repeats.one_at_a_time(caller, key):
            # Before anything else is looked at: what was right then may be wrong by now.
            response = repeats.stored(caller, key, asked)
            if response is not None:
                return response
            call = self._load(app, request, path)
            with self._writing(app, request):
                # Another process may have been faster while this one waited for the lock.
                response = repeats.stored(caller, key, asked)
                if response is not None:
                    request.ignored = ()  # the stored answer says it
                    return response
                response = self._change(call)
                if not request.is_trial:
                    repeats.keep(caller, key, asked, request, response, self.answer.secret)
            return response

    def _run(self, call: Call) -> flask.Response:
        if self.writes and self.has_record:
            self._check_state(call.request, call.path["id"])
        result, paging, includes = self._work(call)
        if isinstance(result, flask.Response):
            return result
        if isinstance(result, Shown):
            return self._answerer.other(call.request, result)
        if isinstance(result, Feed):
            return self._answerer.feed(call.request, result)
        if paging is not None:
            return self._answerer.list(call.request, result, paging, includes)
        return self._answerer.one(call.request, result, includes)

    def perform(
        self,
        app: Any,
        caller: Caller,
        path: dict[str, Any],
        query: Mapping[str, Any],
        body: Mapping[str, Any],
    ) -> Found:
        """Do the work for a call in Python, whose parameters have the API's names.

        Whoever calls opens the transaction. Raises Refused, 422, and what models raise.
        """
        call = Call(app, caller, path, *self._loader.take(path, query, body))
        result, paging, includes = self._work(call)
        if isinstance(result, Shown):
            return Found(result.record, None, functools.partial(data, result.schema, {}))
        return Found(result, paging, functools.partial(data, self.answer.schema, includes))

    def _work(self, call: Call) -> tuple[Any, Any, dict[str, Include]]:
        includes = self._included(call.query)
        arguments = dict(call.path)
        paging: Any = None
        if isinstance(self.query, CursorQuerySchema):
            paging = Paging(type(self.query), call.query, call.app.config["PAGE_SIZE"])
        if self.takes_query:
            arguments["query"] = call.query
        if self.takes_body:
            arguments["body"] = call.body
        if self.takes_caller:
            arguments["caller"] = call.caller
        try:
            return self.view(**arguments), paging, includes
        except Invalid as error:
            raise unprocessable(self._sentences(error.rules)) from error

    def _sentences(self, rules: Mapping[str, str]) -> dict[str, list[str]]:
        ours = {name: rule for name, rule in rules.items() if self.body.has(name)}
        others = {name: rule for name, rule in rules.items() if name not in ours}
        return self.body.sentences(ours) | self.query.sentences(others)

    def _included(self, query: dict[str, Any]) -> dict[str, Include]:
        name = query.pop("include", None)
        included = {name: self.answer.includes[name]} if name else {}
        return {**included, **self.answer.included}

    def _check_state(self, request: flask.Request, id: int | None) -> None:
        wanted = conditional.wanted_state(request)
        if wanted is not None:
            record = self.resource.find(id)
            data = orjson.dumps(shape(self.resource.schema, record.columns)(record.values_))
            conditional.require_match(wanted, conditional.entity_tag(data), self.resource.noun)
