"""A preset's own word: constants fitted to the plan."""

from __future__ import annotations

import numpy as np

from tests.evaluation.tuning.replay_cases import SERVER, plan_of, question
from trainer.evaluation.tuning.engine_time import EngineTime
from trainer.evaluation.tuning.replay import WaveCache, looked_at
from trainer.evaluation.tuning.sweep import Sweep, replay_processes
from trainer.evaluation.tuning.trust import DEARER, log_loss, trusted
from trainer.head.belief import FEWEST

ENGINE = EngineTime(step=0.003, token=0.0001, start=0.001, sequences=128, at_once=32)
KINDS = (("7777", [0.6] * 4), ("7723", [0.5, 0.5, 0.3, 0.3]), ("2345", [0.2] * 4))
MANY = [
    question(answers, [10, 11, 12, 13], quality=quality, name=f"x/{number}-{answers}")
    for number in range(FEWEST // len(KINDS))
    for answers, quality in KINDS
]


def test_the_constants_make_it_say_what_is_true_for_no_more_tokens() -> None:
    with replay_processes() as processes:
        sweep = Sweep(processes, MANY, SERVER, ENGINE)
        bodies = [
            {"samples": 4, "vote": "quality"},
            {"samples": 4, "min_samples": 2, "early_stop": {"confidence": 0.8}},
        ]
        for plan in sweep.measure(bodies):
            found = trusted(sweep, plan)
            assert log_loss(found) < log_loss(plan)
            assert found.cost <= DEARER * plan.cost
            assert ENGINE.busy(found) <= DEARER * ENGINE.busy(plan)
            assert found.right.mean() >= plan.right.mean()
            assert {k: found.body.get(k) for k in ("samples", "vote", "min_samples")} == {
                k: plan.body.get(k) for k in ("samples", "vote", "min_samples")
            }
            assert np.all(np.nan_to_num(found.confidence) <= 1)


def test_a_few_questions_say_nothing_of_constants() -> None:
    with replay_processes() as processes:
        sweep = Sweep(processes, MANY[: FEWEST - 1], SERVER, ENGINE)
        (plan,) = sweep.measure([{"samples": 4, "vote": "quality"}])
        assert trusted(sweep, plan) is plan


def test_constants_are_fitted_to_what_the_search_looks_at() -> None:
    """Each time a candidate has ended, up to the moment at which it stops."""
    adaptive = {"samples": 4, "min_samples": 2, "wave_samples": 1}
    sure = question("7757", [10, 11, 12, 13], quality=[0.7] * 4)
    patient, hasty = (
        looked_at(plan_of({**adaptive, "early_stop": {"confidence": c}}), WaveCache(sure))
        for c in (0.99, 0.7)
    )
    assert [len(ballots) for ballots in patient] == [1, 2, 3, 4]
    assert [len(ballots) for ballots in hasty] == [1, 2]
    whole = looked_at(plan_of({"samples": 4, "vote": "quality"}), WaveCache(sure))
    assert [len(ballots) for ballots in whole] == [4]
