"""Pruned against unpruned training: ``python -m benchmarks.training``.

One recipe with every arm and seed. The arms of a seed take turns, fifteen steps each, by resuming their
runs, so that changes of the machine's speed hit all alike; a finished run is not repeated, and
what is not through yet is left out of the result.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.plots.training import training_plot
from benchmarks.record import write_result
from trainer.run.log import read_metrics

Rows = Sequence[dict[str, Any]]
Changes = dict[str, Any]
"""Settings of the recipe by name."""

RECIPE = Path(__file__).parent.parent / "trainer" / "recipes" / "arithmetic.toml"
TURN = 15
COMMON: dict[str, Any] = {
    "prune.cold_start": 5,
    "rollout.temperature": 1.7,
    "optim.lr": 3e-4,
    "optim.minibatches": 2,
    "algorithm.clip_high": 0.2,
    "eval.every": TURN,
    "eval.questions": 200,
    "eval.samples": 3,
    "eval.temperature": 1.7,
    "eval.keep_best": "",
    "checkpoint.every": TURN,
}
DAPO: dict[str, Any] = {
    "algorithm.clip_high": 0.28,
    "rollout.dynamic_rounds": 3,
    "reward.overlong_tokens": 32,
}
TUNED: dict[str, Any] = {
    "rollout.batches": 4,
    "algorithm.old": "engine",
    "optim.tokens_per_pass": 16384,
}
"""What helps unpruned training as well, as in ``trainer/recipes/fast.toml``."""
ARMS: dict[str, dict[str, Any]] = {
    "none": {"prune.mode": "none"},
    "random": {"prune.mode": "random"},
    "arrol": {"prune.mode": "arrol"},
    "arrol_signed": {"prune.mode": "arrol_signed", "prune.lam": 2.0},
    "none, tuned": {"prune.mode": "none", **TUNED},
    "fast": {"prune.mode": "arrol", **TUNED},
    "arrol, ipw": {"prune.mode": "arrol", "algorithm.correction": "ipw"},
    "arrol, 8 by PODS": {
        "prune.mode": "arrol",
        "rollout.samples": 32,
        "algorithm.train_of_group": 8,
    },
    "arrol, keep 0.25 of 32": {
        "prune.mode": "arrol",
        "rollout.samples": 32,
        "prune.keep": 0.25,
    },
    "arrol, keep 0.25": {"prune.mode": "arrol", "prune.keep": 0.25},
    "arrol, keep 0.75": {"prune.mode": "arrol", "prune.keep": 0.75},
    "arrol, probe at 16": {"prune.mode": "arrol", "prune.probes": [16]},
    "arrol, probes at 16 and 32": {"prune.mode": "arrol", "prune.probes": [16, 32]},
    "DAPO, none": {"prune.mode": "none", **DAPO},
    "DAPO, arrol": {"prune.mode": "arrol", **DAPO},
}
"""What differs from the recipe; GRPO unless named DAPO, keep 0.5 and the probe at 32 unless named."""
PHASES = ("generate", "logprob", "update", "head", "sync")
MEANS = (
    "tokens_generated",
    "tokens_trained",
    "reward_var",
    "kept_positive/hard",
    "kept_positive/easy",
    "groups_mixed",
    "groups",
    "head/auc",
    "head/auc_within_group",
)


def folder(out: Path, arm: str, seed: int) -> Path:
    return out / f"{arm.replace(', ', '-').replace(' ', '')}-{seed}"


def train(out: Path, arm: str, seed: int, steps: int, common: Changes = COMMON) -> None:
    """Bring a run to ``steps`` steps."""
    run = folder(out, arm, seed)
    if len(_trained(run)) >= steps:
        return
    words = command(out, arm, seed, steps, common)
    done = subprocess.run(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])


def command(out: Path, arm: str, seed: int, steps: int, common: Changes = COMMON) -> list[str]:
    """What brings a run to ``steps`` steps."""
    run = folder(out, arm, seed)
    changes = common | ARMS[arm] | {"run.seed": seed, "run.steps": steps, "run.out": str(run)}
    words = [sys.executable, "-m", "trainer.cli", "policy", str(RECIPE), "--resume", "auto"]
    return words + [f"--{key}={json.dumps(value)}" for key, value in changes.items()]


def _trained(run: Path) -> Rows:
    return [row for row in read_metrics(run) if row["step"] > 0]


def summarise(out: Path, seeds: Sequence[int], steps: int) -> list[dict[str, Any]]:
    """One row for each arm, over the seeds that have come to ``steps`` steps with it and with ``none``."""
    rows = []
    for arm in ARMS:
        done = [
            s
            for s in seeds
            if all(len(_trained(folder(out, a, s))) >= steps for a in (arm, "none"))
        ]
        if done:
            runs = [read_metrics(folder(out, arm, seed)) for seed in done]
            base = [read_metrics(folder(out, "none", seed)) for seed in done]
            rows.append({"seeds": done} | _row(arm, runs, base))
    return rows


def _row(arm: str, runs: Sequence[Rows], base: Sequence[Rows]) -> dict[str, Any]:
    each = _batches(arm)
    steady = [_steady(run, each) for run in runs]
    unpruned = [_steady(run, 1) for run in base]
    gains = [_last(run) - _last(plain) for run, plain in zip(runs, base, strict=True)]
    row: dict[str, Any] = {
        "arm": arm,
        "seconds_per_step": float(np.mean([_median(run, each) for run in steady])),
        "speedups": [
            _median(plain, 1) / _median(run, each)
            for run, plain in zip(steady, unpruned, strict=True)
        ],
        **{f"seconds_{phase}": _phase(steady, f"seconds/{phase}") for phase in PHASES},
        **{key: _mean(steady, key) for key in MEANS},
        "pass@1_before": [_curve(run)[0][2] for run in runs],
        "pass@1": [_last(run) for run in runs],
        "gain_over_none": gains,
        "gain_at_equal_seconds": [
            _last(run) - _at(_curve(plain), _curve(run)[-1][1])
            for run, plain in zip(runs, base, strict=True)
        ],
        "curves": [_curve(run) for run in runs],
    }
    row["speedup"] = float(np.mean(row["speedups"]))
    return row


def _steady(run: Rows, batches: int) -> Rows:
    """The steps on which pruning is in force, whole generations of ``batches`` steps each."""
    first = -(-COMMON["prune.cold_start"] // batches) * batches
    rows = [row for row in run if row["step"] > first]
    return rows[: len(rows) // batches * batches]


def _batches(arm: str) -> int:
    found: int = ARMS[arm].get("rollout.batches", 1)
    return found


def _last(run: Rows) -> float:
    return _curve(run)[-1][2]


def _median(run: Rows, batches: int) -> float:
    """Seconds of a step, on the mean of a generation's: what else the machine does falls on few of them."""
    seconds = np.array([row["seconds/total"] for row in run]).reshape(-1, batches)
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


def _curve(run: Rows) -> list[tuple[int, float, float]]:
    """(step, training seconds so far, pass@1) at each evaluation."""
    spent, points = 0.0, []
    for row in run:
        spent += row.get("seconds/total", 0.0)
        if "eval/pass@1" in row:
            points.append((row["step"], spent, row["eval/pass@1"]))
    return points


def _at(curve: Sequence[tuple[int, float, float]], seconds: float) -> float:
    """pass@1 of a run after ``seconds`` of training, on straight lines between its evaluations."""
    return float(np.interp(seconds, [point[1] for point in curve], [point[2] for point in curve]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[3], help="several seeds, or how many from 0 on"
    )
    parser.add_argument("--note", default="", help="what else is to be known of the measurement")
    parser.add_argument("--out", type=Path, default=Path("runs/training"))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--name", default="training", help="of the result file")
    parser.add_argument(
        "--set", nargs="+", type=_change, default=[], metavar="KEY=JSON", help="for all arms"
    )
    parser.add_argument("--report", action="store_true", help="only of the runs that are there")
    args = parser.parse_args()
    seeds = seeds_of(args.seeds)
    turns = (
        []
        if args.report
        else [
            (arm, seed, min(steps, args.steps))
            for seed in seeds
            for steps in range(TURN, args.steps + TURN, TURN)
            for arm in args.arms
        ]
    )
    common = COMMON | dict(args.set)
    for arm, seed, steps in tqdm(turns, unit="turn"):
        train(args.out, arm, seed, steps, common)
    report(args.out, args.steps, seeds, args.name, common, args.note)


def _change(word: str) -> tuple[str, Any]:
    key, value = word.split("=", 1)
    return key, json.loads(value)


def seeds_of(given: Sequence[int]) -> list[int]:
    """``--seeds``: a single number says how many."""
    return list(range(given[0])) if len(given) == 1 else list(given)


def report(
    out: Path, steps: int, seeds: Sequence[int], name: str, common: Changes, note: str = ""
) -> None:
    """Write and draw what the finished runs say, those of earlier calls included."""
    rows = summarise(out, seeds, steps)
    settings = {"steps": steps, "seeds": list(seeds), "recipe": RECIPE.name, "changes": common}
    settings["arms"] = ARMS
    if not rows:
        raise SystemExit(f"No seed has come to {steps} steps with none and another arm yet.")
    training_plot(write_result(name, settings, rows, note=note))
    for row in rows:
        print(
            f"{row['arm']:17s} {row['seconds_per_step']:.2f} s/step, speed-up {row['speedup']:.2f}, "
            f"pass@1 {np.mean(row['pass@1']):.3f}, over none {np.mean(row['gain_over_none']):+.3f}, "
            f"at equal seconds {np.mean(row['gain_at_equal_seconds']):+.3f}"
        )


if __name__ == "__main__":
    main()
