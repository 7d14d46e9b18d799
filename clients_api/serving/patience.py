"""How long a caller is waited for, in all calls of a request together.

A time-out for each call would let one byte every 29 seconds hold a thread for ever; one for all of
a request would break off large files on slow lines.
"""

from __future__ import annotations

STALL_SECONDS = 30.0  # and longer, if the caller is no slower than this:
SLOWEST = 8192  # bytes a second
LEAST = 0.001  # nought would be another thing: not to wait at all


class Patience:
    """What is left of the time of a caller: spent by waiting, and earned again with each byte."""

    def __init__(self, seconds: float = STALL_SECONDS) -> None:
        self.left = seconds

    def seconds(self) -> float:
        """Return for how long to wait now."""
        return max(self.left, LEAST)

    def spend(self, seconds: float, count: int) -> None:
        """Note that so many bytes have come or gone in that time."""
        self.left = min(self.left - seconds + count / SLOWEST, STALL_SECONDS)
