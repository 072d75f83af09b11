"""DeepConf's online rule inside the engine: a short window, looked at after every token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.groups import pruned
from trainer.engines.sampling import GroupRequest, SampledRollout, sample_groups
from trainer.evaluation.datasets import Item
from trainer.evaluation.online import lowest, sample_online, threshold
from trainer.evaluation.sampling import UNPRUNED, Settings, sample

WINDOW, TOKENS, SIZE = 8, 200, 6
FIRST = 40  # the echo of the question is the same in all rollouts
QUESTION = "What is 7316*48-29+5-61?"


def group(engine: Any, window: int, floor: float, first: int = FIRST) -> list[SampledRollout]:
    request = GroupRequest(
        f"floor/{window}/{floor}",
        QUESTION,
        seed=11,
        temperature=1.75,
        probes=range(first, TOKENS),
        policy={"name": "confidence_floor", "threshold": floor},
        signals=("confidence",),
        min_survivors=0,
        prune_by="confidence",
        confidence_window=window,
    )
    (rollouts,) = sample_groups(engine, [request], SIZE, max_tokens=TOKENS)
    return rollouts


def scores(rollout: SampledRollout) -> list[float]:
    return [score for _, score, _ in rollout.report["probes"]]


def test_rollouts_end_at_the_first_window_below_the_threshold(engine: Any, scheduler: Any) -> None:
    single = [scores(r) for r in group(engine, 1, 0.0, first=1)]
    free = group(engine, WINDOW, 0.0)
    for tokens, rollout in zip(single, free, strict=True):
        windows = [tokens[end - WINDOW : end] for end in range(FIRST, len(tokens) + 1)]
        means = [sum(window) / WINDOW for window in windows]
        assert scores(rollout) == pytest.approx(means, abs=1e-4)
    floor = max(map(lowest, free))
    ended = group(engine, WINDOW, floor)
    assert 0 < sum(map(pruned, ended)) < SIZE, [lowest(r) for r in free]
    for before, after in zip(free, ended, strict=True):
        low = [place for place, score in enumerate(scores(before), FIRST) if score < floor]
        assert pruned(after) == bool(low)
        assert after.token_ids == before.token_ids[: low[0] if low else None]


def test_the_online_arm_keeps_what_reaches_the_warm_up_threshold(
    engine: Any, scheduler: Any
) -> None:
    settings = Settings(samples=8, temperature=1.75, max_tokens=TOKENS, warmup=4, window=WINDOW)
    items = [Item("x/0", QUESTION, "?"), Item("x/1", "What is 4183*46-17+29?", "?")]
    online = sample_online(engine, "arm", 0.5, items, settings)
    plain = sample(engine, UNPRUNED, items, settings)
    for replies, unpruned in zip(online, plain, strict=True):
        assert [r.text for r in replies[:4]] == [r.text for r in unpruned[:4]]
        confidence = [r.confidence for r in replies]
        floor = threshold(confidence[:4], 0.5)
        assert [r.votes for r in replies] == [c >= floor for c in confidence]
        assert all(r.fate != "pruned" for r in replies[:4])
        assert all(
            c < floor for r, c in zip(replies, confidence, strict=True) if r.fate == "pruned"
        )
    assert any(r.fate == "pruned" for replies in online for r in replies)
    assert sum(r.tokens for g in online for r in g) < sum(r.tokens for g in plain for r in g)
