"""Weights from a folder of safetensors, through vLLM's weight-transfer interface.

vLLM's own backends move tensors between GPUs; this one works on any machine where the engine's
workers can read the trainer's folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import safe_open
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

from arrol_serve.engine.plugin.adapters import merged_tensors

BACKEND = "arrol_file"


@dataclass
class FileInit(WeightTransferInitInfo):
    """Nothing to agree on."""


@dataclass
class FileUpdate(WeightTransferUpdateInfo):
    """``path``: a folder with the whole model as safetensors, by checkpoint names; with ``adapters``, one
    with adapters that are to be merged into the model that was loaded at the start."""

    path: str
    adapters: bool = False


class FileWeightTransfer(WeightTransferEngine[FileInit, FileUpdate]):
    """Loads every tensor of the folder into the running model."""

    received: ClassVar[int | None] = None
    """``bits_sum`` of what this process read last; None: nothing."""
    init_info_cls = FileInit
    update_info_cls = FileUpdate

    def init_transfer_engine(self, init_info: FileInit) -> None:
        pass

    def start_weight_update(self) -> None:
        pass  # the model is touched once the files are known to be readable

    def update_weights(self, update_info: dict[str, Any]) -> None:
        """As the base class, which waits for an accelerator even where there is none."""
        self.receive_weights(self.parse_update_info(update_info))
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def receive_weights(self, update_info: FileUpdate) -> None:
        """Raises ``OSError``, ``ValueError`` or ``SafetensorError`` before anything is changed."""
        from vllm.model_executor.model_loader.reload import initialize_layerwise_reload

        path = Path(update_info.path)
        if update_info.adapters:
            tensors = merged_tensors(path, Path(self.model_config.model))
        else:
            tensors = _tensors(_files(path))
        initialize_layerwise_reload(self.model)
        FileWeightTransfer.received = 0
        self.model.load_weights(self._counted(tensors))

    @staticmethod
    def _counted(
        tensors: Iterator[tuple[str, torch.Tensor]],
    ) -> Iterator[tuple[str, torch.Tensor]]:
        total = 0
        for name, tensor in tensors:
            total += bits_sum([tensor])
            yield name, tensor
        FileWeightTransfer.received = total % 2**64

    def finish_weight_update(self) -> None:
        from vllm.model_executor.model_loader.reload import finalize_layerwise_reload

        finalize_layerwise_reload(self.model, self.model_config)
        if self.device.type == "cpu":
            repack_tied_heads(self.model)

    def shutdown(self) -> None:
        pass


def held_sum(model: torch.nn.Module) -> int | None:
    """``bits_sum`` of a model's parameters; None where some were packed and given up, as CPUs do."""
    weights = list(model.parameters())
    return bits_sum(weights) if all(weight.numel() for weight in weights) else None


def bits_sum(weights: Iterable[torch.Tensor]) -> int:
    """Sum of all numbers' bits, read as integers: the same however tensors are fused, cut or ordered.

    Two checkpoints of the same type with different weights have different sums, but for chance.
    """
    total = 0
    for weight in weights:
        bits = weight.detach().contiguous().view(INTEGERS[weight.element_size()])
        total += int(bits.sum(dtype=torch.int64))
    return total % 2**64


INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integer type by bytes of a number."""


def repack_tied_heads(model: torch.nn.Module) -> None:
    """On CPUs an output layer multiplies with a packed copy of its weights, made at loading.

    A reload packs anew what it loaded, but a tied output layer is loaded as the embedding: without
    this it would go on with the weights of the first load.
    """
    for layer in model.modules():
        if isinstance(layer, ParallelLMHead):
            layer.quant_method.process_weights_after_loading(layer)


def _files(folder: Path) -> list[Path]:
    """The folder's weight files, each with a readable header."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"there are no safetensors in {folder}")
    for file in files:
        with safe_open(file, framework="pt"):
            pass
    return files


def _tensors(files: list[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            names: list[str] = tensors.keys()  # not a mapping: it cannot be iterated
            for name in names:
                yield name, tensors.get_tensor(name)


def register_backend() -> None:
    """Make ``BACKEND`` known in this process; again is no error."""
    if BACKEND not in WeightTransferEngineFactory._registry:
        WeightTransferEngineFactory.register_engine(BACKEND, FileWeightTransfer)
