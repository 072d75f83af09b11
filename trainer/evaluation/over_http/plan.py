"""What each arm asks of ``arrol-serve``, key by key, and whether that was done. Pure.

A key left out would be the alias's or the server's: an unpruned arm must say that it is not pruned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from trainer.evaluation.sampling import ADAPTIVE, AGREEMENT, Settings, policy_of

NOTHING: dict[str, Any] = dict.fromkeys(
    ("budget", "min_samples", "prune", "early_stop", "max_total_tokens", "deadline_s")
)
"""Null puts a key back to its default, whatever the alias says."""


def one_sample() -> dict[str, Any]:
    """The least search that reports on itself."""
    return {**NOTHING, "samples": 1, "scorer": None, "return": "candidates"}


def explicit(arm: str, settings: Settings, spec: AnswerSpec, *, has_head: bool) -> dict[str, Any]:
    """The ``arrol`` object of one arm."""
    asked: dict[str, Any] = {
        **NOTHING,
        "samples": settings.samples,
        # Only this vote makes the engine compute both signals; we count the votes ourselves.
        "vote": "confidence",
        "scorer": "head" if has_head else "confidence",
        "return": "candidates",
        "answer": {
            "extract": spec.extract,
            "regex": spec.regex,
            "json_pointer": spec.json_pointer,
            "equivalence": spec.equivalence,
        },
    }
    if arm == ADAPTIVE:
        first = min(settings.samples, max(2, settings.samples // 4))
        asked |= {"vote": "uniform", "early_stop": {"agreement": AGREEMENT}, "min_samples": first}
    policy = policy_of(arm, settings.keep)
    if policy is not None:
        name, keep = policy["name"], policy["keep"]
        asked["prune"] = {"policy": name, "keep": keep, "probes": [settings.probe]}
    return asked


def what_was_not_done(arm: str, samples: int, fates: Sequence[Fate]) -> str | None:
    """Where the candidates show that the server ran another plan; None: they do not."""
    counts = Counter(fates)
    if arm != ADAPTIVE and len(fates) != samples:
        return f"asked for {samples} candidates, got {len(fates)}"
    if arm != ADAPTIVE and counts[Fate.CANCELLED]:
        return f"{counts[Fate.CANCELLED]} of {samples} candidates were called off"
    if policy_of(arm, 1.0) is None and counts[Fate.PRUNED]:
        return (
            f"{counts[Fate.PRUNED]} of {samples} candidates were pruned, though nobody asked for it"
        )
    return None
