"""Accuracy against tokens on held-out questions: ``python -m benchmarks.accuracy``.

One unpruned pass serves every vote rule; each pruned arm really runs. The arms take turns on the
same chunks of questions with the same seeds, so that the machine's load touches all alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
from tqdm import tqdm

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.voting import VoteRule
from benchmarks.plots.accuracy import accuracy_plot
from benchmarks.record import write_result
from trainer.engines.sampling import GroupRequest, SampledRollout, build_engine, sample_groups
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import grade
from trainer.evaluation.reporting.methods import vote
from trainer.evaluation.reporting.statistics import bootstrap
from trainer.evaluation.sampling import reply_of
from trainer.prompts.arithmetic import EVALUATION_SEED, held_out_questions

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "arrol_serve" / "bundled_model"
HEAD = ROOT / "heads" / "arrol-tiny"


@dataclass(slots=True)
class Arm:
    """One way to sample, with what it cost and, for each vote rule, which questions it got right."""

    name: str
    policy: Mapping[str, Any] | None
    probes: tuple[int, ...]
    rules: tuple[VoteRule, ...]
    samples: int
    tokens: int = 0
    seconds: float = 0.0
    lengths: list[int] = field(default_factory=list)
    right: dict[str, list[float]] = field(default_factory=dict)


def arms(probe: int, samples: int) -> list[Arm]:
    """The comparisons of the README table; the first is what the others are measured against."""
    more = samples * 3 // 2

    def top(keep: float) -> dict[str, Any]:
        return {"name": "top_fraction", "keep": keep}

    return [
        Arm("unpruned", None, (), get_args(VoteRule), samples),
        Arm("keep 0.5", top(0.5), (probe,), ("quality", "uniform"), samples),
        Arm("keep 0.25", top(0.25), (probe,), ("quality", "uniform"), samples),
        Arm("two probes to 0.25", top(0.25), (probe, 2 * probe), ("quality", "uniform"), samples),
        Arm(
            "random 0.5",
            {"name": "random", "keep": 0.5},
            (probe,),
            ("uniform", "quality"),
            samples,
        ),
        Arm(f"{more} samples, keep 0.5", top(0.5), (probe,), ("quality", "uniform"), more),
    ]


def evaluation_questions(count: int, levels: Sequence[int]) -> list[tuple[str, str]]:
    """``count`` held-out questions that take turns through ``levels``."""
    share = -(-count // len(levels))
    per_level = [held_out_questions(EVALUATION_SEED, share, level) for level in levels]
    return [pair for turn in zip(*per_level, strict=True) for pair in turn][:count]


def run(
    engine: Any, pool: AnswerPool, args: argparse.Namespace, all_arms: list[Arm]
) -> list[float]:
    """Run every arm on every chunk; return pass@1 per question."""
    questions = evaluation_questions(args.questions, args.levels)
    single: list[float] = []
    chunks = range(0, len(questions), args.chunk)
    for turn, start in enumerate(tqdm(chunks, unit="chunk")):
        chunk = questions[start : start + args.chunk]
        for arm in all_arms[turn % len(all_arms) :] + all_arms[: turn % len(all_arms)]:
            groups = _sample(engine, arm, chunk, start, args)
            for group, (question, gold) in zip(groups, chunk, strict=True):
                replies = [reply_of(rollout) for rollout in group]
                kept = grade(
                    pool, arm.name, Item("", question, gold), replies, AnswerSpec()
                ).samples
                for rule in arm.rules:
                    arm.right.setdefault(rule, []).append(vote(kept, rule))
                if arm.policy is None:
                    single.append(sum(one.right is True for one in kept) / len(kept))
    return single


def _sample(
    engine: Any, arm: Arm, chunk: Sequence[tuple[str, str]], start: int, args: argparse.Namespace
) -> list[list[SampledRollout]]:
    requests = [
        GroupRequest(
            f"{arm.name}/{start + i}",
            question,
            seed=(start + i) * 1000,
            temperature=args.temperature,
            probes=arm.probes,
            policy=arm.policy,
            signals=("confidence", "quality"),
        )
        for i, (question, _) in enumerate(chunk)
    ]
    began = time.perf_counter()
    groups = sample_groups(engine, requests, arm.samples)
    arm.seconds += time.perf_counter() - began
    arm.lengths += [r.token_count for group in groups for r in group]
    arm.tokens += sum(r.token_count for group in groups for r in group)
    return groups


def summarise(all_arms: list[Arm], single: list[float], samples: int) -> list[dict[str, Any]]:
    """One row per method, costs relative to the unpruned arm, differences paired with its uniform vote."""
    base = all_arms[0]
    uniform = np.array(base.right["uniform"])
    rows = [_row("one sample (pass@1)", single, base, uniform, share=1 / samples)]
    for arm in all_arms:
        for rule in arm.rules:
            name = f"{arm.name}, {rule} vote"
            rows.append(_row(name, arm.right[rule], arm, uniform, share=1.0, base=base))
    return rows


def _row(
    name: str,
    right: Sequence[float],
    arm: Arm,
    uniform: np.ndarray[Any, Any],
    *,
    share: float,
    base: Arm | None = None,
) -> dict[str, Any]:
    reference = base or arm
    difference = np.array(right) - uniform
    return {
        "method": name,
        "questions": len(right),
        "accuracy": float(np.mean(right)),
        "interval": bootstrap(right),
        "difference_to_uniform": float(difference.mean()),
        "difference_interval": bootstrap(difference.tolist()),
        "tokens": round(arm.tokens * share),
        "tokens_relative": arm.tokens * share / reference.tokens,
        "seconds": arm.seconds if base else None,
        "speedup": reference.seconds / arm.seconds if base else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--head", type=Path, default=HEAD)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--levels", type=int, nargs="+", default=[6])
    parser.add_argument("--temperature", type=float, default=1.75)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--probe", type=int, default=32)
    parser.add_argument(
        "--chunk", type=int, default=50, help="questions an arm runs before the next"
    )
    parser.add_argument("--name", default="accuracy")
    args = parser.parse_args()
    engine, pool = build_engine(args.model, args.head), AnswerPool(workers=1, timeout_s=60.0)
    all_arms = arms(args.probe, args.samples)
    warm_up = argparse.Namespace(**{**vars(args), "questions": 8, "chunk": 8})
    run(engine, pool, warm_up, arms(args.probe, args.samples))
    single = run(engine, pool, args, all_arms)
    pool.close()
    rows = summarise(all_arms, single, args.samples)
    settings = {
        "questions": args.questions,
        "levels": args.levels,
        "samples": args.samples,
        "probe": args.probe,
        "probe_share_of_mean_length": args.probe / float(np.mean(all_arms[0].lengths)),
        "mean_length": float(np.mean(all_arms[0].lengths)),
        "temperature": args.temperature,
        "sequences": 128,
    }
    path = write_result(args.name, settings, rows, seeds=[EVALUATION_SEED])
    accuracy_plot(path)
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['method']:38s} {row['accuracy']:.3f} [{low:.3f}, {high:.3f}] "
            f"tokens {row['tokens_relative']:.2f} speed-up {row['speedup'] or float('nan'):.2f}"
        )


if __name__ == "__main__":
    main()
