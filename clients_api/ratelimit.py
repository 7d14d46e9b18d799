"""How many calls a caller may make: per key, and far fewer per address without a valid one."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import limits
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from .errors import Refused

ANONYMOUS_SHARE = 10  # an address without a valid key gets a tenth of a key's calls
KNOWN_MAX = 100_000  # callers kept in memory; an attacker has many addresses


class CountingStorage(Storage):
    """Counts in the memory of the process.

    The storage that comes with limits keeps a timer thread, which it starts anew for most calls:
    dearer than the rest of a request. Here what is over is dropped when its key is seen again, or
    when there are too many.
    """

    STORAGE_SCHEME: ClassVar[list[str]] = ["counting"]

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            count, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + expiry
                if len(self._windows) >= KNOWN_MAX:
                    self._windows = {k: w for k, w in self._windows.items() if w[1] > now}
                if len(self._windows) >= KNOWN_MAX:
                    self._windows.clear()
            self._windows[key] = count + amount, end
        return count + amount

    def get(self, key: str) -> int:
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)


class RateLimit:
    """Counts calls in windows of fixed length. In: the rate of a key, as `1200 per minute`."""

    def __init__(self, rate: str) -> None:
        self._known = limits.parse(rate)
        anonymous = max(1, self._known.amount // ANONYMOUS_SHARE)
        self._anonymous = type(self._known)(anonymous, self._known.multiples)
        self._limiter = FixedWindowRateLimiter(CountingStorage())

    def count(self, caller: str | None, address: str) -> dict[str, str]:
        """Count a call and return the RateLimit headers of its answer.

        In: the caller's name, None for a call without a valid key. Raises Refused, 429, for one
        call too many. The headers are those of draft-ietf-httpapi-ratelimit-headers-07.
        """
        limit = self._anonymous if caller is None else self._known
        who = ("address", address) if caller is None else ("key", caller)
        allowed = self._limiter.hit(limit, *who)
        reset, remaining = self._limiter.get_window_stats(limit, *who)
        seconds = max(1, round(reset - time.time()))
        headers = {
            "RateLimit-Limit": str(limit.amount),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(seconds),
        }
        if not allowed:
            raise Refused(
                429,
                f"Too many requests. Please try again in {seconds} seconds.",
                headers={**headers, "Retry-After": str(seconds)},
            )
        return headers
