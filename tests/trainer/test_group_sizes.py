"""Groups of adaptive size are on average what groups sampled in full are, by enumeration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from tests.trainer.made_up import group, rollout
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.experience import train_rows
from trainer.groups.judged import JudgedGroup
from trainer.groups.sizes import chance_of_rest, completed, goes_on, one_group, parts
from trainer.run.metrics import rollout_metrics, success_rate
from trainer.sections import AlgorithmSection, RolloutSection

OPTIONS = RolloutSection(samples=5, first=2, flat_chance=0.2)
IPW = AlgorithmSection(correction="ipw")
Case = tuple[float, JudgedGroup]


def whole(verdicts: tuple[bool, ...]) -> JudgedGroup:
    made = [rollout(right) for right in verdicts]
    return group(
        [replace(one, sampled=replace(one.sampled, index=i)) for i, one in enumerate(made)]
    )


def cases(p: float) -> Iterator[tuple[float, JudgedGroup, list[Case]]]:
    """Each outcome of five rollouts that are right with probability p: how probable it is, all of them at
    once, and the groups that come of it in two parts, with their probabilities."""
    for verdicts in product((False, True), repeat=5):
        likely = p ** sum(verdicts) * (1 - p) ** (5 - sum(verdicts))
        first, rest = whole(verdicts[:2]), whole(verdicts[2:])
        chance = chance_of_rest(first, OPTIONS)
        (full,) = completed([first], {0: rest}, OPTIONS)
        (stopped,) = completed([first], {}, OPTIONS)
        yield likely, whole(verdicts), [(chance, full), (1 - chance, stopped)]


def gradient(judged: JudgedGroup, options: AlgorithmSection, *, divide: bool) -> float:
    """Of the right ones' log-probability, where each of them has the same gradient 1."""
    options = options.model_copy(update={"dr_grpo": not divide})
    rows = train_rows([judged], options, dynamic=False)
    return sum(row.weight * row.advantage for row in rows if row.advantage > 0)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("divide", [False, True])
def test_the_gradient_is_on_average_that_of_groups_sampled_in_full(p: float, divide: bool) -> None:
    at_once = adaptive = uncorrected = 0.0
    for likely, full, outcomes in cases(p):
        at_once += likely * gradient(full, IPW, divide=divide)
        for chance, found in outcomes:
            adaptive += likely * chance * gradient(found, IPW, divide=divide)
            plain = gradient(found, AlgorithmSection(), divide=divide)
            uncorrected += likely * chance * plain
    assert adaptive == pytest.approx(at_once)
    assert uncorrected < 0.9 * at_once


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_the_success_rate_is_on_average_the_true_one(p: float) -> None:
    right = count = 0.0
    for likely, _, outcomes in cases(p):
        for chance, found in outcomes:
            successes, rollouts = success_rate(found)
            right += likely * chance * successes
            count += likely * chance * rollouts
    assert right / count == pytest.approx(p)
    assert count == pytest.approx(5)


def test_the_coin_falls_as_often_as_it_says() -> None:
    flat = [replace(whole((True, True)), number=number) for number in range(4000)]
    share = sum(goes_on(one, OPTIONS, seed=3) for one in flat) / 4000
    assert share == pytest.approx(0.2, abs=0.02)
    assert goes_on(whole((True, False)), OPTIONS, seed=3)


def test_the_rest_is_counted_on_from_the_first_ones() -> None:
    assert parts(OPTIONS) == (2, 3)
    assert parts(RolloutSection(samples=5)) == (5, 0)
    (full,) = completed([whole((True, True))], {0: whole((False,) * 3)}, OPTIONS)
    assert [one.sampled.index for one in full.rollouts] == [0, 1, 2, 3, 4]
    assert [one.propensity for one in full.rollouts] == pytest.approx([1, 1, 0.2, 0.2, 0.2])
    record = FeatureRecord(["0", "0+", "0+"], [1, 0, 2], [4, 4, 4], [torch.zeros(1)] * 3)
    told = one_group(record, 2)
    assert (told.groups, told.indices) == (["0"] * 3, [1, 2, 4])


def test_groups_that_were_not_sampled_in_full_are_counted_and_not_trained_on() -> None:
    (stopped,) = completed([whole((True, True))], {}, OPTIONS)
    shaped = replace(stopped.rollouts[0], reward=0.3)
    stopped = replace(stopped, rollouts=(shaped, *stopped.rollouts[1:]))
    assert train_rows([stopped], AlgorithmSection(kl_weight=0.1), dynamic=False) == []
    row = rollout_metrics([stopped, whole((True, False, True, True, True))])
    assert (row["groups"], row["groups_whole"]) == (2, 1)


@pytest.mark.parametrize(
    "overrides",
    [
        ["rollout.first=16"],
        ["rollout.first=1"],
        ["rollout.flat_chance=0.5"],
        ["rollout.first=4", "prune.min_survivors=5"],
    ],
)
def test_sizes_that_say_nothing_are_refused(overrides: list[str]) -> None:
    with pytest.raises(ConfigError):
        load_config(None, overrides)
