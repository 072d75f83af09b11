"""Pruned against unpruned training: ``python -m benchmarks.training``.

The same recipe with every prune mode and seed. The modes take turns, ten steps each, by resuming their
runs, so that the machine's moods hit all alike; a finished run is not repeated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.plots import training_plot
from benchmarks.record import write_result
from trainer.metrics_log import read_metrics

RECIPE = Path(__file__).parent.parent / "trainer" / "recipes" / "arithmetic.toml"
MODES = ("none", "arrol", "random")
TURN = 10
COLD_START = 5
PHASES = ("generate", "update", "head", "sync")


def settings(mode: str, seed: int) -> list[str]:
    """What differs from the recipe."""
    changes = {
        "prune.mode": f'"{mode}"',
        "prune.cold_start": COLD_START,
        "run.seed": seed,
        "rollout.temperature": 1.5,
        "eval.questions": 200,
        "checkpoint.every": TURN,
    }
    return [f"--{key}={value}" for key, value in changes.items()]


def folder(out: Path, mode: str, seed: int) -> Path:
    return out / f"{mode}-{seed}"


def train(out: Path, mode: str, seed: int, steps: int) -> None:
    """Bring a run to ``steps`` steps."""
    run = folder(out, mode, seed)
    if len([row for row in read_metrics(run) if row["step"] > 0]) >= steps:
        return
    words = ["policy", str(RECIPE), "--resume", "auto", *settings(mode, seed)]
    words += [f"--run.out={run}", f"--run.steps={steps}"]
    done = subprocess.run(
        [sys.executable, "-m", "trainer.cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])


def summarise(out: Path, modes: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each mode: means over seeds, and the spread of accuracy between them."""
    base = {seed: _steady(read_metrics(folder(out, "none", seed))) for seed in seeds}
    rows = []
    for mode in modes:
        runs = {seed: read_metrics(folder(out, mode, seed)) for seed in seeds}
        steady = {seed: _steady(run) for seed, run in runs.items()}
        finals = [
            [r["eval/pass@1"] for r in run if "eval/pass@1" in r][-1] for run in runs.values()
        ]
        rows.append(
            {
                "mode": mode,
                "seeds": len(seeds),
                "seconds_per_step": _mean(steady, "seconds/total"),
                "speedup": float(
                    np.mean([_total(base[s], "seconds/total") / _total(steady[s], "seconds/total")
                             for s in seeds])
                ),
                "tokens_generated": _mean(steady, "tokens_generated"),
                "tokens_trained": _mean(steady, "tokens_trained"),
                **{f"seconds_{phase}": _mean(steady, f"seconds/{phase}") for phase in PHASES},
                "pass@1": float(np.mean(finals)),
                "pass@1_lowest": min(finals),
                "pass@1_highest": max(finals),
                "curves": {str(seed): _curve(run) for seed, run in runs.items()},
            }
        )  # fmt: skip
    return rows


def _steady(run: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps on which pruning is in force."""
    return [row for row in run if row["step"] > COLD_START]


def _total(rows: Sequence[dict[str, Any]], key: str) -> float:
    return float(sum(row[key] for row in rows))


def _mean(runs: dict[int, list[dict[str, Any]]], key: str) -> float:
    return float(np.mean([row[key] for run in runs.values() for row in run]))


def _curve(run: Sequence[dict[str, Any]]) -> list[list[float]]:
    """[training seconds so far, pass@1] at each evaluation."""
    spent, points = 0.0, []
    for row in run:
        spent += row.get("seconds/total", 0.0)
        if "eval/pass@1" in row:
            points.append([spent, row["eval/pass@1"]])
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--out", type=Path, default=Path("runs/training"))
    args = parser.parse_args()
    turns = [
        (mode, seed, min(steps, args.steps))
        for seed in args.seeds
        for steps in range(TURN, args.steps + TURN, TURN)
        for mode in MODES
    ]
    for mode, seed, steps in tqdm(turns, unit="turn"):
        train(args.out, mode, seed, steps)
    rows = summarise(args.out, MODES, args.seeds)
    result = {
        "steps": args.steps,
        "seeds": args.seeds,
        "cold_start": COLD_START,
        "recipe": RECIPE.name,
    }
    training_plot(write_result("training", result, rows))
    for row in rows:
        print(
            f"{row['mode']:8s} {row['seconds_per_step']:.2f} s/step, speed-up {row['speedup']:.2f}, "
            f"pass@1 {row['pass@1']:.3f} [{row['pass@1_lowest']:.3f}, {row['pass@1_highest']:.3f}]"
        )


if __name__ == "__main__":
    main()
