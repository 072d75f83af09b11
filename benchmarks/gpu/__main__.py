"""Measures one model on a GPU: ``python -m benchmarks gpu NAME --folder CHECKPOINT --data-dir DATA``.

A head is made, evaluated on maths questions with every vote and pruning, served beside the peers, and the
policy is trained with every prune mode and seed. A step that has finished is not run again. ``--dry-run``
checks every setting with the programs' own parsers and prints the commands; it needs no GPU, no checkpoint
and no data.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from arrol_serve.errors import ArrolError
from benchmarks.gpu.plan import MODELS, MODES, RESULTS, SEEDS, SETTINGS, Step, check, missing, plan
from benchmarks.record import write_result
from trainer.config import load_config
from trainer.run.log import read_metrics


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks gpu", description=__doc__)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("--folder", type=Path, required=True, help="the model's checkpoint")
    parser.add_argument("--data-dir", type=Path, required=True, help="JSONL files of the data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--steps", type=int, default=200, help="of each training run")
    parser.add_argument("--dry-run", action="store_true", help="check and print, run nothing")
    return parser.parse_args(argv)


def evaluated(report: Path) -> list[dict[str, Any]]:
    """The report's methods, without their marks question by question."""
    methods = json.loads(report.read_text())["methods"]
    return [{"part": "evaluation", **{k: v for k, v in m.items() if k != "right"}} for m in methods]


def trained(out: Path, cold_start: int) -> list[dict[str, Any]]:
    """Seconds and tokens a step once pruning is in force, and the last accuracy, of every run."""
    rows = []
    for mode in MODES:
        for seed in SEEDS:
            metrics = read_metrics(out / f"train-{mode}-{seed}")
            steady = [row for row in metrics if row["step"] > cold_start]
            finals = [row["eval/pass@1"] for row in metrics if "eval/pass@1" in row]
            row = {"part": "training", "mode": mode, "seed": seed, "pass@1": finals[-1]}
            for key in ("seconds/total", "tokens_generated", "tokens_trained"):
                row[key] = float(np.mean([step[key] for step in steady]))
            rows.append(row)
    return rows


def run(step: Step) -> None:
    """``SystemExit`` if the program fails; what it has kept is gone on from the next time."""
    if step.made.exists():
        return
    if subprocess.run(step.command(), check=False).returncode or not step.made.exists():
        raise SystemExit(f"{step.name} did not finish; the same command goes on from here")


def main(argv: Sequence[str] | None = None) -> None:
    args = parsed(argv)
    out = args.out / args.name
    steps = plan(args.name, args.folder, args.data_dir, out, args.steps)
    try:
        for step in steps:
            check(step)
    except ArrolError as error:
        raise SystemExit(f"{step.name}: {error}") from error
    if args.dry_run:
        print("\n".join(f"# {step.name}\n{step.shown()}" for step in steps))
        return
    if absent := missing(args.folder, args.data_dir):
        raise SystemExit(f"missing: {', '.join(absent)}. {args.name} is {MODELS[args.name]}")
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device; --dry-run checks the settings without one")
    for step in tqdm(steps, unit="step"):
        run(step)
    cold_start = load_config(Path(steps[-1].words[1])).prune.cold_start
    rows = evaluated(out / "evaluation" / "report.json") + trained(out, cold_start)
    settings = {"model": MODELS[args.name], "steps": args.steps, **SETTINGS}
    print(write_result(args.name, settings, rows, seeds=SEEDS, folder=RESULTS))


if __name__ == "__main__":
    main()
