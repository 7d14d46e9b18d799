"""Who uses a database in this process: a fork waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 10  # with a thread that is at work while another one wants to fork


class Users:
    """The threads that are at work with a database, and a door to keep others out."""

    def __init__(self) -> None:
        self._threads: list[int] = []
        self._is_shut = False
        self._changed = threading.Condition()

    def enter(self) -> Callable[[], None]:
        """Begin to work, when the door is open; return what is called at the end."""
        thread = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._is_shut or thread in self._threads)
            self._threads.append(thread)

        def leave() -> None:
            with self._changed:
                self._threads.remove(thread)
                self._changed.notify_all()

        return leave

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work as long as the block takes."""
        leave = self.enter()
        try:
            yield
        finally:
            leave()

    def shut(self) -> bool:
        """Shut the door and wait for all other threads; tell whether they have left in time."""
        thread = threading.get_ident()
        with self._changed:
            self._is_shut = True
            return self._changed.wait_for(
                lambda: all(other == thread for other in self._threads), PATIENCE_SECONDS
            )

    def open(self) -> None:
        """Let those in who have waited."""
        with self._changed:
            self._is_shut = False
            self._changed.notify_all()
