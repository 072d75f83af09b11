"""What dropping whole groups at the probe could save: ``python -m benchmarks.group_signal``.

A group whose survivors will all be right, or all wrong, teaches nothing. Of finished pruned runs (those of
``benchmarks.training``, and one on questions of very different difficulty that is made here) this asks how
many groups were like that, and how many of them the posterior of success knew at the probe.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arrol_serve.quality.posterior import BinnedPosterior
from benchmarks.record import write_result
from benchmarks.training.arms import ARMS, COMMON, RECIPE
from benchmarks.training.runs import folder
from trainer.config import TrainConfig
from trainer.pruning.online_head import FINAL
from trainer.run import checkpoint
from trainer.run.folder import RunFolder
from trainer.run.log import read_metrics

MIXED = "arrol, levels 1, 3, 5, 7"
CHANGES: dict[str, Any] = {"data.levels": [1, 3, 5, 7], "eval.every": 0, "head.window": 32768}
ASKED = ("arrol", "arrol_signed", "arrol, keep 0.25", "arrol, keep 0.75")
"""The arms of ``benchmarks.training`` that are read, all with one probe."""
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Probabilities of being mixed, below which a group would be dropped."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A group at its probe, with survivors only: they alone have a verdict."""

    probability: float
    """That its survivors are mixed, as the posterior of the step before had it."""
    mixed: bool


def mixed_probability(q: Array) -> float:
    """1 - prod(q) - prod(1 - q): neither all right nor all wrong, the rollouts being independent given q."""
    return float(1 - q.prod() - (1 - q).prod())


def seen_groups(rows: Array, config: TrainConfig) -> Iterator[Seen]:
    """Groups of the steps with pruning. ``rows`` [M, 5]: as ``OnlineHead.unseen``.

    Each step's q comes from the posterior that the run itself had then: of all steps before.
    """
    posterior = BinnedPosterior(config.head.bins, decay=config.head.decay)
    at_probe = rows[rows[:, 2] != FINAL]
    step = at_probe[:, 3] // config.rollout.prompts
    for number in np.unique(step):
        now, q = at_probe[step == number], posterior.posterior()
        if number >= config.prune.cold_start:
            for group in np.unique(now[:, 3]):
                mine = now[now[:, 3] == group]
                right = mine[:, 1].mean()
                yield Seen(mixed_probability(q[posterior.bin_of(mine[:, 0])]), 0 < right < 1)
        posterior.observe(now[:, 0], now[:, 1], now[:, 4])


def summary(name: str, runs: Sequence[Path]) -> dict[str, Any]:
    """How often there was nothing to learn, what was known of it, and what knowing all would save."""
    groups: list[Seen] = []
    saved = []
    for run in runs:
        config = RunFolder(run).config()
        newest = checkpoint.latest(run / "checkpoints")
        assert newest is not None
        rows = checkpoint.load_state(newest)["head"]["unseen"].numpy()
        groups += seen_groups(rows, config)
        saved += [_ceiling(row, config) for row in read_metrics(run) if _pruned(row, config)]
    p = np.array([group.probability for group in groups])
    mixed = np.array([group.mixed for group in groups])
    dropped = {str(t): p < t for t in THRESHOLDS}
    return {
        "run": name,
        "runs": len(runs),
        "groups": len(groups),
        "without_signal": float(1 - mixed.mean()),
        "dropped": {t: float(d.mean()) for t, d in dropped.items()},
        "mixed_of_dropped": {
            t: float(mixed[d].mean()) if d.any() else None for t, d in dropped.items()
        },
        "tokens_ceiling": float(np.mean([tokens for tokens, _ in saved])),
        "seconds_ceiling": float(np.mean([seconds for _, seconds in saved])),
    }


def _pruned(row: dict[str, Any], config: TrainConfig) -> bool:
    return row["step"] > config.prune.cold_start and row["kept_at_risk"] is not None


def _ceiling(row: dict[str, Any], config: TrainConfig) -> tuple[float, float]:
    """Shares of a step's tokens and seconds that go, after the probe, to groups without signal."""
    rollouts = config.rollout.samples * row["groups"]
    pruned = (1 - row["kept"]) * rollouts
    at_risk = pruned / (1 - row["kept_at_risk"]) if pruned else 0.0
    after = row["tokens_generated"] - at_risk * config.prune.probes[-1]
    tokens = (1 - row["groups_mixed"] / row["groups"]) * after / row["tokens_generated"]
    return tokens, tokens * row["seconds/generate"] / row["seconds/total"]


def train_mixed(run: Path, seed: int, steps: int) -> None:
    """The run on very different questions, unless it is there."""
    changes = COMMON | ARMS["arrol"] | CHANGES
    changes |= {"run.seed": seed, "run.steps": steps, "run.out": str(run)}
    words = [sys.executable, "-m", "trainer.cli", "policy", str(RECIPE), "--resume", "auto"]
    words += [f"--{key}={json.dumps(value)}" for key, value in changes.items()]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--out", type=Path, default=Path("runs/training"), help="of benchmarks.training"
    )
    parser.add_argument("--report", action="store_true", help="only of the runs that are there")
    args = parser.parse_args()
    arms = {arm: [folder(args.out, arm, seed) for seed in args.seeds] for arm in ASKED}
    arms[MIXED] = [args.out / f"levels-{seed}" for seed in args.seeds]
    for seed, run in zip(args.seeds, arms[MIXED], strict=True):
        if not args.report:
            train_mixed(run, seed, args.steps)
    there = {arm: [run for run in runs if read_metrics(run)] for arm, runs in arms.items()}
    rows = [summary(arm, runs) for arm, runs in there.items() if runs]
    settings = {
        "steps": args.steps,
        "seeds": args.seeds,
        "changes": COMMON,
        "levels": CHANGES["data.levels"],
    }
    write_result("group_signal", settings, rows)
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
