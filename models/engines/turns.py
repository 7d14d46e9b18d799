"""Whose turn it is to write, of the threads of one process, and how many of them may wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

STALL_SECONDS = 0.5
LOOK_AGAIN_SECONDS = 0.05


class Turns:
    """One thread at a time has the turn; the others wait, and `places` says how many at most.

    Turns are short: as long as they go round, everybody may wait. Only when one takes long, as
    when another process writes, those that have no place give up, so that some threads are left
    for whoever only reads. The one that has the turn counts. With no `places` all may wait.
    """

    def __init__(self) -> None:
        self.places: int | None = None
        self._turn = threading.Lock()
        self._began: float | None = None  # the turn of now
        self._waiting: list[object] = []  # in the order in which they came

    def take(self, deadline: float, patiently: bool = False) -> bool:
        """Wait for the turn, and tell whether this thread has it; if so, it has to `end` it.

        In: until when to wait, a time of the monotonic clock; whether to do so even with no place.
        """
        is_taken = self._turn.acquire(blocking=False) or self.wait(
            lambda left: self._turn.acquire(timeout=left), deadline, patiently
        )
        if not is_taken:
            return False
        self._began = time.monotonic()
        return True

    def end(self) -> None:
        """Let another thread have the turn."""
        self._began = None
        self._turn.release()

    def wait(self, come: Callable[[float], bool], deadline: float, patiently: bool = False) -> bool:
        """Wait for what somebody who waits for the turn, or has it, is going to do.

        In: `come`, which waits for so many seconds and returns whether it is done; and as `take`.
        """
        place = object()
        self._waiting.append(place)
        try:
            while (left := self._patience(place, deadline, patiently)) > 0:
                if come(left):
                    return True
            return False
        finally:
            self._waiting.remove(place)

    def _patience(self, place: object, deadline: float, patiently: bool) -> float:
        now = time.monotonic()
        left = deadline - now
        if patiently or self.places is None or self._waiting.index(place) + 1 < self.places:
            return left
        began = self._began
        if began is None:  # one turn has ended, and the next has not begun
            return min(left, LOOK_AGAIN_SECONDS)
        return min(left, began + STALL_SECONDS - now)
