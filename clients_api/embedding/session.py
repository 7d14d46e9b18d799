"""A session: one transaction, in which a host's own code calls the API in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from clients_api.models.engines.current import using
from clients_api.models.events import acting

from . import feeds, resources
from .calls import Calls

if TYPE_CHECKING:
    from .hosted import Embedded

_abandoned: list[ExitStack] = []  # in this process, and kept from ending by themselves
_current: ContextVar[Calls | None] = ContextVar("clients_api_session", default=None)


class Session(resources.Clients):
    """The clients, and beside them all other records. Made by `ClientsAPI.session`."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.actor = calls.actor
        self.contacts = resources.Contacts(calls)
        self.categories = resources.Categories(calls)
        self.tags = resources.Tags(calls)
        self.team = resources.Team(calls)
        self.custom_fields = resources.CustomFields(calls)
        self.keys = resources.Keys(calls)
        self.events = feeds.Events(calls)

    @property
    def clients(self) -> resources.Clients:
        """The clients: what the session itself is."""
        return self


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
    calls = Calls(service, actor, readonly, _current.get())
    with ExitStack() as stack:
        stack.enter_context(service.users.working())
        service.prepare()
        stack.enter_context(using(service.database))
        stack.enter_context(acting(calls.caller.actor))
        stack.enter_context(_transaction(calls, outer))
        token = _current.set(calls)
        try:
            yield Session(calls)
        finally:
            calls.is_open = False
            _current.reset(token)


@contextmanager
def _transaction(calls: Calls, outer: Calls | None) -> Iterator[None]:
    database = calls.service.database
    if outer is not None:
        if outer.readonly and not calls.readonly:
            raise RuntimeError("The session around this one only reads: begin the change outside.")
        part = database.part
    elif database.in_transaction():
        raise RuntimeError(
            "This thread has another session open, of a task that is not done: a session ends "
            "before anything is awaited."
        )
    else:
        part = database.reading if calls.readonly else database.writing
    with ExitStack() as stack:
        stack.enter_context(part())
        try:
            yield
        finally:
            if calls.process != os.getpid():
                # A fork that ends the block as well: the transaction is its parent's to end.
                _abandoned.append(stack.pop_all())
