"""TRL's generation back end with our engine in place of its own: scored, pruned, and synced with proof."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from trl.generation.vllm_generation import VLLMGeneration

from arrol_serve.engine.plugin.weights import bits_sum
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import build_engine
from trainer.engines.weight_check import WeightCheck
from trainer.engines.weight_transfer import FileTransfer, sync_options


class ArrolGeneration(VLLMGeneration):
    """``engine`` is ours, in this process; TRL's names and arguments for the rest."""

    engine: LocalEngine

    def __init__(self, *args: Any, folder: Path, dtype: torch.dtype, **options: Any) -> None:
        """``folder``: where weights pass through; ``dtype``: that the engine computes in."""
        self._folder, self._dtype = folder, dtype
        self._check, self._syncs = WeightCheck(), 0
        super().__init__(*args, **options)

    def _init_vllm(self) -> None:
        self.engine = LocalEngine(
            build_engine(
                Path(self.model.name_or_path),
                sequences=self.max_num_seqs,
                max_model_len=self.max_model_length,
                gpu_memory_utilization=self.gpu_memory_utilization,
                trust_remote_code=self.trust_remote_code,
                dtype=str(self._dtype).removeprefix("torch."),
                **sync_options("path"),
            )
        )
        self.llm = self.engine.llm
        self._llm_weights_sleeping = False
        self._transfer = FileTransfer(self.engine.client, self._folder)

    def sync_weights(self) -> None:
        """Raises ``SyncFailed`` where the engine holds other weights afterwards, bit by bit."""
        # Adapters are merged in place while TRL walks over them: what it gives must be copied at once.
        weights = {
            name: value.detach().to(self._dtype, copy=True).contiguous()
            for name, value in self._iter_named_params()
        }
        self._transfer.stage(weights)
        self._syncs += 1
        version = str(self._syncs)
        with self.engine.updating(version):
            self._transfer.send()
        self._check.compare(
            self.engine.name, bits_sum(weights.values()), self.engine.weights(), version
        )
