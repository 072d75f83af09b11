"""Ratios that start from the engine's log-probabilities: the same update, without the pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.paths import MODEL
from tests.trainer.policy.test_loss import rows
from trainer.config import load_config
from trainer.policy.batch import TrainRow
from trainer.policy.learner import Learner
from trainer.policy.report import UpdateReport

COMMON = ("optim.minibatches=3", "optim.lr=1e-3")
ENGINE = "algorithm.old=engine"


def learner(*changes: str) -> Learner:
    return Learner(MODEL, load_config(None, [*COMMON, *changes]).policy)


@pytest.fixture(scope="module")
def sampled() -> list[TrainRow]:
    """As an engine samples them that agrees with the trainer to the last digit."""
    plain = learner()
    scores = plain.score(rows(), plain.settings.temperature)
    return [
        replace(r, engine_logprobs=tuple(s.tolist())) for r, s in zip(rows(), scores, strict=True)
    ]


def updated(
    batch: list[TrainRow], *changes: str, stale: bool = False
) -> tuple[Learner, UpdateReport, torch.Tensor]:
    made = learner(*changes)
    report = made.update(batch, 0, stale=stale)
    return made, report, torch.cat([w.flatten() for w in made.weights().values()])


def test_the_update_is_the_same_where_they_agree(sampled: list[TrainRow]) -> None:
    _, plain, expected = updated(sampled)
    _, report, found = updated(sampled, ENGINE)
    assert (plain.from_engine, report.from_engine) == (0, 4 / 6)  # all but the first minibatch
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
    assert max(float(part.abs().max()) for part in report.mismatch) < 1e-5


def test_the_trainers_own_are_computed_where_they_do_not(sampled: list[TrainRow]) -> None:
    """An engine that is wrong by half a nat everywhere changes nothing but the importance weights."""
    away = [replace(r, engine_logprobs=tuple(p - 0.5 for p in r.engine_logprobs)) for r in sampled]
    _, _, expected = updated(away)
    made, report, found = updated(away, ENGINE)
    assert not made.trusts_engine
    assert report.from_engine == 0
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert updated(away, ENGINE, "algorithm.mismatch_limit=1")[1].from_engine > 0


def test_rows_that_the_engine_said_nothing_of_have_the_trainers(sampled: list[TrainRow]) -> None:
    silent = [replace(r, engine_logprobs=(float("nan"),) * len(r.token_ids)) for r in sampled]
    made, report, _ = updated(silent, ENGINE)
    assert (report.from_engine, made.trusts_engine) == (0, False)
    assert report.steps == 3


def test_stale_rollouts_start_from_the_policy_that_sampled_them(sampled: list[TrainRow]) -> None:
    made, report, _ = updated(sampled, ENGINE, stale=True)
    assert report.from_engine == 1
    assert report.mismatch == []
    made.trusts_engine = False
    assert made.update(sampled, 1, stale=True).from_engine == 0


def test_it_cannot_be_watched_with_dropout() -> None:
    with pytest.raises(ValueError, match=r"lora\.dropout"):
        load_config(None, [ENGINE, "lora.rank=4", "lora.dropout=0.1"])
