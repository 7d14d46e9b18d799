"""What was counted and found in a database, for as long as nothing in it changes."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Hashable
from operator import itemgetter
from typing import Any

MOST = 200  # things that are kept
MOST_PLACES = 500  # of one list

Place = tuple[int, Any, int]
_position = itemgetter(0)


class Known:
    """What one connection knows. All of it is forgotten when anything in the database has changed.

    Whether it has, the database says by a version (`words.version`), in the same statement that
    counts what is not known: so what is returned is always as it is at that moment.
    """

    def __init__(self) -> None:
        self._version: str | None = None
        self._found: dict[Hashable, Any] = {}

    def ask(self, query: Any, key: Hashable, *values: Any, **shape: Any) -> tuple[Any, ...]:
        """Return what a query finds: the first of it from what is known, where that still holds.

        In: the prepared query, which takes the version of what is known (None if it is not) before
        its other values, and returns the version of now, and what it finds: the first of it is None
        where the two are the same. And the `key` of what it finds with these values.
        """
        version, found, *more = query.one(
            self._version if key in self._found else None, *values, **shape
        )
        if version != self._version:
            self._found.clear()
            self._version = version
        if found is None:
            found = self._found[key]
        else:
            self._keep(key, found)
        return found, *more

    def place(self, key: Hashable, position: int) -> Place | None:
        """Return the last known place of a list that is not behind `position`.

        In: the list's key, when something of it was asked just now. Out: a position, from 0, and
        the sort key and id of the record that is there.
        """
        places = self._found.get(key, ())
        index = bisect(places, position, key=_position)
        return places[index - 1] if index else None

    def keep_place(self, key: Hashable, place: Place) -> None:
        """Keep a place of a list, which was read after something of it was asked.

        If somebody wrote in between, it may be another one, and is forgotten when next something
        is asked, since the version is another one too.
        """
        if key not in self._found:
            self._keep(key, [])
        places = self._found[key]
        if len(places) >= MOST_PLACES:
            del places[::2]  # what is left is as spread as it was
        insort(places, place, key=_position)

    def _keep(self, key: Hashable, found: Any) -> None:
        if len(self._found) >= MOST:
            del self._found[next(iter(self._found))]
        self._found[key] = found
