"""What runs say: a row an arm, over the seeds that it has in common with the base."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.arms import ARMS, COMMON
from benchmarks.training.neighbours import QUIET, others
from benchmarks.training.runs import Rows, folder, trained
from trainer.run.log import read_metrics

PHASES = ("generate", "logprob", "update", "head", "sync")
MEANS = (
    "tokens_generated",
    "tokens_trained",
    "reward_var",
    "kept_positive/hard",
    "kept_positive/medium",
    "kept_positive/easy",
    "groups_mixed",
    "groups_whole",
    "groups",
    "head/auc",
    "head/auc_within_group",
)
GOALS = (0.5, 0.55)
"""pass@1 that the time to is measured."""
Curve = Sequence[tuple[int, float, float, float | None]]
"""(step, training seconds so far, pass@1, processor seconds so far) at each evaluation."""
WALL, PROCESSOR = 1, 3
"""Places of the clocks."""


def summarise(
    out: Path, seeds: Sequence[int], steps: int, base: str = "none"
) -> list[dict[str, Any]]:
    """One row for each arm, over the seeds that have come to ``steps`` steps with it and with ``base``."""
    rows = []
    for arm in ARMS:
        done = [
            s for s in seeds if all(len(trained(folder(out, a, s))) >= steps for a in (arm, base))
        ]
        if done:
            paths = [folder(out, arm, seed) for seed in done]
            plain = [read_metrics(folder(out, base, seed)) for seed in done]
            rows.append({"seeds": done} | _row(arm, base, paths, plain))
    return rows


def _row(arm: str, base: str, paths: Sequence[Path], plain: Sequence[Rows]) -> dict[str, Any]:
    runs = [read_metrics(path) for path in paths]
    curves, unpruned = [_curve(run) for run in runs], [_curve(run) for run in plain]
    pairs = list(zip(curves, unpruned, strict=True))
    busy = [others(path) for path in paths]
    return {
        "arm": arm,
        "others": busy,
        "quiet": all(cores is not None and cores <= QUIET for cores in busy),
        **_times(runs, plain, _batches(arm), _batches(base)),
        **{key: _mean([_steady(run, _batches(arm)) for run in runs], key) for key in MEANS},
        **_noise([row for run in runs for row in _steady(run, _batches(arm))]),
        "pass@1_before": [curve[0][2] for curve in curves],
        "pass@1": [curve[-1][2] for curve in curves],
        "gain_over_base": [one[-1][2] - other[-1][2] for one, other in pairs],
        "gain_at_equal_seconds": [_gain(one, other, WALL) for one, other in pairs],
        "gain_at_equal_seconds_cpu": [_gain(one, other, PROCESSOR) for one, other in pairs],
        "time_to": {
            f"{goal:g}": {
                "seconds": [_until(curve, goal, WALL) for curve in curves],
                "seconds_cpu": [_until(curve, goal, PROCESSOR) for curve in curves],
            }
            for goal in GOALS
        },
        "curves": curves,
    }


def _times(runs: Sequence[Rows], plain: Sequence[Rows], each: int, base: int) -> dict[str, Any]:
    """Seconds a step that passed, and those on a processor where they were measured."""
    ours, theirs = [_steady(run, each) for run in runs], [_steady(run, base) for run in plain]
    found: dict[str, Any] = {}
    for kind, name in (("seconds", ""), ("seconds_cpu", "_cpu")):
        known = all(f"{kind}/total" in row for run in (*ours, *theirs) for row in run)
        mine = [_median(run, each, f"{kind}/total") for run in ours] if known else []
        bases = [_median(run, base, f"{kind}/total") for run in theirs] if known else []
        ratios = [b / a for a, b in zip(mine, bases, strict=True)]
        found[f"{kind}_per_step"] = float(np.mean(mine)) if known else None
        found[f"speedups{name}"] = ratios
        found[f"speedup{name}"] = float(np.mean(ratios)) if known else None
        found |= {f"{kind}_{phase}": _phase(ours, f"{kind}/{phase}") for phase in PHASES}
    return found


def _noise(rows: Rows) -> dict[str, float]:
    """What an optimizer step's gradient is made of.

    Where it is all noise its square is inversely proportional to the rollouts: the product is the same for
    few rollouts and for many.
    """
    known = [row for row in rows if "grad_norm" in row and row.get("rollouts_trained")]
    if not known:
        return {}
    sizes = np.array([row["rollouts_trained"] for row in known]) / COMMON["optim.minibatches"]
    squares = np.array([row["grad_norm"] for row in known]) ** 2
    return {
        "rollouts_per_update": float(sizes.mean()),
        "gradient2_rollouts": float(np.median(squares * sizes)),
    }


def _steady(run: Rows, batches: int) -> Rows:
    """The steps on which pruning is in force, whole generations of ``batches`` steps each."""
    first = -(-COMMON["prune.cold_start"] // batches) * batches
    rows = [row for row in run if row["step"] > first]
    return rows[: len(rows) // batches * batches]


def _batches(arm: str) -> int:
    found: int = ARMS[arm].get("rollout.batches", 1)
    return found


def _median(run: Rows, batches: int, key: str) -> float:
    """Seconds of a step, on the mean of a generation's: what else the machine does falls on few of them."""
    seconds = np.array([row[key] for row in run]).reshape(-1, batches)
    return float(np.median(seconds.mean(1)))


def _phase(runs: Sequence[Rows], key: str) -> float | None:
    """Seconds a step; a step without the phase has spent none."""
    if not any(key in row for run in runs for row in run):
        return None
    return float(np.mean([row.get(key) or 0.0 for run in runs for row in run]))


def _mean(runs: Sequence[Rows], key: str) -> float | None:
    """Over the steps of all runs that have the figure."""
    values = [row[key] for run in runs for row in run if row.get(key) is not None]
    return float(np.mean(values)) if values else None


def _curve(run: Rows) -> Curve:
    spent, used, points = 0.0, 0.0, []
    known = all("seconds_cpu/total" in row for row in run if row["step"] > 0)
    for row in run:
        spent += row.get("seconds/total", 0.0)
        used += row.get("seconds_cpu/total", 0.0)
        if "eval/pass@1" in row:
            points.append((row["step"], spent, row["eval/pass@1"], used if known else None))
    return points


def _gain(curve: Curve, other: Curve, clock: int) -> float | None:
    """Last pass@1 over the other run's after as many seconds by this clock, on straight lines between its
    evaluations; None: not measured."""
    times = [point[clock] for point in other]
    if curve[-1][clock] is None or any(time is None for time in times):
        return None
    then = np.interp(curve[-1][clock], times, [point[2] for point in other])  # type: ignore[arg-type]
    return curve[-1][2] - float(then)


def _until(curve: Curve, goal: float, clock: int) -> float | None:
    """When a run first has pass@1 ``goal`` by the clock at this place of its points; None: it has not."""
    for before, after in pairwise(curve):
        if after[clock] is None or before[clock] is None:
            return None
        if before[2] < goal <= after[2]:
            share = (goal - before[2]) / (after[2] - before[2])
            return float(before[clock] + share * (after[clock] - before[clock]))  # type: ignore[operator]
    return None
