"""Places in the log of events, and types of events."""

from __future__ import annotations

import re
from typing import Any

from clients_api.models import events
from clients_api.models.events import Position
from clients_api.models.events.reading import ANY

from . import String


class EventPosition(String):
    """A position in the log."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data, **kwargs)
        found = re.fullmatch(r"([0-9]{1,18})-([0-9a-f]{8})", value)
        if not found:
            raise self.make_error("format")
        return Position(int(found[1]), found[2])


class EventType(String):
    """The type of an event, either part of which may be `*`."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data, **kwargs)
        object, _, action = value.partition(".")
        if object not in (*events.OBJECTS, ANY) or action not in (*events.ACTIONS, ANY):
            raise self.make_error("choice")
        return object, action
