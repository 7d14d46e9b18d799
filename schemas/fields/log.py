"""Places in the log of events, and types of events."""

from __future__ import annotations

from typing import Any

from clients_api.models import events
from clients_api.models.events import Position

from . import String

POSITION = "[0-9]{1,18}-[0-9a-f]{8}"
TYPE = r"({}|\*)\.({}|\*)".format("|".join(events.OBJECTS), "|".join(events.ACTIONS))


class EventPosition(String):
    """A position in the log. In: `words` that say one too, and are loaded as they are."""

    def __init__(self, *, words: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(pattern=f"({'|'.join((*words, POSITION))})", **kwargs)
        self.words = words

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data, **kwargs)
        if value in self.words:
            return value
        id, _, nonce = value.partition("-")
        return Position(int(id), nonce)


class EventType(String):
    """The type of an event, either part of which may be `*`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pattern=TYPE, **kwargs)

    def make_error(self, key: str, **kwargs: Any) -> Any:
        return super().make_error("choice" if key == "format" else key, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        object, _, action = super()._deserialize(value, attr, data, **kwargs).partition(".")
        return object, action
