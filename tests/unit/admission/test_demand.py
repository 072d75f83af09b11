"""Shares of the engine."""

from __future__ import annotations

import pytest

from arrol_serve.admission.demand import EngineSize, Lengths, Request, share

ENGINE = EngineSize(kv_tokens=10_000, places=64)


@pytest.mark.parametrize(
    ("samples", "prompt", "max_tokens", "expected"),
    [
        (1, 0, 8, 1 / 64),  # a place
        (16, 2000, 500, 1.0),  # the prompt once, the candidates each
        (16, 2000, 100, 0.36),  # no more than what it may generate
        (64, 0, 1, 1.0),  # all places
        (256, 0, 1, 4.0),
        (16, 2000, 9999, 1.0),  # no more than what is usual
    ],
)
def test_a_share_is_of_what_is_scarcer(
    samples: int, prompt: int, max_tokens: int, expected: float
) -> None:
    request = Request(samples, prompt, max_tokens, search=True)
    assert share(request, ENGINE, mean_length=500) == pytest.approx(expected)


def test_lengths_follow_what_is_seen() -> None:
    lengths = Lengths()
    for _ in range(60):
        lengths.saw(100)
    assert lengths.mean == pytest.approx(100, rel=0.05)
