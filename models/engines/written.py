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
