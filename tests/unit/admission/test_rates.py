"""What one key may do."""

from __future__ import annotations

from arrol_serve.admission.rates import Rates


def test_without_limits_everything_goes() -> None:
    rates = Rates(None, None, None)
    assert [rates.enter(0) for _ in range(1000)] == [None] * 1000


def test_requests_at_once() -> None:
    rates = Rates(concurrent=2, requests=None, tokens=None)
    assert [rates.enter(0), rates.enter(0)] == [None, None]
    refusal = rates.enter(0)
    assert refusal is not None
    assert (refusal.reason, refusal.limit) == ("concurrency", 2)
    assert rates.enter(1) is None
    rates.leave(0)
    assert rates.enter(0) is None


def test_requests_in_a_minute() -> None:
    rates = Rates(concurrent=None, requests=3, tokens=None)
    assert [rates.enter(7) for _ in range(3)] == [None] * 3
    refusal = rates.enter(7)
    assert refusal is not None
    assert refusal.reason == "requests"
    assert 50 < refusal.retry_after_s <= 61
    assert rates.enter(8) is None


def test_tokens_in_a_minute_are_counted_above_the_limit_too() -> None:
    rates = Rates(concurrent=None, requests=None, tokens=100)
    assert rates.enter(None) is None
    rates.spend(None, 99)
    assert rates.enter(None) is None
    rates.spend(None, 5000)
    refusal = rates.enter(None)
    assert refusal is not None
    assert (refusal.reason, refusal.limit) == ("tokens", 100)
    assert 1 <= refusal.retry_after_s <= 60
