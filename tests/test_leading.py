"""Threads of which one at a time leads (clients_api/leading.py)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from clients_api import leading
from clients_api.leading import Leaders

Job = Callable[[], None]


class Crew:
    """Leaders that do jobs from a queue, and a main thread that watches over them."""

    def __init__(self, threads: int) -> None:
        self.jobs: deque[Job] = deque()
        self.threads: list[str] = []  # that did a job, by its end
        self.led: list[bool] = []  # whether the thread still led after the job
        self.leaders: list[bool] = []  # whether anybody led while one was replaced
        self.failure: BaseException | None = None
        self.crew = Leaders(self._turn, self._hand_over, threads)
        self.crew.begin()
        self._main = threading.Thread(target=self._watch)
        self._main.start()

    def _turn(self) -> None:
        try:
            job = self.jobs.popleft()
        except IndexError:
            time.sleep(0.001)
            return
        self.crew.work(job)
        self.threads.append(threading.current_thread().name)
        self.led.append(self.crew.leads())

    def _hand_over(self) -> None:
        self.leaders.append(self.crew.leads() or self.crew._leader is not None)

    def _watch(self) -> None:
        try:
            while not self.crew.is_over:
                self.crew.watch(1)
        except ZeroDivisionError as error:
            self.failure = error

    def wait_for(self, count: int) -> None:
        """Wait until so many jobs are done."""
        deadline = time.monotonic() + 10
        while len(self.threads) < count:
            assert time.monotonic() < deadline, self.threads
            time.sleep(0.001)

    def end(self) -> None:
        self.crew.shutdown()
        self._main.join(10)
        assert not self._main.is_alive()


@pytest.fixture
def gather() -> Iterator[Callable[[int], Crew]]:
    crews: list[Crew] = []

    def gather(threads: int) -> Crew:
        crews.append(Crew(threads))
        return crews[-1]

    yield gather
    for crew in crews:
        crew.end()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is replaced, however busy this machine is."""
    monkeypatch.setattr(leading, "PATIENCE_SECONDS", 60)


def test_who_finds_work_does_it(patient, gather):
    crew = gather(4)
    crew.jobs.extend([lambda: None] * 500)
    crew.wait_for(500)
    assert set(crew.threads) == {"leader-1"}
    assert all(crew.led)
    assert crew.leaders == []


def test_where_work_takes_long_another_thread_leads(gather):
    crew = gather(2)
    done = threading.Event()
    crew.jobs.append(lambda: done.wait(10))
    crew.jobs.extend([lambda: None] * 50)
    crew.wait_for(50)
    assert "leader-1" not in crew.threads
    assert not done.is_set()
    done.set()
    crew.wait_for(51)
    assert crew.threads[-1] == "leader-1"
    assert not crew.led[-1]
    assert crew.leaders and not any(crew.leaders)


def test_where_all_threads_are_at_work_the_first_that_is_done_leads(gather):
    crew = gather(3)
    gates = [threading.Event() for _ in range(3)]
    running: list[int] = []

    def wait(number: int) -> None:
        running.append(number)
        gates[number].wait(10)

    crew.jobs.extend([lambda: wait(0), lambda: wait(1), lambda: wait(2), lambda: None])
    deadline = time.monotonic() + 10
    while len(running) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(0.05)
    assert crew.threads == []
    gates[1].set()
    crew.wait_for(2)
    assert running == [0, 1, 2]
    assert len(set(crew.threads)) == 1  # that thread did the last job as well
    for gate in gates:
        gate.set()
    crew.wait_for(4)


def test_what_a_thread_dies_of_reaches_the_main_thread(gather):
    crew = gather(2)
    crew.jobs.append(lambda: 1 // 0)
    crew._main.join(10)
    assert isinstance(crew.failure, ZeroDivisionError)


def test_threads_end_when_told_to(gather):
    before = set(threading.enumerate())
    crew = gather(3)
    gates = [threading.Event(), threading.Event()]
    crew.jobs.extend([lambda: gates[0].wait(10), lambda: gates[1].wait(10), lambda: None])
    crew.wait_for(1)
    threads = set(threading.enumerate()) - before - {crew._main}
    assert len(threads) == 3
    crew.end()
    for gate in gates:
        gate.set()  # work that is under way is done
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    crew.wait_for(3)
