"""A session: one transaction, in which a host's own code calls the API in Python.

A call goes the way of a request (web/operation.py), from its parameters on: the same schemas load
it, the same models do it, and the same schemas show what came of it.
"""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from clients_api.blueprints import BLUEPRINTS
from clients_api.models import errors as domain
from clients_api.models.engines.current import using
from clients_api.models.events import Actor, acting
from clients_api.web.api import record_id
from clients_api.web.auth import HOST, Caller
from clients_api.web.errors import Refused, in_the_way
from clients_api.web.operation import Operation

from . import feeds, resources
from .errors import Conflict, Gone, Invalid, NotFound

if TYPE_CHECKING:
    from .hosted import Embedded

T = TypeVar("T")

OPERATIONS: dict[str, Operation] = {
    operation.__name__: operation for blp in BLUEPRINTS for operation in blp.operations
}

_abandoned: list[ExitStack] = []  # in this process, and kept from ending by themselves
_current: ContextVar[Session | None] = ContextVar("clients_api_session", default=None)


class Session(resources.Clients):
    """The clients, and beside them all other records. Made by `ClientsAPI.session`."""

    def __init__(self, service: Embedded, actor: str | None, readonly: bool) -> None:
        super().__init__(self)
        self.service = service
        self.actor = actor
        self.caller = Caller("host", "admin", Actor(HOST, None, actor))
        self.readonly = readonly
        self.outer = _current.get()
        self.is_open = True
        self.process = os.getpid()
        self._thread = threading.get_ident()
        self.contacts = resources.Contacts(self)
        self.categories = resources.Categories(self)
        self.tags = resources.Tags(self)
        self.team = resources.Team(self)
        self.custom_fields = resources.CustomFields(self)
        self.keys = resources.Keys(self)
        self.events = feeds.Events(self)

    @property
    def clients(self) -> resources.Clients:
        """The clients: what the session itself is."""
        return self

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


@contextmanager
def begin(service: Embedded, actor: str | None, readonly: bool) -> Iterator[Session]:
    """Run a session of a service, within that of this thread where there is one.

    Raises RuntimeError where there can be none; NotMigrated, DatabaseUnusable; and when it has
    waited in vain for others who write, what `sqlite.is_busy` knows.
    """
    outer = _current.get()
    while outer is not None and (outer.service is not service or not outer.is_here):
        outer = outer.outer
    if actor is None and outer is not None:
        actor = outer.actor
    session = Session(service, actor, readonly)
    with ExitStack() as stack:
        stack.enter_context(service.users.working())
        service.prepare()
        stack.enter_context(using(service.database))
        stack.enter_context(acting(session.caller.actor))
        stack.enter_context(_transaction(session, outer))
        token = _current.set(session)
        try:
            yield session
        finally:
            session.is_open = False
            _current.reset(token)


@contextmanager
def _transaction(session: Session, outer: Session | None) -> Iterator[None]:
    database = session.service.database
    if outer is not None:
        if outer.readonly and not session.readonly:
            raise RuntimeError("The session around this one only reads: begin the change outside.")
        part = database.part
    elif database.in_transaction():
        raise RuntimeError(
            "This thread has another session open, of a task that is not done: a session ends "
            "before anything is awaited."
        )
    else:
        part = database.reading if session.readonly else database.writing
    with ExitStack() as stack:
        stack.enter_context(part())
        try:
            yield
        finally:
            if session.process != os.getpid():
                # A fork that ends the block as well: the transaction is its parent's to end.
                _abandoned.append(stack.pop_all())
