"""The quality head and the posterior, trained on the fly from every rollout that ended by itself.

Each step's scores are judged and binned *before* the head learns from that step, so that posterior,
AUC and calibration are those of rollouts that the head had not seen. Only survivors have a label, and
survival depends on more than the score (siblings, a later probe), so each counts 1 / propensity times
in posteriors, loss and figures. Each probe has a posterior and a delta of its own. Shapes: M recorded
positions, F = D + K features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.quality.calibration import (
    auc,
    expected_calibration_error,
    sigmoid,
    within_group_auc,
)
from arrol_serve.quality.head import QualityHead
from arrol_serve.quality.posterior import BinnedPosterior, solve_delta
from trainer.groups.judged import JudgedGroup
from trainer.pruning.survival import Knowledge, keep_per_probe
from trainer.sections import HeadSection, PruneSection
from trainer.seeds import seed_for

UNKNOWN = -1.0
"""Label of a position whose rollout was pruned or not judged: it counts for delta alone."""
FINAL = 0
"""Place of the last token; a probe's place is its token count."""


@dataclass(frozen=True, slots=True)
class HeadRows:
    """Recorded positions of one step, aligned."""

    features: Tensor
    """[M, F]"""
    label: Tensor
    """[M] 1 right, 0 wrong, or ``UNKNOWN``."""
    place: Tensor
    """[M]"""
    group: Tensor
    """[M]"""
    weight: Tensor
    """[M] 1 / the probability with which a labelled row has its label."""


def head_rows(
    record: FeatureRecord, groups: Sequence[JudgedGroup], last_tokens: bool = True
) -> HeadRows | None:
    """The head's rows of one step; None where nothing was recorded.

    With ``last_tokens`` a rollout's last record at its last token is the final one, which is left out where
    it was pruned.
    """
    by_key = {
        (str(group.number), i): (group, rollout)
        for group in groups
        for i, rollout in enumerate(group.rollouts)
    }
    keys = list(zip(record.groups, record.indices, strict=True))
    last = {key: row for row, key in enumerate(keys)}
    chosen, table = [], []
    # The engine forgets the rollouts of a step in no particular order, learning must not depend on it.
    for row, key in sorted(enumerate(keys), key=lambda pair: (pair[1], pair[0])):
        group, rollout = by_key[key]
        at_end = last[key] == row and record.tokens[row] == rollout.sampled.token_count
        final = last_tokens and at_end
        if final and rollout.pruned:
            continue
        label = UNKNOWN if rollout.correct is None else float(rollout.correct)
        place = FINAL if final else record.tokens[row]
        chosen.append(row)
        table.append((label, place, group.number, 1 / rollout.propensity))
    if not chosen:
        return None
    features = torch.stack([record.features[row] for row in chosen]).float()
    return HeadRows(features, *torch.tensor(table, dtype=torch.float64).unbind(1))


class OnlineHead:
    """Head, optimizer, posterior, and a window of recent rows to learn from."""

    def __init__(
        self, hidden_size: int, config: HeadSection, prune: PruneSection, seed: int
    ) -> None:
        self._config, self._prune, self._seed = config, prune, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "head"))
            self.head = QualityHead(hidden_size, width=config.width)
        self.optimizer = torch.optim.AdamW(
            self.head.parameters(), lr=config.lr, weight_decay=config.weight_decay
        )
        self._posteriors = [BinnedPosterior(config.bins, decay=config.decay) for _ in prune.probes]
        self._features = torch.empty(0)
        self._facts = torch.empty(0, 3, dtype=torch.float64)
        """[W, 3]: label, place and weight of the window's rows."""
        self._scaled_by = 0
        """Rows that the scale of the head's inputs was taken from."""
        self.unseen = torch.empty(0, 5, dtype=torch.float64)
        """[<= W, 5]: score, label, place, group and weight of judged rows, scored before they were
        learned."""
        self.knowledge = self._know()

    def learn(self, rows: HeadRows, step: int) -> dict[str, float]:
        """Judge, bin, learn, and solve delta again; return this step's figures at the probes."""
        scores = self._scores(rows.features)
        known = rows.label != UNKNOWN
        facts = [scores, rows.label, rows.place, rows.group, rows.weight]
        seen = torch.stack(facts, 1)[known]
        self.unseen = torch.cat([self.unseen, seen])[-self._config.window :]
        for tokens, posterior in zip(self._prune.probes, self._posteriors, strict=True):
            here = seen[seen[:, 2] == tokens].numpy()
            posterior.observe(here[:, 0], here[:, 1], here[:, 4])
        figures = _figures(seen[seen[:, 2] != FINAL])
        self._remember(rows)
        # Replies may stay shorter than the first probe for long, and few rows are no scale.
        enough = min(self._config.rows, self._config.window)
        unscaled = step <= self._prune.cold_start or self._scaled_by < enough
        if unscaled and len(self._features) > 1:
            self._scaled_by, hidden = len(self._features), self.head.hidden_size
            self.head.set_normalisation(self._features[:, :hidden], self._features[:, hidden:])
        loss = self._train(step)
        if loss is not None:
            figures["head/loss"] = loss
        self.knowledge = self._know()
        return figures

    def _remember(self, rows: HeadRows) -> None:
        window = self._config.window
        kept = [self._features, rows.features] if len(self._features) else [rows.features]
        self._features = torch.cat(kept)[-window:]
        facts = torch.stack([rows.label, rows.place, rows.weight], 1)
        self._facts = torch.cat([self._facts, facts])[-window:]

    def _train(self, step: int) -> float | None:
        """Binary cross-entropy on verified correctness; the mean loss, None without any label.

        The features are constants: no gradient reaches the policy.
        """
        known = (self._facts[:, 0] != UNKNOWN).nonzero().squeeze(1)
        if len(known) == 0:
            return None
        hidden = self.head.hidden_size
        generator = torch.Generator().manual_seed(seed_for(self._seed, "head", step))
        total = 0.0
        for _ in range(self._config.updates):
            rows = known[torch.randint(len(known), (self._config.rows,), generator=generator)]
            features = self._features[rows]
            logits = self.head.raw(features[:, :hidden], features[:, hidden:])
            label, _, weight = self._facts[rows].float().unbind(1)
            weight = weight / weight.mean()
            loss = F.binary_cross_entropy_with_logits(logits, label, weight)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.item()
        return total / self._config.updates

    def _know(self) -> Knowledge:
        """By probe, posterior and delta for the next step, from the window scored by the head as it is now.

        All who came to a probe count once in its delta, the pruned ones too.
        """
        tables, shifts = [], []
        for tokens, posterior in zip(self._prune.probes, self._posteriors, strict=True):
            q, here = posterior.posterior(), self._facts[:, 1] == tokens
            tables.append(q.tolist())
            shifts.append(self._delta(q[self._bins(posterior, here)]) if here.any() else 0.0)
        return Knowledge(tables, shifts)

    def _bins(self, posterior: BinnedPosterior, here: Tensor) -> NDArray[np.int64]:
        return posterior.bin_of(self._scores(self._features[here]).numpy())

    def _delta(self, success: NDArray[np.float64]) -> float:
        p, kappa = self._prune, keep_per_probe(self._prune)
        return solve_delta(success, kappa=kappa, rho=p.rho, lam=p.lam, p_min=p.p_min, p_max=p.p_max)

    @torch.no_grad()
    def _scores(self, features: Tensor) -> Tensor:
        hidden = self.head.hidden_size
        scores: Tensor = self.head(features[:, :hidden], features[:, hidden:]).double()
        return scores

    def state(self) -> dict[str, Any]:
        """Everything; tensors and plain types."""
        return {
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "counts": [torch.from_numpy(posterior.counts) for posterior in self._posteriors],
            "features": self._features,
            "facts": self._facts,
            "unseen": self.unseen,
            "scaled_by": self._scaled_by,
            "knowledge": [self.knowledge.posterior, self.knowledge.delta],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        for posterior, counts in zip(self._posteriors, state["counts"], strict=True):
            posterior.counts = counts.numpy()
        self._features, self._facts = state["features"], state["facts"]
        self.unseen = state["unseen"]
        self._scaled_by = state.get("scaled_by", self._config.rows)  # older runs go on as they were
        self.knowledge = Knowledge(*state["knowledge"])


def _figures(seen: Tensor) -> dict[str, float]:
    """How good the scores of unseen rollouts were; empty without both right and wrong ones.

    ``seen``: rows of ``OnlineHead.unseen``.
    """
    s, y, place, group, w = seen.numpy().T
    if len(y) == 0 or y.min() == y.max():
        return {}
    probability, siblings = sigmoid(s), group * 1e6 + place
    return {
        "head/auc": auc(s, y, w),
        "head/auc_within_group": within_group_auc(s, y, siblings, weights=w, draws=1).value,
        "head/ece": expected_calibration_error(probability, y, weights=w),
        "head/accuracy": float(np.average((probability > 0.5) == y, weights=w)),
    }
