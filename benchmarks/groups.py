"""What the bundled model's rollout groups are like: ``python -m benchmarks groups``.

Unpruned groups with a recorded probe, reduced to the few figures that ``benchmarks.simulate.synthetic`` needs
to draw groups of the same kind. What each method of ``benchmarks.simulate`` makes of the very same
rollouts is replayed from their scores at the probe, since siblings do not change each other's tokens.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.quality.calibration import within_group_auc
from arrol_serve.rollout import Fate, fate_of
from benchmarks.accuracy import HEAD, MODEL, evaluation_questions
from benchmarks.record import write_result
from benchmarks.simulate.study import METHODS
from benchmarks.simulate.synthetic import RIGHT, solved, survivors
from trainer.engines.sampling import (
    NEVER,
    GroupRequest,
    SampledRollout,
    build_engine,
    sample_groups,
)
from trainer.evaluation.reporting.statistics import paired
from trainer.prompts.arithmetic import EVALUATION_SEED

SETTINGS: tuple[tuple[str, tuple[int, ...], float], ...] = (
    ("accuracy", (6,), 1.75),
    ("accuracy_t1", (6, 7), 1.0),
)
"""Result whose questions these are, their levels, temperature."""


def beta_concentration(right: Sequence[int], samples: int) -> float:
    """a + b of the Beta distribution of a question's chance to be answered right.

    By moments of the beta-binomial: the variance of the shares is m (1 - m) (1 + (n - 1) r) / n
    with r = 1 / (1 + a + b). At least 0.01 (all or nothing), at most 1e6 (all questions alike).
    """
    shares = np.asarray(right, dtype=np.float64) / samples
    mean = shares.mean()
    if not 0 < mean < 1:
        raise ValueError("the concentration is undefined where all rollouts end alike")
    overlap = (shares.var() * samples / (mean * (1 - mean)) - 1) / (samples - 1)
    return float(np.clip(1 / max(overlap, 1e-9) - 1, 0.01, 1e6))


def collision(wrong: Sequence[Sequence[str]]) -> float:
    """Chance that two wrong answers to one question are the same, over all pairs of all questions."""
    pairs = [(a, b) for answers in wrong for a, b in combinations(answers, 2)]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 0.0


def answer_of(rollout: SampledRollout) -> str | None:
    """What a rollout votes for; unfinished ones vote for nothing."""
    finished = fate_of(rollout.finish_reason, rollout.stop_reason) is Fate.FINISHED
    return extract(rollout.text, AnswerSpec()) if finished else None


def describe(groups: Sequence[Sequence[SampledRollout]], golds: Sequence[str]) -> dict[str, Any]:
    """The figures of one setting; AUCs within groups, with their 95 % intervals."""
    answers = [[answer_of(rollout) for rollout in group] for group in groups]
    right = [
        [a is not None and equivalent(a, gold, "math") for a in row]
        for row, gold in zip(answers, golds, strict=True)
    ]
    wrong = [
        [a for a, ok in zip(row, marks, strict=True) if a is not None and not ok]
        for row, marks in zip(answers, right, strict=True)
    ]
    total = sum(map(len, groups))
    rights = sum(map(sum, right))
    return {
        "pass@1": rights / total,
        "concentration": beta_concentration([sum(row) for row in right], len(groups[0])),
        "collision": collision(wrong),
        "silent": 1 - sum(map(len, wrong)) / (total - rights),
        "mean_length": float(np.mean([r.token_count for group in groups for r in group])),
        "auc_probe": _auc(groups, right, lambda r: at_probe(r) if r.report["probes"] else None),
        "auc_end": _auc(groups, right, lambda r: r.report["quality"]),
        "points": replayed(groups, answers, right),
    }  # fmt: skip


def at_probe(rollout: SampledRollout) -> float:
    """The score at the probe; whoever ended before it was never at risk."""
    probes = rollout.report["probes"]
    return float(probes[0][1]) if probes else math.inf


def replayed(
    groups: Sequence[Sequence[SampledRollout]],
    answers: Sequence[Sequence[str | None]],
    right: Sequence[Sequence[bool]],
) -> list[dict[str, Any]]:
    """For each method that starts N rollouts: its gain over the uniform vote, paired by question."""
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    uniform = []
    for seed, (group, said, marks) in enumerate(zip(groups, answers, right, strict=True)):
        named = [RIGHT if ok else a for a, ok in zip(said, marks, strict=True)]
        late = [-math.inf if r.report["quality"] is None else r.report["quality"] for r in group]
        everyone = list(range(len(group)))
        uniform.append(solved(named, late, everyone, "uniform"))
        for name, method in METHODS.items():
            left = survivors([at_probe(r) for r in group], method.policy(), seed)
            found[name].append(solved(named, late, left, method.rule))
    rows = []
    for name, method in METHODS.items():
        if not method.level:
            gain, interval = paired(found[name], uniform)
            row = {"method": name, "gain": gain, "gain_interval": interval}
            rows.append(row | {"uniform_vote": float(np.mean(uniform))})
    return rows


def _auc(groups: Sequence[Sequence[SampledRollout]], right: Any, score: Any) -> dict[str, float]:
    rows = [
        (score(rollout), ok, place)
        for place, (group, marks) in enumerate(zip(groups, right, strict=True))
        for rollout, ok in zip(group, marks, strict=True)
    ]
    scores, marks, places = zip(*(row for row in rows if row[0] is not None), strict=True)
    found = within_group_auc(np.array(scores), np.array(marks), np.array(places))
    return {"value": float(found.value), "low": float(found.low), "high": float(found.high)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--probe", type=int, default=32)
    args = parser.parse_args()
    engine = build_engine(MODEL, HEAD)
    rows = []
    for name, levels, temperature in SETTINGS:
        questions = evaluation_questions(args.questions, levels)
        requests = [
            GroupRequest(
                f"{name}/{i}",
                question,
                seed=i * 1000,
                temperature=temperature,
                probes=(args.probe,),
                policy=NEVER,
                signals=("quality",),
            )
            for i, (question, _) in enumerate(questions)
        ]
        groups = sample_groups(engine, requests, args.samples, progress=True)
        figures = describe(groups, [gold for _, gold in questions])
        rows.append({"result": name, "levels": levels, "temperature": temperature, **figures})
        print(rows[-1])
    write_result("groups", vars(args), rows, seeds=[EVALUATION_SEED])


if __name__ == "__main__":
    main()
