"""Where rollouts come from, as the trainer sees it: an engine in this process, or replicas over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.engines.weight_check import Held


class GroupSampler(Protocol):
    name: str

    def sample(
        self,
        groups: Sequence[GroupRequest],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool = False,
    ) -> list[list[SampledRollout]]:
        """``samples`` rollouts of each group, in order; rollout i is sampled with seed + i."""


class EnginePart(GroupSampler, Protocol):
    """One engine by itself."""

    def weights(self) -> Held:
        """Sums of the weights that its workers have."""


class RecordingSampler(GroupSampler, Protocol):
    """What a head can be made with."""

    def take_features(self) -> FeatureRecord:
        """Hand over, and forget, the head inputs recorded so far."""

    def close(self) -> None: ...


class WeightClient(Protocol):
    """What vLLM's trainer-side transfers drive (``VLLMWeightSyncClient``), for all engines at once."""

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None: ...

    def start_weight_update(self) -> None: ...

    def update_weights(self, update_info: Any) -> None: ...

    def finish_weight_update(self, weight_version: str | None = None) -> None: ...


class RolloutEngine(RecordingSampler, Protocol):
    @property
    def client(self) -> WeightClient:
        """For the weight transfer."""

    @property
    def world_size(self) -> int:
        """Workers that receive weights."""

    def sleep(self) -> None:
        """Give memory back until weights come or something is sampled, where the engine can."""

    def updating(self, version: str) -> AbstractContextManager[None]:
        """Nothing is generated inside; afterwards the weights are called ``version``."""

    def parts(self) -> Sequence[EnginePart]:
        """Every engine there is, by itself: what is to be probed after a sync."""

    def load_head(self, folder: Path, version: str) -> None:
        """Swap the head in everywhere. Raises ``RuntimeError`` where workers hold another one."""
