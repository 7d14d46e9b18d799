"""How a session makes its calls.

A call goes the way of a request (web/operation.py), from its parameters on: the same schemas load
it, the same models do it, and the same schemas show what came of it.
"""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from clients_api.blueprints import BLUEPRINTS
from clients_api.models import errors as domain
from clients_api.models.engines.current import using
from clients_api.models.events import Actor
from clients_api.web.api import record_id
from clients_api.web.auth import HOST, Caller
from clients_api.web.errors import Refused, in_the_way
from clients_api.web.operation import Operation

from .errors import Conflict, Gone, Invalid, NotFound

if TYPE_CHECKING:
    from .hosted import Embedded

T = TypeVar("T")

OPERATIONS: dict[str, Operation] = {
    operation.__name__: operation for blp in BLUEPRINTS for operation in blp.operations
}


class Calls:
    """The calls of one session, which may be made while it is open, in its thread and process."""

    def __init__(
        self, service: Embedded, actor: str | None, readonly: bool, outer: Calls | None
    ) -> None:
        self.service = service
        self.actor = actor
        self.caller = Caller("host", "admin", Actor(HOST, None, actor))
        self.readonly = readonly
        self.outer = outer
        self.is_open = True
        self.process = os.getpid()
        self._thread = threading.get_ident()

    @property
    def is_here(self) -> bool:
        """Whether it is open, and was opened by this thread of this process."""
        is_of_thread = self._thread == threading.get_ident()
        return self.is_open and is_of_thread and self.process == os.getpid()

    def require_usable(self) -> None:
        """Raise RuntimeError in the wrong thread or process, and when the session is over."""
        if self.is_here:
            return
        if not self.is_open:
            raise RuntimeError("The session is over: what it lists is read before it ends.")
        raise RuntimeError(
            "The session belongs to the thread and process that opened it: open another one here."
        )

    def do(self, name: str, path: dict[str, Any], **given: Mapping[str, Any]) -> Any:
        """Make a call that returns one record. Raises Invalid, NotFound, Conflict."""
        result, _, data = self.find(name, path, **given)
        return orjson.loads(self.ask(lambda: data(result.columns, [result.values_])))[0]

    def ask(self, work: Callable[[], T]) -> T:
        """Do what reads the database of this session, whichever others are open."""
        self.require_usable()
        with using(self.service.database):
            return work()

    def page(self, name: str, query: Mapping[str, Any]) -> Any:
        """Make a call that returns one page of a list. Raises Invalid."""
        selection, paging, data = self.find(name, query=query)
        try:
            page = self.ask(lambda: paging.run(selection))
        except ValueError as error:
            raise Invalid({"cursor": ["The selected cursor is invalid."]}) from error
        found = orjson.loads(self.ask(lambda: data(selection.reader.columns, page.rows)))
        return {"data": found, "meta": page.meta}

    def feed(self, name: str, path: Mapping[str, Any], query: Mapping[str, Any]) -> Any:
        """Make a call that returns some events of the log. Raises Invalid, NotFound, Gone."""
        found, _, data = self.find(name, path, query)
        return {"data": orjson.loads(data(found.columns, found.rows)), "meta": found.meta}

    def find(
        self,
        name: str,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Make a call, and return what it finds, not yet shown: an operation's `Found`.

        A change that fails is undone alone, so that whoever takes the exception can go on.
        """
        operation = OPERATIONS[name]
        path = {n: record_id(str(v)) if n == "id" else v for n, v in (path or {}).items()}
        # In Python a parameter that is None is one that is not given; in a body it clears.
        filters = {n: _plain(v) for n, v in (query or {}).items() if v is not None}
        values = {n: _plain(v) for n, v in (body or {}).items()}

        def perform() -> Any:
            if operation.writes and self.readonly:
                raise RuntimeError("This session only reads.")
            with self.service.database.part() if operation.writes else nullcontext():
                return operation.perform(self.service, self.caller, path, filters, values)

        try:
            return self.ask(perform)
        except Refused as error:
            raise Invalid(error.errors or {}) from error
        except domain.NotFound as error:
            raise NotFound(str(error)) from error
        except domain.Conflict as error:
            raise Conflict(str(error), in_the_way(error)) from error
        except domain.Gone as error:
            raise Gone(str(error)) from error


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime.date):  # and datetime
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
