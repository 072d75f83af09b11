"""Everything in one command: model folder, questions, quality head, evaluation, results.

    python -m examples.smollm2.run

Goes on where it stopped. Half an hour or more on two CPU cores.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from examples.smollm2.convert import convert, packaged_gguf
from examples.smollm2.task import WORKED, differences, questions, teach, write_questions
from trainer.evaluation.reporting.methods import METHODS

MAX_TOKENS = 64
POSITIONS = (8, 12, 16, 20)
PROBE = 12
HELD_OUT = 150
"""Questions, the first ones, that the head never sees."""


def main() -> None:
    parser = argparse.ArgumentParser("examples.smollm2.run", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/smollm2"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--questions", type=int, default=300, help="for the head")
    parser.add_argument("--samples", type=int, default=16, help="rollouts of each of them")
    parser.add_argument("--evaluate", type=int, default=100, help=f"questions, up to {HELD_OUT}")
    parser.add_argument("--votes", type=int, default=8, help="rollouts of each of these")
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = model_folder(args.work / "SmolLM2-135M-Instruct")
    rows = questions(HELD_OUT + args.questions, args.seed)
    files = {"evaluate": rows[:HELD_OUT][: args.evaluate], "head": rows[HELD_OUT:]}
    files["minus"] = differences(args.evaluate, args.seed)
    for name, part in files.items():
        write_questions(args.work / f"{name}.jsonl", part)
    head = args.work / "head"
    if not (head / "head.json").exists():
        step("trainer.cli", "head", *common(args, model, "head"), *head_words(args))
    if not (head / "elsewhere.json").exists():
        step("trainer.cli", "head", *common(args, model, "minus"), *judge_words(args))
    step("trainer.evaluation.cli", *common(args, model, "evaluate"), *evaluation_words(args))
    for name in ("head", "evaluation"):
        shutil.copytree(args.work / name, args.out / name, dirs_exist_ok=True, ignore=left_out)
    print((args.out / "evaluation" / "report.md").read_text())


def model_folder(folder: Path, worked: int = len(WORKED)) -> Path:
    """The converted model with worked examples in its template; appears whole or not at all."""
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        convert(packaged_gguf(), part)
        teach(part, worked)
        part.rename(folder)
    return folder


def common(args: argparse.Namespace, model: Path, data: str) -> list[str]:
    words = {
        "--model": model,
        "--data": args.work / f"{data}.jsonl",
        "--temperature": args.temperature,
        "--max-tokens": MAX_TOKENS,
        "--seed": args.seed,
    }
    return [str(word) for pair in words.items() for word in pair]


def head_words(args: argparse.Namespace) -> list[str]:
    words = ["--questions", str(args.questions), "--samples", str(args.samples)]
    words += ["--probe", str(PROBE)]
    words += ["--positions", *map(str, POSITIONS), "--work", str(args.work / "rollouts")]
    return [*words, "--out", str(args.work / "head")]


def judge_words(args: argparse.Namespace) -> list[str]:
    """The head on sums with a minus in them, which it was not fitted on."""
    words = ["--judge", str(args.work / "head"), "--work", str(args.work / "minus")]
    words += ["--positions", *map(str, POSITIONS)]
    return [*words, "--questions", str(args.evaluate), "--samples", str(args.votes)]


def evaluation_words(args: argparse.Namespace) -> list[str]:
    """Replies are too short for what looks at a window of confidences."""
    words = ["--head", str(args.work / "head"), "--probe", str(PROBE), "--chunk", "25"]
    words += ["--samples", str(args.votes), "--answer-timeout", "60"]
    words += ["--methods", ",".join(name for name in METHODS if "online" not in name)]
    return [*words, "--out", str(args.work / "evaluation")]


def step(module: str, *words: str) -> None:
    """One engine a process, so each step is one."""
    done = subprocess.run([sys.executable, "-m", module, *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def left_out(_: str, names: list[str]) -> list[str]:
    """Records and times stay in the working folder."""
    return [
        name
        for name in names
        if name.endswith(".jsonl") or name in ("timing.json", "settings.json")
    ]


if __name__ == "__main__":
    main()
