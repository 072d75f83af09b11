"""Puts the trained weights into the running engine, and proves that they arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from arrol_serve.engine.plugin.weights import BACKEND
from arrol_serve.errors import ArrolError
from trainer.batch import TrainRow
from trainer.config import TrainConfig
from trainer.learner import Learner
from trainer.rollouts import GroupRequest, sample_groups
from trainer.seeds import seed_for

ENGINE_OPTIONS: dict[str, Any] = {
    "weight_transfer_config": {"backend": BACKEND},
    # What the trainer compares with: after the temperature.
    "logprobs_mode": "processed_logprobs",
}
PROBE_TEMPERATURE = 2.0
"""vLLM's highest: where a model is sure of a token, stale weights would be as sure of it."""


class SyncFailed(ArrolError, RuntimeError):
    """After a sync the engine does not compute what the trainer computes."""

    code = "sync_failed"


class WeightSync:
    """One way: trainer to engine, through a folder that both can read."""

    def __init__(self, engine: Any, folder: Path, config: TrainConfig, question: str) -> None:
        self._engine, self._folder, self._config = engine, folder, config
        self._question = question
        folder.mkdir(parents=True, exist_ok=True)
        engine.init_weight_transfer_engine({"init_info": {}})

    def push(self, learner: Learner, version: str) -> float:
        """Send the weights, forget cached prefixes, compare; return the largest gap in nats.

        Raises ``SyncFailed`` where it is above ``sync.max_gap``.
        """
        part = self._folder / "model.safetensors.part"
        save_file(learner.weights(), part)
        part.replace(self._folder / "model.safetensors")
        self._engine.start_weight_update()
        self._engine.update_weights({"update_info": {"path": str(self._folder.resolve())}})
        self._engine.finish_weight_update(version)
        self._engine.reset_prefix_cache()
        return self.check(learner, version)

    def check(self, learner: Learner, version: str) -> float:
        """Sample a few tokens and compare their log-probabilities with the trainer's."""
        config = self._config
        request = GroupRequest(
            name=f"sync-{version}",
            question=self._question,
            seed=seed_for(config.run.seed, "sync", version),
            temperature=PROBE_TEMPERATURE,
        )
        ((sampled,),) = sample_groups(
            self._engine, [request], 1, max_tokens=config.sync.probe_tokens, logprobs=True
        )
        row = TrainRow(sampled.prompt_ids, sampled.token_ids, sampled.logprobs, 0.0, 1.0)
        ours = learner.score([row], PROBE_TEMPERATURE)[0]
        gap = (ours - torch.tensor(row.engine_logprobs)).abs().max().item()
        if not gap <= config.sync.max_gap:  # NaN fails too
            raise SyncFailed(
                f"After the sync of version {version} the engine's log-probabilities differ from "
                f"the trainer's by up to {gap:.2g} nats (sync.max_gap is {config.sync.max_gap:g}): "
                "it would sample from other weights than those that are trained. Look for a model "
                "that the engine computes differently, or a precision that needs a wider gap."
            )
        return gap
