"""What pruning with a head would have saved and kept, replayed on recorded rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from arrol_serve.pruning.survival import GroupView
from arrol_serve.pruning.top_fraction import TopFraction
from arrol_serve.quality.head import QualityHead
from trainer.head.data import HeadData
from trainer.head.fit import raw_logits

KEEPS = (0.25, 0.5, 0.75)
FEWEST, DRAWS = 0.05, 2000


def saving_table(
    head: QualityHead, test: HeadData, hidden_size: int, positions: Sequence[int]
) -> list[dict[str, Any]]:
    """One row for each probe and keep ratio, judged by the serving survival policy itself.

    Probes that fewer than ``FEWEST`` of the rollouts live to see are left out: nothing could be saved there.
    ``tokens``: share of the unpruned tokens; ``right``: share of right ones among what survives, to
    be read beside ``right_unpruned``; ``solvable``: share of the questions that had a right rollout
    and still have one; ``interval``: of ``right``, over questions.
    """
    scores = raw_logits(head, test, hidden_size)
    reached = [p for p in positions if _reach(test, p) >= FEWEST] or list(positions[:1])
    return [_row(test, scores, probe, keep) for probe in reached for keep in KEEPS]


def _reach(test: HeadData, probe: int) -> float:
    """Share of the rollouts that are still generated at the probe."""
    return float((test.tokens[test.final] > probe).mean())


def _row(test: HeadData, scores: np.ndarray, probe: int, keep: float) -> dict[str, Any]:
    spent = total = before = solvable = solved = 0
    right, survivors = list[int](), list[int]()
    for group in np.unique(test.group):
        mine = test.group == group
        ended = mine & test.final
        length = dict(zip(test.rollout[ended].tolist(), test.tokens[ended].tolist(), strict=True))
        good = dict(zip(test.rollout[ended].tolist(), test.correct[ended].tolist(), strict=True))
        dead = _pruned(test, scores, mine, probe, keep, len(length))
        alive = [index for index in length if index not in dead]
        spent += sum(probe if index in dead else tokens for index, tokens in length.items())
        total += sum(length.values())
        survivors.append(len(alive))
        right.append(sum(good[index] for index in alive))
        before += sum(good.values())
        solvable += any(good.values())
        solved += any(good[index] for index in alive)
    rollouts = int(test.final.sum())
    return {
        "probe": probe,
        "keep": keep,
        "tokens": spent / total,
        "right": sum(right) / sum(survivors),
        "interval": _interval(right, survivors),
        "right_unpruned": before / rollouts,
        "solvable": solved / solvable if solvable else None,
    }


def _interval(right: Sequence[int], survivors: Sequence[int]) -> list[float]:
    """95 % bootstrap interval of the share of right ones, over questions."""
    table = np.array([right, survivors], dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, len(right), (DRAWS, len(right)))
    sums = table[:, drawn].sum(axis=2)
    return [float(v) for v in np.percentile(sums[0] / sums[1], [2.5, 97.5])]


def _pruned(
    test: HeadData, scores: np.ndarray, mine: np.ndarray, probe: int, keep: float, size: int
) -> set[int]:
    at = np.flatnonzero(mine & (test.tokens == probe) & ~test.final)
    view = GroupView(
        size=size,
        probe=0,
        probes=1,
        alive=len(at),
        finished=size - len(at),
        pruned=0,
        min_survivors=1,
        seed=0,
    )
    verdicts = TopFraction(keep).judge({int(test.rollout[row]): scores[row] for row in at}, view)
    return {index for index, verdict in verdicts.items() if not verdict.survives}
