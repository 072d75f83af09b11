"""How trained weights travel to the engines: by files, by CUDA IPC, or by NCCL.

The two for GPUs are vLLM's own trainer-side engines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from vllm.distributed.weight_transfer.base import ParamMeta

from arrol_serve.engine.plugin.adapters import ADAPTERS, FILE, header
from arrol_serve.engine.plugin.versions import weight_source
from arrol_serve.engine.plugin.weights import BACKEND
from arrol_serve.files import replacing
from trainer.engines.base import RolloutEngine, WeightClient
from trainer.errors import ConfigError, NoRoom
from trainer.sections import LoraSection, SyncSection

ENGINE_BACKENDS = {"path": BACKEND, "ipc": "ipc", "nccl": "nccl"}
"""``sync.backend`` to the name that vLLM's ``weight_transfer_config`` has for it."""


def sync_options(backend: str) -> dict[str, Any]:
    """Engine options that a sync needs."""
    return {
        "weight_transfer_config": {"backend": ENGINE_BACKENDS[backend]},
        # What the trainer compares with: after the temperature.
        "logprobs_mode": "processed_logprobs",
    }


class Transfer(Protocol):
    staged_bytes: int
    """Bytes that are sent next."""

    def stage(self, weights: Mapping[str, Tensor]) -> None:
        """Take what is to be sent: whole tensors by checkpoint name. On the first rank alone."""

    def stage_adapters(
        self, adapters: Mapping[str, Tensor], names: Sequence[str], dtype: torch.dtype
    ) -> None:
        """The same of ``adapters`` alone, for a model whose weights are ``names``."""

    def send(self, *, adapters: bool = False) -> None:
        """Bring what was staged, or the staged adapters, to every engine of this rank."""


def sends_adapters(sync: SyncSection, lora: LoraSection, *, remote: bool) -> bool:
    """Whether syncs send adapters alone. Raises ``ConfigError`` where they cannot and should."""
    can = lora.rank > 0 and sync.backend == "path"
    if sync.lora == "adapters" and not can:
        raise ConfigError(
            'sync.lora = "adapters" needs lora.rank above 0 and sync.backend = "path": without adapters, '
            "and between GPUs, the whole model is sent.",
            param="sync.lora",
        )
    return can and (sync.lora == "adapters" or (sync.lora == "auto" and not remote))


def check_backend(backend: str, ranks: int = 1, *, remote: bool, sleep: bool = False) -> None:
    """Raise ``ConfigError`` where ``sync.backend`` cannot work on this machine or in this set-up.

    ``remote``: rollouts come from replicas; ``sleep``: ``rollout.sleep``.
    """
    if sleep and not torch.cuda.is_available():
        raise ConfigError(
            "rollout.sleep gives a GPU's memory back, and this machine has no GPU that PyTorch can use: "
            "leave it out.",
            param="rollout.sleep",
        )
    if backend == "ipc" and ranks > 1:
        raise ConfigError(
            'sync.backend = "ipc" needs the engine in a process of its own, which torchrun\'s ranks do '
            'not have: use "path", or rollout.replicas with "nccl".',
            param="sync.backend",
        )
    if backend != "path" and not torch.cuda.is_available():
        raise ConfigError(
            f"sync.backend = {backend!r} moves weights between GPUs, and this machine has none that "
            'PyTorch can use: set sync.backend = "path".',
            param="sync.backend",
        )
    if backend == "ipc" and remote:
        raise ConfigError(
            'sync.backend = "ipc" shares memory with an engine beside the trainer; for '
            'rollout.replicas use "nccl", or "path" on a file system that all of them see.',
            param="sync.backend",
        )
    if backend == "nccl" and not remote:
        raise ConfigError(
            'sync.backend = "nccl" is for rollout.replicas: an engine on the trainer\'s own GPU '
            'cannot join its NCCL group. Use "ipc" or "path".',
            param="sync.backend",
        )


class FileTransfer:
    """Through a folder that trainer and engines see."""

    def __init__(self, client: WeightClient, folder: Path) -> None:
        self._client, self._folder = client, folder
        self.staged_bytes = 0
        folder.mkdir(parents=True, exist_ok=True)
        client.init_weight_transfer_engine({})

    def stage(self, weights: Mapping[str, Tensor]) -> None:
        """Raises ``NoRoom``."""
        self._write(self._folder / "model.safetensors", weights, None)

    def stage_adapters(
        self, adapters: Mapping[str, Tensor], names: Sequence[str], dtype: torch.dtype
    ) -> None:
        """``adapters`` alone, for the model whose weights are ``names``. Raises ``NoRoom``."""
        folder = self._folder / ADAPTERS
        folder.mkdir(exist_ok=True)
        self._write(folder / FILE, adapters, header(names, dtype))

    def _write(
        self, path: Path, weights: Mapping[str, Tensor], metadata: dict[str, str] | None
    ) -> None:
        self.staged_bytes = sum(weight.nbytes for weight in weights.values())
        try:
            with replacing(path) as part:
                save_file(dict(weights), part, metadata)
        except (OSError, SafetensorError) as error:  # a full disk has both names
            raise NoRoom(
                f"The weights for the engine could not be written to {self._folder} ({error}). "
                "Checkpoints are untouched: make room and run again with --resume auto."
            ) from error

    def send(self, *, adapters: bool = False) -> None:
        folder = self._folder / ADAPTERS if adapters else self._folder
        update = {"path": str(folder.resolve())} | ({"adapters": True} if adapters else {})
        self._client.start_weight_update()
        self._client.update_weights(update)
        self._client.finish_weight_update()


class StagedWeights(weight_source()):  # type: ignore[misc]  # vLLM's class is of its version
    """Weights as vLLM's transfers read them, on the GPU."""

    def __init__(self, weights: Mapping[str, Tensor], device: torch.device) -> None:
        self.weights, self._device = weights, device
        self._metadata = [ParamMeta(n, w.dtype, tuple(w.shape)) for n, w in weights.items()]

    def declared(self) -> list[ParamMeta]:
        return self._metadata

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, weight in self.weights.items():
            yield name, weight.to(self._device)


class GpuTransfer:
    """vLLM's CUDA IPC or NCCL transfer, from one rank."""

    def __init__(self, init_info: Any, client: WeightClient, weights: Mapping[str, Tensor]) -> None:
        from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory

        device = torch.device("cuda", torch.cuda.current_device())
        self._source = StagedWeights(weights, device)
        self.staged_bytes = 0
        self._engine = WeightTransferTrainerFactory.trainer_init(
            init_info, client=client, source=self._source
        )

    def stage(self, weights: Mapping[str, Tensor]) -> None:
        self._source.weights = weights
        self.staged_bytes = sum(weight.nbytes for weight in weights.values())

    def stage_adapters(
        self, adapters: Mapping[str, Tensor], names: Sequence[str], dtype: torch.dtype
    ) -> None:
        raise NotImplementedError("check_backend refuses adapters by themselves on this way")

    def send(self, *, adapters: bool = False) -> None:
        assert not adapters  # noqa: S101 - as above
        self._engine.send_weights()


def open_transfer(
    engine: RolloutEngine, weights: Mapping[str, Tensor], folder: Path, sync: SyncSection
) -> Transfer:
    """The transfer of ``sync.backend``, ready to send; ``weights`` say which there are."""
    if sync.backend == "path" or engine.world_size == 0:
        return FileTransfer(engine.client, folder)
    if sync.backend == "ipc":
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

        return GpuTransfer(IPCTrainerInitInfo(packed=True, rank=0), engine.client, weights)
    from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

    info = NCCLTrainerInitInfo(
        master_address=sync.address,
        master_port=sync.port,
        world_size=1 + engine.world_size,
        rank=0,
    )
    return GpuTransfer(info, engine.client, weights)
