"""What a transaction has written into the log of events."""

from __future__ import annotations


class Written:
    """The ids of the first and the last event of a transaction; None if it has written none.

    While one transaction writes no other does: so all between them are its own.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget them: they were rolled back."""
        self.first: int | None = None
        self.last: int | None = None
        self.nonce = ""  # of the last

    def mark(self) -> tuple[int | None, int | None, str]:
        """Return what `go_back` takes."""
        return self.first, self.last, self.nonce

    def go_back(self, mark: tuple[int | None, int | None, str]) -> None:
        """Forget what was written since `mark`: that part of the transaction was rolled back."""
        self.first, self.last, self.nonce = mark
