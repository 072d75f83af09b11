"""Rollouts from an engine in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.sampling import GroupRequest, SampledRollout, sample_groups
from trainer.engines.weight_check import Held


class LocalEngine:
    """A vLLM ``LLM`` as a ``RolloutEngine``, and as the client of its own weight transfer."""

    name = "the engine in this process"

    def __init__(self, llm: Any, *, sleeps: bool = False) -> None:
        """``sleeps``: it was built with vLLM's ``enable_sleep_mode``."""
        self.llm, self._sleeps, self._asleep = llm, sleeps, False

    @property
    def client(self) -> LocalEngine:
        return self

    @property
    def world_size(self) -> int:
        size: int = self.llm.llm_engine.vllm_config.parallel_config.world_size
        return size

    def sample(
        self,
        groups: Sequence[GroupRequest],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool = False,
    ) -> list[list[SampledRollout]]:
        self._wake()
        return sample_groups(self.llm, groups, samples, max_tokens=max_tokens, logprobs=logprobs)

    def parts(self) -> Sequence[LocalEngine]:
        return (self,)

    def weights(self) -> Held:
        return Held(*zip(*self.llm.collective_rpc("arrol_weights_sums"), strict=True))

    def sleep(self) -> None:
        if self._sleeps and not self._asleep:
            self.llm.sleep(level=1)  # 2 would drop the weights that adapters are merged into
            self._asleep = True

    def _wake(self, *parts: str) -> None:
        """``parts`` of its memory, as vLLM calls them; none: all of it."""
        if self._asleep:
            torch.cuda.empty_cache()  # vLLM asks the GPU for room, and PyTorch keeps what was freed
            self._asleep = not self.llm.wake_up(list(parts) or None)

    @contextmanager
    def updating(self, version: str) -> Iterator[None]:
        # Nothing runs between two calls of ``sample``. The cache's room serves the transfer first.
        self._wake("weights")
        yield
        self._wake("kv_cache")
        self.llm.update_weight_version(version)
        self.llm.reset_prefix_cache()

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self.llm.init_weight_transfer_engine({"init_info": init_info})

    def start_weight_update(self) -> None:
        self.llm.start_weight_update()

    def update_weights(self, update_info: Any) -> None:
        self.llm.update_weights({"update_info": update_info})

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self.llm.finish_weight_update(weight_version)

    def load_head(self, folder: Path, version: str) -> None:
        loaded = self.llm.collective_rpc("arrol_load_head", args=(str(folder.resolve()), version))
        if set(loaded) != {version}:
            raise RuntimeError(f"the engine's workers hold heads {loaded}, not {version}")

    def take_features(self) -> FeatureRecord:
        found: list[FeatureRecord] = self.llm.collective_rpc("arrol_take_features")
        return max(found, key=lambda record: len(record.groups))

    def close(self) -> None:
        self.llm.llm_engine.engine_core.shutdown()
