"""The quality head and the posterior, trained on the fly from every rollout that ended by itself.

Each step's scores are judged and binned *before* the head learns from that step, so that posterior,
AUC and calibration are those of rollouts that the head had not seen. Shapes: M recorded positions,
F = D + K features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from arrol_serve.engine.plugin.scorer import FeatureRecord
from arrol_serve.quality.calibration import (
    auc,
    expected_calibration_error,
    sigmoid,
    within_group_auc,
)
from arrol_serve.quality.head import QualityHead
from arrol_serve.quality.posterior import BinnedPosterior, solve_delta
from trainer.experience import JudgedGroup
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


def head_rows(record: FeatureRecord, groups: Sequence[JudgedGroup]) -> HeadRows | None:
    """The head's rows of one step; None where nothing was recorded.

    The last record of a rollout is its final token, which is left out where the rollout was pruned.
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
        final = last[key] == row
        if final and rollout.pruned:
            continue
        label = UNKNOWN if rollout.correct is None else float(rollout.correct)
        place = FINAL if final else record.tokens[row]
        chosen.append(row)
        table.append((label, place, group.number))
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
        self._posterior = BinnedPosterior(config.bins, decay=config.decay)
        self.knowledge = Knowledge(self._posterior.posterior().tolist(), 0.0)
        self._features = torch.empty(0)
        self._facts = torch.empty(0, 2, dtype=torch.float64)
        """[W, 2]: label and place of the window's rows."""
        self.unseen = torch.empty(0, 4, dtype=torch.float64)
        """[<= W, 4]: score, label, place and group of judged rows, scored before they were learned."""

    def learn(self, rows: HeadRows, step: int) -> dict[str, float]:
        """Judge, bin, learn, and solve delta again; return this step's figures at the probes."""
        scores = self._scores(rows.features)
        known = rows.label != UNKNOWN
        seen = torch.stack([scores, rows.label, rows.place, rows.group], 1)[known]
        self.unseen = torch.cat([self.unseen, seen])[-self._config.window :]
        probe = known & (rows.place != FINAL)
        self._posterior.observe(scores[probe], rows.label[probe])
        figures = _figures(scores[probe], rows.label[probe], rows.group[probe])
        self._remember(rows)
        if step <= self._prune.cold_start:
            hidden = self.head.hidden_size
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
        facts = torch.stack([rows.label, rows.place], 1)
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
            loss = F.binary_cross_entropy_with_logits(logits, self._facts[rows, 0].float())
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.item()
        return total / self._config.updates

    def _know(self) -> Knowledge:
        """Posterior and delta for the next step, from the window scored by the head as it is now."""
        q, p = self._posterior.posterior(), self._prune
        at_probe = self._facts[:, 1] != FINAL
        if not at_probe.any():
            return Knowledge(q.tolist(), 0.0)
        success = q[self._posterior.bin_of(self._scores(self._features[at_probe]).numpy())]
        kappa = keep_per_probe(p)
        delta = solve_delta(
            success, kappa=kappa, rho=p.rho, lam=p.lam, p_min=p.p_min, p_max=p.p_max
        )
        return Knowledge(q.tolist(), delta)

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
            "counts": torch.from_numpy(self._posterior.counts),
            "features": self._features,
            "facts": self._facts,
            "unseen": self.unseen,
            "knowledge": [self.knowledge.posterior, self.knowledge.delta],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._posterior.counts = state["counts"].numpy()
        self._features, self._facts = state["features"], state["facts"]
        self.unseen = state["unseen"]
        self.knowledge = Knowledge(*state["knowledge"])


def _figures(scores: Tensor, labels: Tensor, groups: Tensor) -> dict[str, float]:
    """How good the scores of unseen rollouts were; empty without both right and wrong ones."""
    s, y = scores.numpy(), labels.numpy()
    if len(y) == 0 or y.min() == y.max():
        return {}
    probability = sigmoid(s)
    return {
        "head/auc": float(auc(s, y)),
        "head/auc_within_group": float(within_group_auc(s, y, groups.numpy(), draws=1).value),
        "head/ece": float(expected_calibration_error(probability, y)),
        "head/accuracy": float(((probability > 0.5) == y).mean()),
    }
