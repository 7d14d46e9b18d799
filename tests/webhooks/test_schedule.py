"""What follows from a failure, by the contract's numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clients_api.models.webhook.schedule import JITTER, Verdict, jitter, pause_after, verdict

START = timedelta(0)
FEW = {"tries": 1, "refusals": 0, "failing_for": START}


def test_pauses_grow_from_five_seconds_to_four_hours():
    minutes = [pause_after(tries).total_seconds() / 60 for tries in range(1, 13)]
    assert minutes == [5 / 60, 1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240]
    assert pause_after(10_000) == timedelta(hours=4)


@pytest.mark.parametrize("status", [None, 100, 301, 307, 408, 425, 429, 500, 502, 503, 599])
def test_what_may_pass_is_tried_again_for_five_days_and_then_no_more(status):
    for tries in (1, 5, 50):
        just = verdict(status, tries=tries, refusals=0, failing_for=timedelta(days=4, hours=23))
        assert just == Verdict("again", pause_after(tries))
    assert verdict(status, tries=50, refusals=0, failing_for=timedelta(days=5)).then == "disable"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 451])
def test_a_refusal_is_tried_five_times_within_an_hour_and_then_skipped(status):
    waited = START
    for tries in range(1, 5):
        answer = verdict(status, 86_400, tries=tries, refusals=tries, failing_for=waited)
        assert answer.then == "again"  # and Retry-After is not heeded: an hour is all there is
        waited += answer.pause * (1 + JITTER)
    assert waited < timedelta(hours=1)
    assert verdict(status, tries=5, refusals=5, failing_for=waited).then == "skip"


def test_gone_disables_at_once():
    assert verdict(410, tries=1, refusals=1, failing_for=START).then == "disable"


@pytest.mark.parametrize("status", [429, 503, 301])
def test_retry_after_is_heeded_up_to_a_day(status):
    assert verdict(status, 0, **FEW).pause == timedelta(seconds=5)
    assert verdict(status, 90, **FEW).pause == timedelta(seconds=90)
    assert verdict(status, 1e11, **FEW).pause == timedelta(days=1)


def test_pauses_differ_by_a_tenth():
    shares = [jitter() for _ in range(200)]
    assert all(abs(share) <= JITTER for share in shares) and len(set(shares)) > 100
    assert verdict(500, jitter=0.1, **FEW).pause == timedelta(seconds=5.5)
