"""SmolLM2 trained by GRPO on its sums, unpruned and pruned, and evaluated before and after.

    python -m examples.smollm2.train

Goes on where it stopped. Half an hour on one CPU core that computes in bfloat16, an hour on others.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from examples.smollm2.run import HELD_OUT, model_folder, step
from examples.smollm2.task import COUNT, questions, write_questions
from examples.smollm2.told import AGAINST, ARMS, COLD, SPENT, told
from trainer.provenance import provenance
from trainer.run.log import read_metrics

WORKED = 2
"""Examples in the prompt: with eight of them the prompt would be most of what is computed."""
RECIPE = Path(__file__).with_name("grpo.toml")


def main() -> None:
    parser = argparse.ArgumentParser("examples.smollm2.train", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/smollm2"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "training")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--questions", type=int, default=100, help="evaluated before and after")
    parser.add_argument("--samples", type=int, default=4, help="replies to each of them")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    work: Path = args.work / "training"
    model = model_folder(args.work / "SmolLM2-135M-Instruct-2", WORKED)
    rows = questions(COUNT, args.seed)
    write_questions(args.work / "evaluate2.jsonl", rows[:HELD_OUT][: args.questions])
    write_questions(args.work / "train.jsonl", rows[HELD_OUT:])
    evaluate(args, model, work / "before")
    for arm in args.arms:
        train(args, model, work / arm, arm)
        evaluate(args, work / f"{arm}-model", work / f"{arm}-after")
    if all((work / f"{arm}-after" / "report.json").exists() for arm in ARMS):
        report(work, args.out)


def train(args: argparse.Namespace, model: Path, run: Path, arm: str) -> None:
    """To the last step, and the checkpoint as a model."""
    exported = run.with_name(f"{run.name}-model")
    if exported.exists():
        return
    changes = {
        "run.model": model,
        "run.out": run,
        "run.steps": args.steps,
        "run.seed": args.seed,
        "data.source": args.work / "train.jsonl",
        "prune.mode": arm,
    }
    words = [f"--{key}={value}" for key, value in changes.items()]
    step("trainer.cli", "policy", str(RECIPE), "--resume", "auto", *words)
    step("trainer.cli", "plot", str(run))
    step("trainer.cli", "export", str(run), "--to", str(exported))


def evaluate(args: argparse.Namespace, model: Path, out: Path) -> None:
    words = ["--model", str(model), "--data", str(args.work / "evaluate2.jsonl"), "--out", str(out)]
    words += ["--head", "none", "--methods", "pass@1,pass@k,uniform", "--temperature", "1"]
    words += ["--samples", str(args.samples), "--max-tokens", "48", "--seed", str(args.seed)]
    if not (out / "report.json").exists():
        step("trainer.evaluation.cli", *words)


def report(work: Path, out: Path) -> None:
    """Accuracies, paired differences, and what each arm spent, into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    pairs = {arm: ("before", f"{arm}-after") for arm in ARMS}
    pairs[AGAINST] = ("none-after", "arrol-after")
    found: dict[str, Any] = {
        "made": provenance({}),
        "runs": {arm: spent(work / arm) for arm in ARMS},
        "gains": {name: compared(work, *pair) for name, pair in pairs.items()},
    }
    for arm in ARMS:
        shutil.copy(work / arm / "curves.png", out / f"{arm}.png")
    (out / "training.json").write_text(json.dumps(found, indent=2) + "\n")
    (out / "README.md").write_text(told(found))
    print(told(found))


def compared(work: Path, first: str, second: str) -> dict[str, Any]:
    """pass@1 of two evaluations on the same questions, and their paired difference."""
    folder = work / "compared" / f"{first}-{second}"
    step("trainer.evaluation.cli", "--compare", str(work / first), str(work / second),
         "--out", str(folder))  # fmt: skip
    methods = json.loads((folder / "compare.json").read_text())["methods"]
    return next(row for row in methods if row["method"] == "pass@1")


def spent(run: Path) -> dict[str, Any]:
    """Share of right rollouts by step; means a step after those that prune nothing."""
    rows = [row for row in read_metrics(run) if row["step"] > 0]
    late = rows[COLD:]
    means = {name: sum(row.get(name) or 0.0 for row in late) / len(late) for name in SPENT}
    return {"steps": len(rows), "reward": [row["reward"] for row in rows], "means": means}


if __name__ == "__main__":
    main()
