"""Threads of which one at a time leads: it looks for work, and does what it finds by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 0.01  # for which others wait before the next thread leads


class Leaders:
    """The pattern Leader/Followers (Schmidt et al., Pattern-Oriented Software Architecture 2).

    To hand each piece of work to another thread costs more than most of the work, and threads
    that work at once get in each other's way: of one process only one runs Python at a time. So
    the thread that finds work does it, and only where that takes long, as a wait for the disk
    does, another one goes on to look for more.

    In: `turn`, which the leader calls again and again, and which does what it finds by `work`;
    `hand_over`, called when a leader is replaced, while nobody leads; and how many threads there
    may be. A thread is made when it is needed. `begin` and `watch` are for the main thread.
    """

    def __init__(
        self, turn: Callable[[], None], hand_over: Callable[[], None], threads: int
    ) -> None:
        self._turn = turn
        self._hand_over = hand_over
        self._most = threads
        self._made = 0
        self._lock = threading.RLock()  # a signal may shut down whoever holds it
        self._leader: int | None = None
        self._since: float | None = None  # when the leader began with what it works at
        self._followers: list[tuple[int, threading.Lock]] = []  # who waited least is the next
        self._is_parked = False
        self._alarm = threading.Event()
        self.is_over = False
        self._failure: BaseException | None = None

    def begin(self) -> None:
        """Let a first thread lead."""
        with self._lock:
            self._promote()

    def leads(self) -> bool:
        """Tell whether the calling thread is the leader."""
        return self._leader == threading.get_ident()

    def work(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """Do what may take long, and return its result; afterwards, `leads` may no longer be so."""
        self._since = time.monotonic()
        if self._is_parked:
            self._is_parked = False
            self._alarm.set()
        try:
            return job(*arguments)
        finally:
            with self._lock:
                if self.leads():
                    self._since = None

    def watch(self, seconds: float) -> None:
        """Wait, and replace a leader that is at one piece of work for too long.

        Returns after so many seconds at the latest, and sooner where there is something to do.
        Raises whatever a thread has died of.
        """
        if self._since is None:
            self._is_parked = True
            if self._since is None:  # a leader that begins now looks whether this thread is parked
                self._alarm.wait(seconds)
            self._is_parked = False
            self._alarm.clear()
        if self._failure is not None:
            raise self._failure
        if self._since is not None:
            time.sleep(PATIENCE_SECONDS)
            self._replace_if_busy()

    def shutdown(self, wait: bool = False) -> None:
        """Let all threads end when they have done what they are at; never wait for them."""
        with self._lock:
            self.is_over = True
            self._leader = None
            for _, gate in self._followers:
                gate.release()
            self._followers.clear()
        self._alarm.set()

    def _replace_if_busy(self) -> None:
        with self._lock:
            since = self._since
            if since is not None and time.monotonic() - since >= PATIENCE_SECONDS:
                self._since = self._leader = None
                self._hand_over()
                self._promote()

    def _promote(self) -> None:
        if self._followers:
            self._leader, gate = self._followers.pop()
            gate.release()
        elif self._made < self._most:
            self._made += 1
            threading.Thread(target=self._run, name=f"leader-{self._made}", daemon=True).start()
        # Or else whoever is done first leads.

    def _run(self) -> None:
        gate = threading.Lock()
        gate.acquire()
        try:
            while self._is_my_turn(gate):
                while self.leads():
                    self._turn()
        except BaseException as error:
            # Nobody would look for work any more: the main thread is told, and ends the process.
            self._failure = error
            self._alarm.set()

    def _is_my_turn(self, gate: threading.Lock) -> bool:
        """Wait until this thread leads; tell whether there is anything left to lead."""
        with self._lock:
            if self.is_over:
                return False
            if self._leader is None:
                self._leader = threading.get_ident()
                return True
            self._followers.append((threading.get_ident(), gate))
        gate.acquire()
        return not self.is_over
