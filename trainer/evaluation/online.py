"""DeepConf online (arXiv 2508.15260, section 3.3): candidates below a confidence that a warm-up set
has shown are ended inside the engine.

A rollout's confidence is the lowest mean token confidence of any window on the way; of one shorter
than a window, its mean. The paper stops sampling too once the vote is decided; this does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainer.engines.sampling import GroupRequest, SampledRollout, sample_groups
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.sampling import Settings, reply_of, seed_of

LOOKS = 16
"""In a window: the confidence is looked at after every ``window // LOOKS`` tokens."""


def sample_online(
    engine: Any, arm: str, share: float, items: Sequence[Item], settings: Settings
) -> list[list[Reply]]:
    """As ``sampling.sample``. ``share`` of the warm-up rollouts would have passed the threshold.

    ``confidence`` of the replies is their lowest window's; those under the threshold do not vote.
    """
    warm = [_request(arm, item, 0, 0.0, settings) for item in items]
    first = sample_groups(engine, warm, settings.warmup, max_tokens=settings.max_tokens)
    floors = [threshold([lowest(r) for r in group], share) for group in first]
    rest = [
        _request(arm, item, settings.warmup, floor, settings)
        for item, floor in zip(items, floors, strict=True)
    ]
    left = settings.samples - settings.warmup
    second = sample_groups(engine, rest, left, max_tokens=settings.max_tokens)
    return [
        [_reply(rollout, floor) for rollout in (*warm_up, *later)]
        for warm_up, later, floor in zip(first, second, floors, strict=True)
    ]


def threshold(confidences: Sequence[float], share: float) -> float:
    """What ``share`` of ``confidences`` reach, interpolated as by numpy."""
    return float(np.quantile(confidences, 1 - share))


def lowest(rollout: SampledRollout) -> float:
    """The lowest confidence of any window that was looked at; of the last one if none was."""
    seen = [score for _, score, _ in rollout.report.get("probes", ())]
    return min(seen) if seen else float(rollout.report.get("confidence") or 0.0)


def looks(window: int, max_tokens: int) -> range:
    """Token counts at which the confidence is looked at: from the first full window on."""
    return range(window, max_tokens, max(1, window // LOOKS))


def _request(arm: str, item: Item, first: int, floor: float, settings: Settings) -> GroupRequest:
    return GroupRequest(
        f"{arm}/{item.id}/{first}",
        item.question,
        seed=seed_of(settings, item.id) + first,
        before=item.before,
        chat=settings.chat,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        probes=looks(settings.window, settings.max_tokens),
        policy={"name": "confidence_floor", "threshold": floor},
        signals=("confidence", "quality"),
        min_survivors=0,
        prune_by="confidence",
        confidence_window=settings.window,
    )


def _reply(rollout: SampledRollout, floor: float) -> Reply:
    confidence = lowest(rollout)
    return replace(reply_of(rollout), confidence=confidence, votes=confidence >= floor)
