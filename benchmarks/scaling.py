"""What pruning costs and saves as the search grows: ``python -m benchmarks scaling``.

At every point the same groups run unpruned and pruned, in turns, with the same seeds: against N, groups at
once, the length of the replies, the position of the probe and the share kept. Beside each: the bound
f + (1 - f) keep, f being the probe's share of the mean length.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.accuracy import HEAD, MODEL, evaluation_questions
from benchmarks.plots.scaling import scaling_plot
from benchmarks.record import write_result
from benchmarks.simulate.synthetic import survivors
from trainer.engines.sampling import GroupRequest, build_engine, sample_groups
from trainer.prompts.arithmetic import EVALUATION_SEED

SEQUENCES = 128


@dataclass(frozen=True, slots=True)
class Point:
    """One setting. ``varies`` names the field that is looked at."""

    varies: str
    samples: int = 16
    groups: int = 16
    """Groups that are in the engine at once."""
    level: int = 6
    probe: int = 32
    keep: float = 0.5

    def kept(self) -> float:
        """The share that really survives: whole rollouts, and at least one."""
        policy = {"name": "top_fraction", "keep": self.keep}
        return len(survivors([float(i) for i in range(self.samples)], policy, 0)) / self.samples


def points() -> Iterator[Point]:
    """Everything that is measured."""
    base = Point("")
    for n in (1, 2, 4, 8, 16, 32, 64):
        yield replace(base, varies="samples", samples=n, groups=max(1, min(64, 256 // n)))
    for groups in (1, 2, 4, 8, 16, 32):
        yield replace(base, varies="groups", groups=groups)
    for level in (1, 2, 4, 5, 6, 7):
        yield replace(base, varies="level", level=level, probe=16)
    for probe in (8, 16, 32, 48, 64, 96):
        yield replace(base, varies="probe", probe=probe)
    for keep in (0.125, 0.25, 0.5, 0.75):
        yield replace(base, varies="keep", keep=keep)


def bound(probe: int, mean_length: float, kept: float) -> float:
    """Tokens against no pruning, were every rollout of the mean length."""
    f = min(1.0, probe / mean_length)
    return f + (1 - f) * kept


def sample(engine: Any, point: Point, start: int, temperature: float, *, prune: bool) -> Any:
    """Token counts of one batch of groups, and its seconds."""
    policy = {"name": "top_fraction", "keep": point.keep} if prune else None
    asked = evaluation_questions(start + point.groups, [point.level])[start:]
    requests = [
        GroupRequest(
            f"{prune}/{start + i}",
            question,
            seed=(start + i) * 1000,
            temperature=temperature,
            probes=(point.probe,) if prune else (),
            policy=policy,
            signals=("quality",),
        )
        for i, (question, _) in enumerate(asked)
    ]
    began = time.perf_counter()
    groups = sample_groups(engine, requests, point.samples)
    seconds = time.perf_counter() - began
    return [rollout.token_count for group in groups for rollout in group], seconds


def measure(engine: Any, point: Point, batches: int, temperature: float) -> dict[str, Any]:
    """One row: measured and bound; each batch has other questions."""
    plain: list[int] = []
    pruned: list[int] = []
    spent = {False: 0.0, True: 0.0}
    for batch in range(batches):
        for prune in (False, True) if batch % 2 else (True, False):
            start = batch * point.groups
            tokens, seconds = sample(engine, point, start, temperature, prune=prune)
            (pruned if prune else plain).extend(tokens)
            spent[prune] += seconds
    mean = float(np.mean(plain))
    return {
        **asdict(point),
        "rollouts": len(plain),
        "mean_length": mean,
        "kept": point.kept(),
        "tokens_relative": sum(pruned) / sum(plain),
        "bound": bound(point.probe, mean, point.kept()),
        "seconds_relative": spent[True] / spent[False],
        "tokens_per_second": sum(plain) / spent[False],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks scaling", description=__doc__)
    parser.add_argument(
        "--rollouts", type=int, default=1024, help="at each point and arm, at least"
    )
    parser.add_argument("--temperature", type=float, default=1.75)
    parser.add_argument("--note", default="", help="what readers must know of this run")
    args = parser.parse_args()
    engine = build_engine(MODEL, HEAD, sequences=SEQUENCES)
    measure(engine, Point("warm-up"), 1, args.temperature)
    rows = []
    for point in tqdm(list(points()), unit="point"):
        batches = -(-args.rollouts // (point.samples * point.groups))
        rows.append(measure(engine, point, batches, args.temperature))
    settings = {
        "rollouts": args.rollouts,
        "temperature": args.temperature,
        "sequences": SEQUENCES,
    }
    path = write_result("scaling", settings, rows, seeds=[EVALUATION_SEED], note=args.note)
    scaling_plot(path)


if __name__ == "__main__":
    main()
