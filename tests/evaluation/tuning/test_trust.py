"""A preset's own word: constants fitted to the plan."""

from __future__ import annotations

import numpy as np

from tests.evaluation.tuning.replay_cases import SERVER, question
from trainer.evaluation.tuning.sweep import Sweep, replay_processes
from trainer.evaluation.tuning.trust import DEARER, log_loss, trusted

RIGHT = question("7777", [10, 11, 12, 13], quality=[0.6] * 4, name="x/right")
SPLIT = question("7723", [10, 11, 12, 13], quality=[0.5, 0.5, 0.3, 0.3], name="x/split")
LONE = question("2345", [10, 11, 12, 13], quality=[0.2] * 4, name="x/wrong")


def test_the_constants_make_it_say_what_is_true_for_no_more_tokens() -> None:
    with replay_processes() as processes:
        sweep = Sweep(processes, [RIGHT, SPLIT, LONE], SERVER)
        bodies = [
            {"samples": 4, "vote": "quality"},
            {"samples": 4, "min_samples": 2, "early_stop": {"confidence": 0.8}},
        ]
        for plan in sweep.measure(bodies):
            found = trusted(sweep, plan)
            assert log_loss(found) < log_loss(plan)
            assert found.cost <= DEARER * plan.cost
            assert found.right.mean() >= plan.right.mean()
            assert {k: found.body.get(k) for k in ("samples", "vote", "min_samples")} == {
                k: plan.body.get(k) for k in ("samples", "vote", "min_samples")
            }
            assert np.all(np.nan_to_num(found.confidence) <= 1)
