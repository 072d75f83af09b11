"""Blocks to rows: accuracy, cost and goodput of each arm. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.answers.extract import extract
from benchmarks.serving.votes import SPEC
from trainer.evaluation.reporting.statistics import bootstrap, paired

DRAWS = 10_000


def right(text: str, gold: str) -> bool:
    """Whether the reply settles on the gold; every arm's reply is read by the same code."""
    answer = extract(text, SPEC)
    return answer is not None and (answer == gold or equivalent(answer, gold, "math"))


def ratio(
    blocks: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]], seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Goodput over that of ``base``, block by block the same questions; 95 % interval over blocks."""
    ours, theirs = (
        np.array([[sum(b["right"]), b["seconds"]] for b in side], dtype=float)
        for side in (blocks, base)
    )
    picks = np.random.default_rng(seed).integers(0, len(ours), (DRAWS, len(ours)))

    def of(a: Any, b: Any) -> Any:
        good, bad = a.sum(axis=-2), b.sum(axis=-2)
        return (good[..., 0] / good[..., 1]) / np.maximum(bad[..., 0] / bad[..., 1], 1e-12)

    low, high = np.percentile(of(ours[picks], theirs[picks]), [2.5, 97.5])
    return float(of(ours, theirs)), (float(low), float(high))


def summarise(
    blocks: Sequence[Mapping[str, Any]], baseline: str, uniform: str
) -> list[dict[str, Any]]:
    """A row for each prompt form, concurrency and arm, over the blocks that every arm has finished."""
    rows = []
    for prompt, concurrency in dict.fromkeys((b["prompt"], b["concurrency"]) for b in blocks):
        here = [b for b in blocks if (b["prompt"], b["concurrency"]) == (prompt, concurrency)]
        by_arm: dict[str, dict[int, Mapping[str, Any]]] = {}
        for block in here:
            by_arm.setdefault(block["arm"], {})[block["block"]] = block
        common = sorted(set.intersection(*(set(found) for found in by_arm.values())))
        whole = {arm: [found[i] for i in common] for arm, found in by_arm.items()}
        if common and baseline in whole and uniform in whole:
            rows += [
                {"prompt": prompt, "concurrency": concurrency, "arm": arm}
                | _figures(found, whole[baseline], whole[uniform])
                for arm, found in whole.items()
            ]
    return rows


def _figures(
    blocks: Sequence[Mapping[str, Any]],
    base: Sequence[Mapping[str, Any]],
    uniform: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    marks = [float(r) for b in blocks for r in b["right"]]
    reference = [float(r) for b in uniform for r in b["right"]]
    each = [s for b in blocks for s in b["seconds_each"]]
    seconds = sum(b["seconds"] for b in blocks)
    tokens = sum(b["tokens"] for b in blocks)
    difference, interval = paired(marks, reference)
    goodput, goodput_interval = ratio(blocks, base)
    return {
        "questions": len(marks),
        "accuracy": float(np.mean(marks)),
        "interval": bootstrap(marks),
        "difference_to_uniform": difference,
        "difference_interval": interval,
        "tokens_a_question": tokens / len(marks),
        "tokens_relative": tokens / sum(b["tokens"] for b in base),
        "seconds_p50": float(np.median(each)),
        "seconds_p95": float(np.percentile(each, 95)),
        "goodput": sum(marks) / seconds,
        "goodput_relative": goodput,
        "goodput_interval": goodput_interval,
    }
