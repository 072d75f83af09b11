"""Puts the trained weights into the running engines, and proves that they arrived."""

from __future__ import annotations

from typing import Any

import torch

from arrol_serve.errors import ArrolError
from trainer.batch import TrainRow
from trainer.config import TrainConfig
from trainer.learner import Learner
from trainer.precision import largest_gap
from trainer.rollout_engine import GroupSampler, RolloutEngine
from trainer.rollouts import GroupRequest
from trainer.seeds import seed_for
from trainer.weight_transfer import ENGINE_BACKENDS, Transfer

PROBE_TEMPERATURE = 2.0
"""vLLM's highest: where a model is sure of a token, stale weights would be as sure of it."""


def sync_options(backend: str) -> dict[str, Any]:
    """Engine options that a sync needs."""
    return {
        "weight_transfer_config": {"backend": ENGINE_BACKENDS[backend]},
        # What the trainer compares with: after the temperature.
        "logprobs_mode": "processed_logprobs",
    }


class SyncFailed(ArrolError, RuntimeError):
    """After a sync the engine does not compute what the trainer computes."""

    code = "sync_failed"


class WeightSync:
    """One way: trainer to engines."""

    def __init__(
        self, engine: RolloutEngine, transfer: Transfer, config: TrainConfig, question: str
    ) -> None:
        self._engine, self._transfer = engine, transfer
        self._config, self._question = config, question

    def push(self, learner: Learner, version: str) -> float:
        """Send the weights, forget cached prefixes, compare; return the largest gap in nats.

        Raises ``SyncFailed`` where it is above ``sync.max_gap``.
        """
        with self._engine.updating(version):
            self._transfer.send()
        return self.check(learner, version)

    def check(self, learner: Learner, version: str) -> float:
        """Sample a few tokens in every engine and compare their log-probabilities with the trainer's."""
        return max(self._gap(part, learner, version) for part in self._engine.parts())

    def _gap(self, part: GroupSampler, learner: Learner, version: str) -> float:
        config = self._config
        request = GroupRequest(
            name=f"sync-{version}",
            question=self._question,
            seed=seed_for(config.run.seed, "sync", version),
            temperature=PROBE_TEMPERATURE,
        )
        ((sampled,),) = part.sample(
            [request], 1, max_tokens=config.sync.probe_tokens, logprobs=True
        )
        row = TrainRow(sampled.prompt_ids, sampled.token_ids, sampled.logprobs, 0.0, 1.0)
        ours = learner.score([row], PROBE_TEMPERATURE)[0]
        gap = (ours - torch.tensor(row.engine_logprobs)).abs().max().item()
        allowed = largest_gap(config.sync, config.optim)
        if not gap <= allowed:  # NaN fails too
            raise SyncFailed(
                f"After the sync of version {version} the log-probabilities of {part.name} differ "
                f"from the trainer's by up to {gap:.2g} nats (sync.max_gap is "
                f"{allowed:g}): it would sample from other weights than those that are "
                "trained. Look for a model that the engine computes differently, or a precision "
                "that needs a wider gap."
            )
        return gap
