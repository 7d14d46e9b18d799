"""How many calls a caller may make: per key, and far fewer per address without a valid one."""

from __future__ import annotations

import functools
import ipaddress
import logging
import re
import threading
import time
from typing import Any

from .errors import Refused

ANONYMOUS_SHARE = 10  # an address without a valid key gets a tenth of a key's calls
KNOWN_MAX = 100_000  # callers kept in memory; an attacker has many addresses
NETWORK_BITS = 64  # of an IPv6 address; the rest of it its owner chooses, anew for each call

_RATE = re.compile(
    r"(?P<amount>[1-9][0-9]{0,11}) ?(?:/|per) ?(?P<count>[1-9][0-9]{0,5})? ?(?P<unit>[a-z]+?)s?"
)
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

log = logging.getLogger("clients_api")


def parse_rate(text: str) -> tuple[int, int]:
    """Read a rate in the notation of Flask-Limiter: `1200 per minute`, `5/second`, `9 per 2 hours`.

    Returns the calls and the seconds in which there may be so many. Raises ValueError.
    """
    rate = _RATE.fullmatch(text.strip().lower())
    if rate is None or rate["unit"] not in _SECONDS:
        raise ValueError(f"{text!r} is no rate")
    return int(rate["amount"]), int(rate["count"] or 1) * _SECONDS[rate["unit"]]


def check_rate(value: Any) -> str:
    """Return RATELIMIT_DEFAULT. Raises ValueError for what is no rate."""
    if not isinstance(value, str):
        raise ValueError
    parse_rate(value)
    return value


class Windows:
    """Counts calls in windows of fixed length, in the memory of the process.

    Each caller's window begins with a call. What is over is dropped when its caller is seen again,
    or when there are too many. In: how many calls there may be in a window, and its seconds.
    """

    def __init__(self, amount: int, seconds: int) -> None:
        self.amount = amount
        self._limit = str(amount)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, caller: str) -> tuple[int, dict[str, str]]:
        """Count a call; return how many it were with it, and the headers of its answer.

        The headers are those of draft-ietf-httpapi-ratelimit-headers-06.
        """
        now = time.monotonic()
        with self._lock:
            count, end = self._windows.get(caller, (0, 0.0))
            if end <= now:
                count, end = 0, now + self._seconds
                self._make_room(now)
            count += 1
            self._windows[caller] = count, end
        return count, {
            "RateLimit-Limit": self._limit,
            "RateLimit-Remaining": str(max(0, self.amount - count)),
            "RateLimit-Reset": str(max(1, round(end - now))),
        }

    def _make_room(self, now: float) -> None:
        if len(self._windows) >= KNOWN_MAX:
            self._windows = {who: w for who, w in self._windows.items() if w[1] > now}
        if len(self._windows) >= KNOWN_MAX:
            self._windows.clear()


class RateLimit:
    """Counts the calls of keys and, apart from them, of addresses.

    In: the rate of a key, as `1200 per minute`. Raises ValueError for what is no rate.
    """

    def __init__(self, rate: str) -> None:
        amount, seconds = parse_rate(rate)
        self._keys = Windows(amount, seconds)
        self._networks = Windows(max(1, amount // ANONYMOUS_SHARE), seconds)

    def count(self, caller: str | None, address: str) -> dict[str, str]:
        """Count a call and return the RateLimit headers of its answer.

        In: the caller's name, None for a call without a valid key. Raises Refused, 429, for one
        call too many.
        """
        windows = self._networks if caller is None else self._keys
        who = network_of(address) if caller is None else caller
        count, headers = windows.hit(who)
        if count <= windows.amount:
            return headers
        if caller is None and count == windows.amount + 1:
            # Once a window: whoever tries out keys must not fill the log as well.
            log.warning("Too many calls without a valid key from %s", who)
        seconds = headers["RateLimit-Reset"]
        unit = "second" if seconds == "1" else "seconds"
        message = f"Too many requests. Please try again in {seconds} {unit}."
        raise Refused(429, message, headers={**headers, "Retry-After": seconds})


@functools.lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what calls from an address are counted for: of IPv6, the network it is in.

    Whatever is no address, such as that of a Unix socket, is one and the same.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, NETWORK_BITS), strict=False))
