"""Pruned against unpruned training: ``python -m benchmarks.training``.

One recipe with every arm and seed. The arms of a seed take turns, fifteen steps each, by resuming their
runs, so that changes of the machine's speed hit all alike; a finished run is not repeated, and
what is not through yet is left out of the result. Seconds that passed are those of a quiet machine only
where the result says ``quiet``; processor seconds stand beside them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.plots.training import training_plot
from benchmarks.record import write_result
from benchmarks.training.arms import ARMS, RECIPE, REGIMES, TURN, Changes, common
from benchmarks.training.runs import train
from benchmarks.training.summary import summarise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[3], help="several seeds, or how many from 0 on"
    )
    parser.add_argument("--note", default="", help="what else is to be known of the measurement")
    parser.add_argument("--out", type=Path, help="default: runs/NAME")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--regime", choices=REGIMES, default="dense")
    parser.add_argument("--base", choices=ARMS, default="none", help="what arms are compared with")
    parser.add_argument("--turn", type=int, default=TURN, help="steps of an arm at a time")
    parser.add_argument("--name", help="of the result file; default: training, or training_REGIME")
    parser.add_argument(
        "--set", nargs="+", type=_change, default=[], metavar="KEY=JSON", help="for all arms"
    )
    parser.add_argument("--report", action="store_true", help="only of the runs that are there")
    args = parser.parse_args()
    seeds = seeds_of(args.seeds)
    name = args.name or ("training" if args.regime == "dense" else f"training_{args.regime}")
    out = args.out or Path("runs") / name
    settings = common(args.regime) | dict(args.set)
    turns = [
        (arm, seed, min(steps, args.steps))
        for seed in seeds
        for steps in range(args.turn, args.steps + args.turn, args.turn)
        for arm in args.arms
    ]
    for arm, seed, steps in tqdm([] if args.report else turns, unit="turn"):
        train(out, arm, seed, steps, settings)
    report(out, args.steps, seeds, name, settings, args.base, args.note)


def _change(word: str) -> tuple[str, Any]:
    key, value = word.split("=", 1)
    return key, json.loads(value)


def seeds_of(given: Sequence[int]) -> list[int]:
    """``--seeds``: a single number says how many."""
    return list(range(given[0])) if len(given) == 1 else list(given)


def report(
    out: Path, steps: int, seeds: Sequence[int], name: str, changes: Changes, base: str, note: str
) -> None:
    """Write and draw what the finished runs say, those of earlier calls included."""
    rows = summarise(out, seeds, steps, base)
    if not rows:
        raise SystemExit(f"No seed has come to {steps} steps with {base} and another arm yet.")
    done = sorted({seed for row in rows for seed in row["seeds"]})
    settings = {"steps": steps, "seeds": done, "recipe": RECIPE.name, "changes": changes}
    settings |= {"arms": ARMS, "base": base}
    training_plot(write_result(name, settings, rows, note=note))
    for row in rows:
        print(
            f"{row['arm']:17s} {row['seconds_per_step']:.2f} s/step, speed-up {row['speedup']:.2f} "
            f"(processor: {row['speedup_cpu'] or float('nan'):.2f}), "
            f"pass@1 {np.mean(row['pass@1']):.3f}, over {base} {np.mean(row['gain_over_base']):+.3f}, "
            f"at equal seconds {np.mean(row['gain_at_equal_seconds']):+.3f}"
        )


if __name__ == "__main__":
    main()
