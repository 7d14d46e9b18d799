"""When a delivery that failed is tried again, and when no more."""

from __future__ import annotations

import datetime
import random
from typing import Literal, NamedTuple

FIRST_PAUSE = datetime.timedelta(seconds=5)
SECOND_PAUSE = datetime.timedelta(minutes=1)  # then 2, 4, 8 …
LONGEST_PAUSE = datetime.timedelta(hours=4)
LONGEST_ASKED = datetime.timedelta(days=1)  # that Retry-After may ask for
JITTER = 0.1  # of a pause: what failed together is not tried together for ever
MOST_REFUSALS = 5  # of one event
PATIENCE = datetime.timedelta(days=5)  # with a receiver that takes nothing

GONE = 410
# Answers of a receiver that may take the same event another time (RFC 9110, 8470, 6585).
PASSING = frozenset({408, 425, 429})


class Verdict(NamedTuple):
    """What follows from a failure: another try after a pause, the next event, or none any more."""

    then: Literal["again", "skip", "disable"]
    pause: datetime.timedelta = datetime.timedelta(0)


def is_refusal(status: int | None) -> bool:
    """Tell whether an answer says that this event will never be taken."""
    return status is not None and 400 <= status < 500 and status not in PASSING


def verdict(
    status: int | None,
    retry_after: float | None = None,
    *,
    tries: int,
    refusals: int,
    failing_for: datetime.timedelta,
    jitter: float = 0.0,
) -> Verdict:
    """Say what follows from a failed try.

    In: the status of the answer, None where there was none; the seconds that its Retry-After asks
    for; how often this event was tried, and how often refused, this time included; how long ago
    the first failure after the last success was; the share by which the pause is to differ.
    """
    if status == GONE or failing_for >= PATIENCE:
        return Verdict("disable")
    if refusals >= MOST_REFUSALS:
        return Verdict("skip")
    pause = pause_after(tries) * (1 + jitter)
    if retry_after is not None and not is_refusal(status):
        # Not a number for timedelta, perhaps: whoever answers may say what they like.
        asked = datetime.timedelta(seconds=min(retry_after, LONGEST_ASKED.total_seconds()))
        pause = max(pause, asked)
    return Verdict("again", pause)


def pause_after(tries: int) -> datetime.timedelta:
    """Return how long to wait after so many tries of an event, the first of which is 1."""
    if tries <= 1:
        return FIRST_PAUSE
    return min(SECOND_PAUSE * 2 ** min(tries - 2, 10), LONGEST_PAUSE)


def jitter() -> float:
    """Return a share by which a pause is to differ."""
    return random.uniform(-JITTER, JITTER)  # nosec B311 # no secret
