"""A device's way from logits to scores, by tensor operations on a CPU, against the host's own way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.rows import StepRows
from arrol_serve.engine.plugin.scorer import RowScorer
from arrol_serve.engine.plugin.scoring.device_check import Shapes, made_up, random_head
from arrol_serve.engine.plugin.scoring.device_scores import device_record, device_scores
from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.scoring.fold import Fold, Places
from arrol_serve.engine.plugin.scoring.rehearsal import Rehearsal
from arrol_serve.engine.plugin.scoring.tensor_fold import TensorFold
from arrol_serve.engine.plugin.wire import GroupPlan, StepScores

CPU = torch.device("cpu")
HIDDEN, VOCABULARY, WINDOW, SLOTS = 8, 60, 4, 8
ANY = Ends((), NEVER, True, ())
SIGNALS = {"a": ("quality", "confidence"), "b": ("quality",), "c": ("quality", "confidence")}
OTHER = {"c"}
"""Scored by a head of its own."""


class ScoringFold(TensorFold):
    """Scores everybody by one head, as the kernels do."""

    def scores(self, *asked: Any) -> Any:
        head, places, states, folded = asked
        taken, width = places.take(states), folded.features.shape[1]
        rows = torch.from_numpy(places.starts)[:, None] + torch.arange(width)
        chosen = taken[rows.clamp(max=len(taken) - 1)]
        at_probe, final = head.calibrated(head.raw(chosen, folded.features))
        return torch.stack([at_probe, folded.confidence, final], dim=2)


class Both:
    """A host's scorer, and a device's fold that is told the same."""

    def __init__(self, fold: type[TensorFold] = TensorFold) -> None:
        self.scorer = RowScorer(SLOTS, CPU, last_rows=3, shapes=Shapes(width=3))
        self.fold = fold(SLOTS, CPU)
        self.generator = np.random.default_rng(3)
        self.heads = {
            False: NamedHead(random_head(CPU, HIDDEN), "1"),
            True: NamedHead(random_head(CPU, HIDDEN).requires_grad_(True), "2"),
        }
        with torch.no_grad():
            self.heads[True].head.layers[0].weight.mul_(-3)  # type: ignore[union-attr,operator]

    def join(self, name: str) -> None:
        plan = GroupPlan(
            name, 1, 1, signals=SIGNALS[name], confidence_window=WINDOW, record=(2,)
        ).member(0)
        self.scorer.heads.current = self.heads[name in OTHER]
        self.fold.begin(self.scorer._free[0], WINDOW, ANY)
        self.scorer.admit(name, plan, ANY)

    def leave(self, name: str) -> None:
        self.scorer.release([name], {name: 0})

    def step(self, names: list[str], sizes: list[int]) -> tuple[StepScores, Tensor, np.ndarray]:
        """The host's scores, the device's [S, W, 3], and who got how many tokens."""
        rows, width = sum(sizes), max(sizes)
        logits = torch.from_numpy(self.generator.normal(0, 3, (rows, VOCABULARY))).float()
        hidden = torch.from_numpy(self.generator.normal(0, 2, (rows, HIDDEN))).float()
        starts = np.concatenate([[0], np.cumsum(sizes)])
        step = StepRows(names, hidden, None, starts if width > 1 else None, width)
        selection = self.scorer.select(step)
        assert selection is not None
        sampled = self.generator.integers(0, VOCABULARY, (len(names), width))
        new = self.generator.integers(1, np.array(sizes) + 1)
        sampled[np.arange(width) >= new[:, None]] = -1
        tokens = torch.from_numpy(sampled.astype(np.int32))
        self.fold.before(selection.places, logits, confidence=selection.wants_confidence)
        folded = self.fold.after(selection.places, tokens)
        values = device_scores(selection, hidden, self.fold, folded)
        self.scorer.before_sampling(selection, logits)
        self.scorer.after_sampling(selection, tokens)
        scores = self.scorer.scores(selection, hidden)
        assert isinstance(scores, StepScores)
        return scores, values, new


def check(both: Both, names: list[str], sizes: list[int]) -> None:
    scores, values, new = both.step(names, sizes)
    ours = [name for name in names if name in SIGNALS]
    assert scores.req_ids == ours
    counts = {name: int(n) for name, n in zip(names, new, strict=True)}
    for name, run, theirs in zip(ours, scores.values, values, strict=True):
        expected = torch.tensor(run)
        found = theirs[: counts[name]].detach().clone()
        if "confidence" not in SIGNALS[name]:  # told to nobody else, by ``step_scores``
            found[:, 1] = torch.nan
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4, equal_nan=True)
        assert not expected[:, [0, 2]].isnan().any()


@pytest.mark.parametrize("drafts", [False, True])
@pytest.mark.parametrize("fold", [TensorFold, ScoringFold])
def test_a_devices_scores_are_the_hosts_while_requests_come_and_go(
    fold: type[TensorFold], drafts: bool
) -> None:
    both = Both(fold)
    both.join("a")
    both.join("b")
    for _ in range(6):
        check(both, ["a", "b"], [3, 1] if drafts else [1, 1])
    both.join("c")
    for _ in range(WINDOW + 2):
        check(both, ["a", "plain", "b", "c"], [2, 3, 1, 2] if drafts else [1] * 4)
    both.leave("b")
    for _ in range(SLOTS):  # until each slot has had somebody before
        both.leave("c")
        both.join("c")
        check(both, ["c", "a"], [1, 2] if drafts else [1, 1])


def test_recorded_inputs_are_rows_of_the_step_and_their_statistics() -> None:
    both = Both()
    both.join("b")
    both.join("c")
    generator = np.random.default_rng(5)
    hidden = torch.from_numpy(generator.normal(0, 2, (3, HIDDEN))).bfloat16()
    for recorded in (["b", "c"], ["c"]):
        selection = both.scorer.select(StepRows(["plain", "b", "c"], hidden, None))
        assert selection is not None
        places = [selection.req_ids.index(name) for name in recorded]
        selection = replace(selection)  # cached properties are computed anew
        selection.held[0].recorded = "b" in recorded
        both.fold.before(selection.places, torch.randn(3, VOCABULARY), confidence=False)
        folded = both.fold.after(selection.places, torch.zeros(3, 1, dtype=torch.int32))
        device_record(both.scorer.recorder, selection, hidden, folded)
        latest = both.scorer.recorder._latest
        assert latest is not None
        for name, place in zip(recorded, places, strict=True):
            running = both.scorer.recorder._running[name]
            row = latest[running.slot, running.tokens % 3]
            state = hidden[["plain", "b", "c"].index(name)].float()
            assert row.equal(torch.cat([state, folded.features[place, 0]]))
    assert [both.scorer.recorder._running[name].tokens for name in ("b", "c")] == [1, 2]


def test_a_rehearsal_leaves_nothing_behind() -> None:
    fresh, used = TensorFold(SLOTS, CPU), TensorFold(SLOTS, CPU)
    rehearsal = Rehearsal(used, SLOTS)
    for rows, requests, width in ((2 * SLOTS, 2 * SLOTS, 1), (2 * SLOTS, SLOTS, 2)):
        rehearsal.before(torch.randn(rows, VOCABULARY))
        rehearsal.after(torch.ones(requests, width, dtype=torch.int32))
    assert used._statistics._table.any()
    found = [followed(fold) for fold in (fresh, used)]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


def followed(fold: Fold) -> list[Tensor]:
    """Figures of some requests that begin now."""
    generator, found = np.random.default_rng(4), []
    for slot in range(SLOTS):
        fold.begin(slot, WINDOW, ANY)
    for step in range(2 * WINDOW):
        places, logits, _, sampled = made_up(generator, step, CPU, Shapes(VOCABULARY, HIDDEN, 2))
        fold.before(Places(places.numbers, places.rows), logits, confidence=True)
        folded = fold.after(places, sampled)
        assert folded.confidence is not None
        found += [folded.features, folded.confidence]
    return found
