"""What is run for one model, in order, and whether the programs would take it. Pure but for the check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import __main__ as serving
from trainer import cli as trainer_cli
from trainer.config import load_config
from trainer.evaluation import cli as evaluation_cli
from trainer.run.checkpoint import PREFIX

RESULTS = Path(__file__).parent / "results"
RECIPE = Path(__file__).with_name("recipe.toml")
MODELS: dict[str, str] = {
    "qwen3-1.7b": "Qwen/Qwen3-1.7B",
    "llama-3.2-1b": "meta-llama/Llama-3.2-1B-Instruct",
}
"""Name -> whose checkpoint ``--folder`` must hold."""
EVALUATED = ("math500", "amc23", "aime24", "aime25", "minerva")
MODES = ("none", "arrol", "random")
SEEDS = (0, 1, 2)
SAMPLES, PROBE, KEEP, MAX_TOKENS = 16, 512, 0.5, 4096
"""Probe and keep are the paper's; it trains with groups of 16."""
SETTINGS = {"samples": SAMPLES, "probe": PROBE, "keep": KEEP, "max_tokens": MAX_TOKENS}


@dataclass(frozen=True, slots=True)
class Step:
    """One program run. ``module`` is run with ``words``; ``made`` exists once it has finished."""

    name: str
    module: str
    words: tuple[str, ...]
    made: Path

    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module, *self.words]

    def shown(self) -> str:
        return " ".join(["python -m", self.module, *self.words])


def plan(name: str, folder: Path, data: Path, out: Path, steps: int) -> list[Step]:
    """Make the head, evaluate and serve with it, train with every prune mode and seed."""
    head = out / "head"
    train = data / "dapo17k.jsonl"
    sampled = ("--samples", SAMPLES, "--temperature", 1.0, "--max-tokens", MAX_TOKENS)
    head_words = ("head", "--model", folder, "--data", train, "--questions", 600, *sampled,
                  "--probe", PROBE, "--out", head, "--work", out / "head-work")  # fmt: skip
    eval_words = ("--model", folder, "--head", head, "--data", ",".join(EVALUATED), "--data-dir", data,
                  *sampled, "--probe", PROBE, "--keep", KEEP,
                  "--max-model-len", MAX_TOKENS + 1024, "--out", out / "evaluation")  # fmt: skip
    serve_words = ("serving", "--model", folder, "--head", head, "--data", "math500", "--data-dir", data,
                   *sampled, "--probe", PROBE, "--out", out / "serving",
                   "--name", f"{name}_serving", "--results", RESULTS)  # fmt: skip
    found = [
        Step("head", "trainer.cli", _words(head_words), head / "head.json"),
        Step(
            "evaluation",
            "trainer.evaluation.cli",
            _words(eval_words),
            out / "evaluation" / "report.json",
        ),
        Step("serving", "benchmarks", _words(serve_words), RESULTS / f"{name}_serving.json"),
    ]
    for seed in SEEDS:
        for mode in MODES:
            run = out / f"train-{mode}-{seed}"
            overrides = {
                "run.model": folder, "run.out": run, "run.steps": steps, "run.seed": seed,
                "data.source": train, "prune.mode": mode,
            }  # fmt: skip
            words = ["policy", RECIPE, "--resume", "auto"]
            words += [f"--{key}={value}" for key, value in overrides.items()]
            made = run / "checkpoints" / f"{PREFIX}{steps:06d}"
            found.append(Step(f"train {mode}, seed {seed}", "trainer.cli", _words(words), made))
    return found


def _words(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def check(step: Step) -> None:
    """Let the program's own parser and configuration refuse what is wrong: ``SystemExit``, ``ArrolError``."""
    if step.module == "trainer.evaluation.cli":
        evaluation_cli.parser().parse_args(step.words)
        return
    if step.module == "benchmarks":
        serving.parsed(step.words[1:])
        return
    args, rest = trainer_cli.build_parser().parse_known_args(step.words)
    if args.command == "policy":
        load_config(args.recipe, [word.removeprefix("--") for word in rest])
    elif rest:
        raise SystemExit(f"{step.name}: unknown argument {rest[0]}")


def missing(folder: Path, data: Path) -> list[str]:
    """What has to be there before anything runs."""
    wanted = [folder / "config.json", data / "dapo17k.jsonl"]
    wanted += [data / f"{name}.jsonl" for name in EVALUATED]
    return [str(path) for path in wanted if not path.exists()]
