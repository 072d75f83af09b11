"""Puts the trained weights into the running engines, and proves that they arrived."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from arrol_serve.engine.plugin.weights import bits_sum
from trainer.engines.base import EnginePart, RolloutEngine
from trainer.engines.sampling import GroupRequest
from trainer.engines.weight_check import Held, WeightCheck
from trainer.engines.weight_transfer import Transfer, open_transfer
from trainer.errors import SyncFailed
from trainer.policy.batch import TrainRow
from trainer.policy.learner import Learner
from trainer.ranks import Ranks
from trainer.sections import SyncSection
from trainer.seeds import seed_for

PROBE_TEMPERATURE = 2.0
"""vLLM's highest: where a model is sure of a token, stale weights would be as sure of it."""
REPLIES = 4
"""Sampled of the probe; as many are compared as it takes to have its tokens."""


@dataclass(frozen=True, slots=True)
class SyncProbe:
    """What is compared after a sync: a few tokens of one question."""

    question: str
    tokens: int
    max_gap: float
    """Nats a token that trainer and engine may differ by, on average."""
    seed: int


@dataclass(frozen=True, slots=True)
class Gap:
    """How far log-probabilities of the same tokens lie apart, in nats.

    The mean is judged: of many tokens one always lies far out where both round, and stale weights move all.
    """

    mean: float
    widest: float

    @classmethod
    def between(cls, ours: Tensor, theirs: Tensor) -> Gap:
        """Both [tokens], one at least."""
        apart = (ours - theirs).abs()
        return cls(apart.mean().item(), apart.max().item())

    def within(self, allowed: float) -> bool:
        return self.mean <= allowed  # NaN is not


class WeightSync:
    """One way: trainer to engines. All ranks call each method together."""

    def __init__(
        self,
        engine: RolloutEngine,
        transfer: Transfer,
        probe: SyncProbe,
        ranks: Ranks | None = None,
        *,
        adapters: bool = False,
        whole_if_needed: bool = True,
    ) -> None:
        """``adapters``: send these alone; ``whole_if_needed``: or all, once an engine merges otherwise."""
        self._engine, self._transfer = engine, transfer
        self._adapters, self._whole_if_needed = adapters, whole_if_needed
        self._compared, self._ranks = probe, ranks or Ranks()
        self.weights = WeightCheck()
        self._widest = 0.0

    def push(self, learner: Learner, version: str) -> float:
        """Send the weights, forget cached prefixes, compare; return the gap in nats a token.

        Raises ``SyncFailed`` where it is above ``sync.max_gap``, or an engine holds other weights.
        """
        weights = learner.weights(keep=self._ranks.first)
        sent = self._ranks.all(lambda: bits_sum(weights.values()))[0]
        if self._adapters:
            adapters = learner.state.adapters()
            self._ranks.on_first(
                lambda: self._transfer.stage_adapters(adapters, list(weights), learner.policy.dtype)
            )
        else:
            self._ranks.on_first(lambda: self._transfer.stage(weights))
        self._ranks.all(lambda: self._send(version))
        try:
            self._compare(sent, version)
        except SyncFailed:
            if not (self._adapters and self._whole_if_needed):
                raise
            print(
                "\nsync.lora: the engine merges adapters otherwise; all weights are sent",
                file=sys.stderr,
            )
            self._adapters = False
            return self.push(learner, version)
        return self.check(learner, version)

    @property
    def figures(self) -> dict[str, float]:
        """Of the last sync: the widest gap of a token, whether weights were compared bit by bit, bytes sent
        to each engine."""
        return {
            "sync_gap_max": self._widest,
            "sync_exact": float(self.weights.exact),
            "sync_bytes": self._transfer.staged_bytes,
        }

    def _compare(self, sent: int, version: str) -> None:
        self.weights.exact = True
        for part in self._ranks.all(self._held):
            for name, held in part:
                self.weights.compare(name, sent, held, version)

    def _held(self) -> list[tuple[str, Held]]:
        """By the name of each engine of this rank what its workers hold."""
        return [(self._name(part), part.weights()) for part in self._engine.parts()]

    def _name(self, part: EnginePart) -> str:
        return part.name if self._ranks.size == 1 else f"{part.name} (rank {self._ranks.rank})"

    def _send(self, version: str) -> None:
        with self._engine.updating(version):
            self._transfer.send(adapters=self._adapters)

    def check(self, learner: Learner, version: str) -> float:
        """Sample a few tokens in every engine and compare their log-probabilities with the trainer's.

        The mean gap of the engine that is furthest off; raises ``SyncFailed`` above ``sync.max_gap``.
        """
        probes = self._ranks.all(lambda: self._probe(version))
        probed = [(name, rows) for part in probes for name, rows in part]
        scores = iter(learner.score([row for _, rows in probed for row in rows], PROBE_TEMPERATURE))
        gaps = [self._gap(name, rows, scores, version) for name, rows in probed]
        self._widest = max(gap.widest for gap in gaps)
        return max(gap.mean for gap in gaps)

    def _probe(self, version: str) -> list[tuple[str, list[TrainRow]]]:
        """By the name of each engine of this rank what it samples."""
        request = GroupRequest(
            name=f"sync-{version}",
            question=self._compared.question,
            seed=seed_for(self._compared.seed, "sync", version),
            temperature=PROBE_TEMPERATURE,
        )
        tokens, found = self._compared.tokens, []
        for part in self._engine.parts():
            (replies,) = part.sample([request], REPLIES, max_tokens=tokens, logprobs=True)
            rows = [TrainRow(r.prompt_ids, r.token_ids, r.logprobs, 0.0, 1.0) for r in replies]
            found.append((self._name(part), enough(rows, tokens)))
        return found

    def _gap(self, name: str, rows: list[TrainRow], scores: Iterator[Tensor], version: str) -> Gap:
        ours = torch.cat([next(scores) for _ in rows])
        theirs = torch.tensor([value for row in rows for value in row.engine_logprobs])
        gap, allowed = Gap.between(ours, theirs), self._compared.max_gap
        if not gap.within(allowed):
            raise SyncFailed(
                f"After the sync of version {version} the log-probabilities of {name} differ "
                f"from the trainer's by {gap.mean:.2g} nats a token (sync.max_gap is {allowed:g}; the "
                f"widest of {len(ours)} differs by {gap.widest:.2g}): it would sample from other weights "
                "than those that are trained. Look for a model that the engine computes differently, or "
                "a precision that needs a wider gap."
            )
        return gap


def enough(rows: list[TrainRow], tokens: int) -> list[TrainRow]:
    """The first of ``rows`` that have ``tokens`` together: a reply may end early."""
    before = accumulate((len(row.token_ids) for row in rows), initial=0)
    return [row for row, had in zip(rows, before, strict=False) if had < tokens]


def open_sync(
    engine: RolloutEngine,
    learner: Learner,
    folder: Path,
    options: SyncSection,
    probe: SyncProbe,
    ranks: Ranks,
    *,
    adapters: bool,
) -> WeightSync:
    """By the way of ``sync.backend``, through ``folder`` where that is files."""
    transfer = open_transfer(engine, learner.weights(), folder, options)
    may = options.lora == "auto"
    return WeightSync(engine, transfer, probe, ranks, adapters=adapters, whole_if_needed=may)
