"""The log of events in a session, as `/events` and `/clients/{id}/history`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Unpack

from clients_api.models.events import Position

from . import answers, parameters
from .calls import Calls


class Feed:
    """Events, not yet read, in their order. A walk ends with the newest there was as it began."""

    def __init__(
        self, calls: Calls, name: str, path: dict[str, Any], filters: dict[str, Any]
    ) -> None:
        self._calls = calls
        self._name = name
        self._path = path
        self._filters = filters
        self._is_back = name != "list_events" or filters.get("order") == "desc"
        self.page()  # says at once what is wrong with the filters

    def __iter__(self) -> Iterator[answers.Event]:
        newest = self._calls.ask(Position.newest).id
        place: dict[str, Any] = {}
        while True:
            page = self._calls.feed(self._name, self._path, {**self._filters, **place})
            for event in page["data"]:
                if event["id"] > newest:
                    return
                yield event
            if not page["meta"]["more"]:
                return
            place = {"before" if self._is_back else "after": page["meta"]["next"]}

    def page(self) -> answers.EventPage:
        """Return the first events of the feed, and where to read on."""
        return self._calls.feed(self._name, self._path, self._filters)


class Events:
    """The log of all changes."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self, **filters: Unpack[parameters.EventFilters]) -> Feed:
        """Return events, the oldest first. Raises Invalid; Gone for a position that is not kept."""
        return Feed(self._calls, "list_events", {}, dict(filters))

    def get(self, id: int) -> answers.Event:
        """Return an event. Raises NotFound."""
        return self._calls.do("get_event", {"id": id})

    def of_client(self, id: int, **filters: Unpack[parameters.HistoryFilters]) -> Feed:
        """Return the history of a client, the newest first. Raises NotFound and Invalid."""
        return Feed(self._calls, "get_client_history", {"id": id}, dict(filters))

    def undo(self, id: int, *, without: parameters.Ids | None = None) -> dict[str, Any]:
        """Take a change back, and return the record; `without` these users.

        Raises NotFound, Conflict, Gone.
        """
        return self._calls.do("undo_event", {"id": id}, query={"without": without})
