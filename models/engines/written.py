"""What a transaction has written, as its events tell."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Written:
    """The ids of the first and the last event of a transaction; None if it has written none.

    While one transaction writes no other does: so all between them are its own. Besides, which
    records are `new`, by what they are and their ids; and `affected`, how many records of which
    kind are gone or back, where the transaction is about such; and whether it `is_final`: no
    undoing will bring these back.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all: it was rolled back."""
        self.first: int | None = None
        self.last: int | None = None
        self.nonce = ""  # of the last
        self.new: set[tuple[str, int | None]] = set()
        self.affected: Counter[str] = Counter()
        self.is_final = False

    def mark(self) -> dict[str, Any]:
        """Return what `go_back` takes."""
        return vars(self) | {"new": set(self.new), "affected": Counter(self.affected)}

    def go_back(self, mark: dict[str, Any]) -> None:
        """Forget what was written since `mark`: that part of the transaction was rolled back."""
        vars(self).update(mark)
