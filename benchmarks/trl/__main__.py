"""Our training beside TRL's GRPOTrainer: ``python -m benchmarks.trl``.

Same model, questions, rollouts a step, loss and optimizer; whole runs take turns, in another order for
each seed. TRL comes into a folder of its own, without its dependencies, which are here already.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from arrol_serve.bundled import MODEL
from benchmarks.record import write_result
from benchmarks.training.arms import COMMON, RECIPE, TUNED
from benchmarks.training.runs import command, folder
from benchmarks.trl.package import TRL, install
from trainer.config import load_config
from trainer.run.log import read_metrics

PLAIN, TUNED_TRL = "TRL", "TRL, tuned"
THEIRS = {PLAIN: "plain", TUNED_TRL: "tuned", "TRL + arrol": "pruned"}
"""What is TRL's, and how ``benchmarks.trl.arm`` calls it."""
ARMS_HERE = (*THEIRS, "none, tuned", "arrol, tuned", "fast")
PHASES = ("generate", "sync", "reward", "logprob", "head", "update")
Times = list[dict[str, float]]
"""By step: seconds of its phases and in all, as ``trainer.stopwatch`` names them."""
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
raise SystemExit(code)
"""
"""Run in a small process, since a child's peak is never below what its parent held at the fork."""


def run(out: Path, package: Path, arm: str, seed: int, steps: int) -> None:
    """One whole run, unless it is there; its seconds a step, peak memory and accuracy."""
    target = folder(out, arm, seed)
    if (target / "result.json").exists():
        return
    if arm in THEIRS:
        places = [str(package), str(target), str(seed), str(steps), THEIRS[arm]]
        words = [sys.executable, "-m", "benchmarks.trl.arm", *places]
    else:
        words = command(out, arm, seed, steps)
    measured = [sys.executable, "-c", MEASURE, *words]
    done = subprocess.run(measured, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])
    times, accuracy = _theirs(target) if arm in THEIRS else _ours(target)
    body = {"times": times, "peak_bytes": int(done.stdout.split()[-1]), "pass@1": accuracy}
    (target / "result.json").write_text(json.dumps(body))


def _theirs(target: Path) -> tuple[Times, float]:
    times: Times = json.loads((target / "seconds.json").read_text())
    return times, _examined(target / "model")


def _ours(target: Path) -> tuple[Times, float]:
    """Its last checkpoint is examined as TRL's is, wherever its own evaluations fell."""
    steps = [row for row in read_metrics(target) if row["step"] > 0]
    times = [{k: v for k, v in row.items() if k.startswith("seconds")} for row in steps]
    model = shutil.copytree(MODEL, target / "model", dirs_exist_ok=True)
    shutil.copy(max((target / "checkpoints").iterdir()) / "model.safetensors", model)
    return times, _examined(model)


def _examined(model: Path) -> float:
    words = [sys.executable, "-m", "benchmarks.trl", "--examine", str(model)]
    return float(subprocess.run(words, capture_output=True, check=True).stdout.split()[-1])


def examine(model: Path) -> float:
    """pass@1 of a checkpoint on the questions that our own runs are evaluated on."""
    from arrol_serve.answers.pool import AnswerPool
    from trainer.engines.opening import open_engine, open_room
    from trainer.held_out.exam import Exam
    from trainer.held_out.questions import question_sets
    from trainer.precision import compute_dtype
    from trainer.ranks import Ranks

    config = load_config(RECIPE, [f"{key}={json.dumps(value)}" for key, value in COMMON.items()])
    pool = AnswerPool(config.reward.workers, config.reward.timeout_s)
    engine = open_engine(model, config.rollout, config.sync.backend, compute_dtype(config.optim))
    sets = question_sets(config.eval, config.data, open_room(model, config.rollout))
    exam = Exam(sets, config.eval, config.rollout, config.reward, config.chat, Ranks())
    found = exam.figures(engine, pool)
    engine.close()
    pool.close()
    return float(found["eval/pass@1"] or 0.0)


def summarise(out: Path, seeds: list[int], arms: Sequence[str]) -> list[dict[str, Any]]:
    """A figure for each seed: medians of the generations on which pruning is in force, a step.

    Speeds are of processor seconds: the same on a busy machine as on a quiet one, nearly.
    """
    rows: list[dict[str, Any]] = []
    for arm in arms:
        runs = [json.loads((folder(out, arm, s) / "result.json").read_text()) for s in seeds]
        spent = [_medians(run["times"]) for run in runs]
        cpu = [row["total"] for row in spent]
        rows.append(
            {
                "arm": arm,
                "seconds_per_step": [row["passed"] for row in spent],
                "cpu_seconds_per_step": cpu,
                "cpu_seconds_by_phase": {p: [row[p] for row in spent] for p in PHASES},
                "peak_bytes": [run["peak_bytes"] for run in runs],
                "pass@1": [run["pass@1"] for run in runs],
            }
        )
    for row in rows:
        row["speed_of"] = {
            theirs["arm"]: [
                a / b
                for a, b in zip(
                    theirs["cpu_seconds_per_step"], row["cpu_seconds_per_step"], strict=True
                )
            ]
            for theirs in rows
            if theirs["arm"] in (PLAIN, TUNED_TRL)
        }
    return rows


def _medians(steps: Times) -> dict[str, float]:
    """Seconds of a step that passed, and processor seconds in all and by phase; update: the rest.

    All arms are read by the longest generation: the steps that share one count together.
    """
    each: int = TUNED["rollout.batches"]
    first = -(-COMMON["prune.cold_start"] // each) * each
    steps = steps[first : first + (len(steps) - first) // each * each]

    def median(name: str) -> float:
        seconds = np.array([step.get(name, 0.0) for step in steps]).reshape(-1, each)
        return float(np.median(seconds.mean(1)))

    found = {name: median(f"seconds_cpu/{name}") for name in ("total", *PHASES)}
    found["update"] = found["total"] - sum(found[name] for name in PHASES[:-1])
    return found | {"passed": median("seconds/total")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS_HERE, default=list(ARMS_HERE))
    parser.add_argument("--name", default="trl", help="of the result; another one for a short run")
    parser.add_argument("--note", default="", help="what a reader must know of the run")
    parser.add_argument("--out", type=Path, default=Path("runs/trl"))
    parser.add_argument("--examine", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.examine:
        print(examine(args.examine))
        return
    package = args.out / "package"
    install(package)
    turns = [
        (args.arms[(place + number) % len(args.arms)], seed)
        for number, seed in enumerate(args.seeds)
        for place in range(len(args.arms))
    ]
    for arm, seed in tqdm(turns, unit="run"):
        run(args.out, package, arm, seed, args.steps)
    rows = summarise(args.out, args.seeds, args.arms)
    settings = {
        "steps": args.steps,
        "seeds": args.seeds,
        "trl": TRL,
        "changes": COMMON,
        "tuned": TUNED,
    }
    write_result(args.name, settings, rows, note=args.note)
    for row in rows:
        print(
            f"{row['arm']:17s} {np.mean(row['cpu_seconds_per_step']):.2f} processor s/step; "
            + ", ".join(f"{np.mean(each):.2f}x {name}" for name, each in row["speed_of"].items())
            + f", pass@1 {np.mean(row['pass@1']):.3f}"
        )


if __name__ == "__main__":
    main()
