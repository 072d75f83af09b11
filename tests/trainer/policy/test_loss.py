"""The loss against a plain reference, and gradients that do not depend on micro-batches."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.paths import MODEL
from trainer.config import load_config
from trainer.policy.batch import TokenBatch, TrainRow
from trainer.policy.learner import Learner
from trainer.policy.loss import LossInputs, denominator, k3, policy_loss
from trainer.policy.packing import pack
from trainer.policy.schedule import learning_rate
from trainer.sections import AlgorithmSection

COUNTS = (2, 1, 3)
NEW = [-0.2, -1.0, -0.7, -0.1, -2.0, -0.4]
OLD = [-0.5, -0.6, -0.7, -0.4, -1.0, -0.5]
ENGINE = [-0.5, -0.6, -2.7, -0.4, math.nan, -0.4]
ADVANTAGE, WEIGHT = [1.0, -0.5, -1.5], [1.0, 0.5, 1.5]


def reference(options: AlgorithmSection) -> float:
    """The objective written out token by token."""
    total, at = 0.0, 0
    for count, advantage, weight in zip(COUNTS, ADVANTAGE, WEIGHT, strict=True):
        here = range(at, at + count)
        at += count
        changes = [NEW[i] - OLD[i] for i in here]
        gaps = [0.0 if math.isnan(ENGINE[i]) else OLD[i] - ENGINE[i] for i in here]
        if options.sequence_ratio:
            changes, gaps = [sum(changes) / count], [sum(gaps) / count]
        for change, gap in zip(changes, gaps, strict=True):
            ratio = math.exp(change)
            low, high = 1 - options.clips[0], 1 + options.clips[1]
            gain = min(ratio * advantage, min(max(ratio, low), high) * advantage)
            total -= weight * min(math.exp(gap), options.truncate_ratio) * gain
    return total


def computed(**changes: Any) -> tuple[float, AlgorithmSection]:
    options = AlgorithmSection(**changes)
    rows = torch.tensor([row for row, count in enumerate(COUNTS) for _ in range(count)])
    empty = torch.zeros(0, dtype=torch.long)
    batch = TokenBatch(empty, rows, empty, empty, len(COUNTS))
    inputs = LossInputs(
        *(torch.tensor(values) for values in (NEW, OLD, ENGINE)),
        reference=torch.tensor(OLD) if options.kl_weight else None,
        advantage=torch.tensor(ADVANTAGE),
        weight=torch.tensor(WEIGHT),
    )
    return policy_loss(batch, inputs, options).loss.item(), options


@pytest.mark.parametrize(
    "changes",
    [{}, {"clip_high": 0.2}, {"sequence_ratio": True}, {"truncate_ratio": 1.0}],
    ids=["dapo", "grpo", "gspo", "tight truncation"],
)
def test_the_loss_is_that_of_a_plain_loop(changes: dict[str, Any]) -> None:
    loss, options = computed(**changes)
    assert loss == pytest.approx(reference(options), rel=1e-5)


def test_the_distance_is_added_per_token() -> None:
    plain, options = computed()
    with_distance, _ = computed(kl_weight=0.1)
    away = sum(math.exp(o - n) - (o - n) - 1 for n, o in zip(NEW, OLD, strict=True))
    assert with_distance - plain == pytest.approx(0.1 * away, rel=1e-5)
    assert options.kl_weight == 0


def test_k3_is_zero_at_home_and_positive_away() -> None:
    home = torch.tensor([-1.0])
    assert k3(home, home).item() == 0
    assert k3(home, torch.tensor([-2.0])).item() == pytest.approx(math.exp(-1))


def test_denominators() -> None:
    trained = [TrainRow((1,), (2,) * n, (0.0,) * n, 1.0, w) for n, w in ((30, 2.0), (60, 4.0))]
    assert denominator(trained, 16, 100, AlgorithmSection()) == 90
    assert denominator(trained, 16, 100, AlgorithmSection(correction="ipw")) == 30 * 2 + 60 * 4
    assert denominator(trained, 16, 100, AlgorithmSection(sequence_ratio=True)) == 2
    constant = AlgorithmSection(dr_grpo=True)  # those without signal and the pruned ones count too
    assert denominator(trained, 16, 100, constant) == 1600


def test_gspo_has_clips_of_its_own() -> None:
    assert AlgorithmSection().clips == (0.2, 0.28)
    assert AlgorithmSection(sequence_ratio=True).clips == (3e-4, 4e-4)
    assert AlgorithmSection(sequence_ratio=True, clip_high=0.1).clips == (3e-4, 0.1)


def test_a_step_without_a_finite_gradient_is_left_out_and_counted() -> None:
    learner = Learner(MODEL, load_config(None).policy)
    before = {name: weight.clone() for name, weight in learner.weights().items()}
    broken = TrainRow((1, 2), (3, 4), (-1.0, -1.0), math.inf, 1.0)
    report = learner.update([broken], 0)
    assert (report.steps, report.skipped) == (0, 1)
    for name, weight in learner.weights().items():
        assert torch.equal(weight, before[name])
    report = learner.update([TrainRow((1, 2), (3, 4), (-1.0, -1.0), 1.0, 1.0)], 1)
    assert (report.steps, report.skipped) == (1, 0)


def test_packing_keeps_to_its_budget_and_loses_nothing() -> None:
    batches = pack([5, 9, 3, 30, 4], budget=20)
    assert batches == [[3], [1, 0], [4, 2]]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", [1, 2, 2, 2]), ("linear", [1, 2, 2, 1]), ("cosine", [1, 2, 2, 1])],
)
def test_learning_rates(schedule: str, expected: list[float]) -> None:
    config = load_config(None, [f"optim.schedule={schedule}", "optim.warmup=2", "optim.lr=2"]).optim
    rates = [learning_rate(config, step, 6) for step in (0, 1, 2, 4)]
    assert rates == pytest.approx(expected)


def rows(seed: int = 0) -> list[TrainRow]:
    rng = random.Random(seed)
    made = []
    for _ in range(6):
        count = rng.randint(2, 20)
        made.append(
            TrainRow(
                prompt_ids=tuple(rng.randrange(5, 350) for _ in range(rng.randint(3, 9))),
                token_ids=tuple(rng.randrange(5, 350) for _ in range(count)),
                engine_logprobs=tuple(-rng.random() for _ in range(count)),
                advantage=rng.gauss(0, 1),
                weight=rng.random() + 0.5,
            )
        )
    return made


def gradient(budget: int, *extra: str) -> torch.Tensor:
    config = load_config(None, [f"optim.tokens_per_pass={budget}", "optim.lr=1e-12", *extra])
    learner = Learner(MODEL, config.policy)
    learner.update(rows(), 0)
    return torch.cat([p.grad.flatten() for p in learner.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("extra", [(), ("algorithm.sequence_ratio=true",)], ids=["tokens", "gspo"])
def test_the_gradient_does_not_depend_on_the_micro_batches(extra: tuple[str, ...]) -> None:
    whole = gradient(10_000, *extra)
    for budget in (1, 40):
        torch.testing.assert_close(gradient(budget, *extra), whole, rtol=1e-3, atol=1e-6)


def test_several_minibatches_make_several_steps() -> None:
    learner = Learner(
        MODEL, load_config(None, ["optim.minibatches=3", "algorithm.kl_weight=0.1"]).policy
    )
    report = learner.update(rows(), 0)
    assert report.steps == 3
    assert report.terms == sum(len(row.token_ids) for row in rows())


def test_old_log_probabilities_are_those_before_the_first_minibatch() -> None:
    options = ["optim.minibatches=3", "optim.lr=1e-2", "algorithm.truncate_ratio=100"]
    learner = Learner(MODEL, load_config(None, options).policy)
    before = learner.score(rows(), learner.settings.temperature)
    gaps = torch.cat(
        [old - torch.tensor(r.engine_logprobs) for old, r in zip(before, rows(), strict=True)]
    )
    report = learner.update(rows(), 0)
    after = learner.score(rows(), learner.settings.temperature)
    assert (torch.cat(after) - torch.cat(before)).abs().mean() > 0.1  # else nothing is shown
    torch.testing.assert_close(
        torch.cat(report.mismatch).sort().values, gaps.sort().values, rtol=1e-4, atol=1e-4
    )


def test_nothing_to_learn_moves_nothing() -> None:
    learner = Learner(MODEL, load_config(None).policy)
    before = {name: value.clone() for name, value in learner.weights().items()}
    assert learner.update([], 0).steps == 0
    assert all(torch.equal(before[name], value) for name, value in learner.weights().items())


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="not of this model"):
        Learner(MODEL, load_config(None).policy).state.load_model(tmp_path / "w.safetensors")
