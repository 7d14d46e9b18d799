"""Which clients a transaction changes: noted by the models, told once it is committed.

Every change of what a client shows sets its time of change, and while one transaction writes no
other does: so all that it has changed lies between two times, however many clients that are.
"""

from __future__ import annotations

from collections.abc import Callable

from .engines.current import database
from .queries.record import Record


class Changes:
    """What one transaction has changed. In: `tell`, called with this when that is committed."""

    def __init__(self, tell: Callable[[Changes], None]) -> None:
        self._tell = tell
        self.first: str | None = None  # the times of the first and the last change
        self.last = ""
        self.renamed: list[int | None] = []  # ids of categories, whose names their clients show
        self.deleted: list[Record] = []

    def mark(self) -> tuple[str | None, str, int, int]:
        """Return what `go_back` takes, to forget what is noted from now on."""
        return self.first, self.last, len(self.renamed), len(self.deleted)

    def go_back(self, mark: tuple[str | None, str, int, int]) -> None:
        """Forget what was noted since `mark`: that part of the transaction is undone."""
        self.first, self.last, renamed, deleted = mark
        del self.renamed[renamed:], self.deleted[deleted:]

    def committed(self) -> None:
        """Tell what has changed, if anything has."""
        if self.first is not None or self.renamed or self.deleted:
            self._tell(self)


def note(moment: str) -> None:
    """Note that clients were made or changed, whose time of change is `moment`."""
    if (changes := database.obj.changes) is not None:
        changes.first = min(changes.first or moment, moment)
        changes.last = max(changes.last, moment)


def note_renamed(category_id: int | None) -> None:
    """Note that the clients of a category show another name of it."""
    if (changes := database.obj.changes) is not None:
        changes.renamed.append(category_id)


def note_deleted(client: Record) -> None:
    """Note that a client was deleted; in: what it was."""
    if (changes := database.obj.changes) is not None:
        changes.deleted.append(client)
