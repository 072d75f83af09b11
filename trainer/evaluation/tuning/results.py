"""What ``tune.json`` holds: every figure of the report and of its plot. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from arrol_serve.quality.calibration import expected_calibration_error
from trainer.evaluation.reporting.statistics import bootstrap, paired
from trainer.evaluation.tuning.choose import USUAL, Uniform
from trainer.evaluation.tuning.engine_time import EngineTime, Work
from trainer.evaluation.tuning.sweep import Array, Measured


def plan_row(plan: Measured, uniform: Mapping[int, Uniform], engine: EngineTime) -> dict[str, Any]:
    """One plan on one half; differences are paired with the usual uniform vote."""
    usual = uniform[min(USUAL, max(uniform))]
    difference, interval = paired(plan.right.tolist(), usual.right.tolist())
    return {
        "arrol": plan.body,
        **_figures(plan.right, plan.tokens, usual),
        "difference": difference,
        "difference_interval": interval,
        **_times(plan, usual, engine),
        "confidence": confidence(plan),
    }


def confidence(plan: Measured) -> dict[str, float | None]:
    """What the reply says of its answer, against what was: overall, and where the stop rule ended it."""
    told = ~np.isnan(plan.confidence)
    stopped = told & (plan.by_rule == 1)
    return {
        "mean": float(plan.confidence[told].mean()) if told.any() else None,
        "ece": expected_calibration_error(plan.confidence[told], plan.right[told])
        if told.any()
        else None,
        "stopped": float(stopped.mean()),
        "right_where_stopped": float(plan.right[stopped].mean()) if stopped.any() else None,
    }


def uniform_rows(uniform: Mapping[int, Uniform], engine: EngineTime) -> list[dict[str, Any]]:
    """The reference, one row for each number of samples."""
    usual = uniform[min(USUAL, max(uniform))]
    return [
        {
            "samples": k,
            **_figures(vote.right, vote.tokens, usual),
            **_times(vote, usual, engine),
        }
        for k, vote in uniform.items()
    ]


def beside(
    live: Measured, replayed: Measured, uniform: Mapping[int, Uniform], engine: EngineTime
) -> dict[str, Any]:
    """A plan that was really run on the same questions and seeds: its figures, and against the replay."""
    difference, interval = paired(live.right.tolist(), replayed.right.tolist())
    tokens, tokens_interval = paired(live.tokens.tolist(), replayed.tokens.tolist())
    mean = float(replayed.tokens.mean())
    return plan_row(live, uniform, engine) | {
        "against_replay": difference,
        "against_replay_interval": interval,
        "tokens_against_replay": tokens / mean,
        "tokens_against_replay_interval": [bound / mean for bound in tokens_interval],
        "same_outcome": float((live.right == replayed.right).mean()),
    }


def _times(plan: Work, usual: Uniform, engine: EngineTime) -> dict[str, float | None]:
    """Decode steps to the answer, median, and its time; None of what was really run."""
    if np.isnan(plan.clock).any():
        return dict.fromkeys(("clock", "alone_relative", "busy_relative"))
    return {
        "clock": float(np.median(plan.clock)),
        "alone_relative": engine.alone(plan) / engine.alone(usual),
        "busy_relative": engine.busy(plan) / engine.busy(usual),
    }


def _figures(right: Array, tokens: Array, usual: Uniform) -> dict[str, Any]:
    return {
        "accuracy": float(right.mean()),
        "interval": bootstrap(right.tolist()),
        "tokens": float(tokens.mean()),
        "tokens_relative": float(tokens.mean() / usual.tokens.mean()),
    }
