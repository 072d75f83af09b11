"""Puts the trained weights into the running engines, and proves that they arrived."""

from __future__ import annotations

import sys
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class SyncProbe:
    """What is compared after a sync: a few tokens of one question."""

    question: str
    tokens: int
    max_gap: float
    """Nats that trainer and engine may differ by."""
    seed: int


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

    def push(self, learner: Learner, version: str) -> float:
        """Send the weights, forget cached prefixes, compare; return the largest gap in nats.

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
        """Of the last sync: whether weights were compared bit by bit, bytes sent to each engine."""
        size = self._transfer.staged_bytes
        return {"sync_exact": float(self.weights.exact), "sync_bytes": size}

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
        """Sample a few tokens in every engine and compare their log-probabilities with the trainer's."""
        probes = self._ranks.all(lambda: self._probe(version))
        probed = [(name, row) for part in probes for name, row in part]
        scores = learner.score([row for _, row in probed], PROBE_TEMPERATURE)
        gaps = [
            self._gap(name, row, ours, version)
            for (name, row), ours in zip(probed, scores, strict=True)
        ]
        return max(gaps)

    def _probe(self, version: str) -> list[tuple[str, TrainRow]]:
        """By the name of each engine of this rank what it samples."""
        request = GroupRequest(
            name=f"sync-{version}",
            question=self._compared.question,
            seed=seed_for(self._compared.seed, "sync", version),
            temperature=PROBE_TEMPERATURE,
        )
        tokens, rows = self._compared.tokens, []
        for part in self._engine.parts():
            ((one,),) = part.sample([request], 1, max_tokens=tokens, logprobs=True)
            rows.append(
                (self._name(part), TrainRow(one.prompt_ids, one.token_ids, one.logprobs, 0.0, 1.0))
            )
        return rows

    def _gap(self, name: str, row: TrainRow, ours: Tensor, version: str) -> float:
        gap = (ours - torch.tensor(row.engine_logprobs)).abs().max().item()
        allowed = self._compared.max_gap
        if not gap <= allowed:  # NaN fails too
            raise SyncFailed(
                f"After the sync of version {version} the log-probabilities of {name} differ "
                f"from the trainer's by up to {gap:.2g} nats (sync.max_gap is "
                f"{allowed:g}): it would sample from other weights than those that are "
                "trained. Look for a model that the engine computes differently, or a precision "
                "that needs a wider gap."
            )
        return gap


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
