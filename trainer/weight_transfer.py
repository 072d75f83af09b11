"""How trained weights travel to the engines: by files, by CUDA IPC, or by NCCL.

The two for GPUs are vLLM's own trainer-side engines, fed with the learner's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from vllm.distributed.weight_transfer.base import ParamMeta, WeightSource

from arrol_serve.engine.plugin.weights import BACKEND
from arrol_serve.errors import ArrolError, InvalidRequest
from trainer.config import TrainConfig
from trainer.rollout_engine import RolloutEngine, WeightClient

ENGINE_BACKENDS = {"path": BACKEND, "ipc": "ipc", "nccl": "nccl"}
"""``sync.backend`` to the name that vLLM's ``weight_transfer_config`` has for it."""


class HasWeights(Protocol):
    def weights(self) -> dict[str, Tensor]:
        """Whole tensors by checkpoint name."""


class Transfer(Protocol):
    def send(self) -> None:
        """Bring the learner's weights of this moment to every engine."""


def check_backend(config: TrainConfig) -> None:
    """Raise ``InvalidRequest`` where ``sync.backend`` cannot work on this machine or in this set-up."""
    backend, remote = config.sync.backend, bool(config.rollout.replicas)
    if backend != "path" and not torch.cuda.is_available():
        raise InvalidRequest(
            f"sync.backend = {backend!r} moves weights between GPUs, and this machine has none that "
            'PyTorch can use: set sync.backend = "path".',
            param="sync.backend",
        )
    if backend == "ipc" and remote:
        raise InvalidRequest(
            'sync.backend = "ipc" shares memory with an engine beside the trainer; for '
            'rollout.replicas use "nccl", or "path" on a file system that all of them see.',
            param="sync.backend",
        )
    if backend == "nccl" and not remote:
        raise InvalidRequest(
            'sync.backend = "nccl" is for rollout.replicas: an engine on the trainer\'s own GPU '
            'cannot join its NCCL group. Use "ipc" or "path".',
            param="sync.backend",
        )


class NoRoom(ArrolError, RuntimeError):
    """Weights could not be written for the engines to read."""

    code = "no_room"


class FileTransfer:
    """Through a folder that trainer and engines see."""

    def __init__(self, client: WeightClient, learner: HasWeights, folder: Path) -> None:
        self._client, self._learner, self._folder = client, learner, folder
        folder.mkdir(parents=True, exist_ok=True)
        client.init_weight_transfer_engine({})

    def send(self) -> None:
        part = self._folder / "model.safetensors.part"
        try:
            save_file(self._learner.weights(), part)
            part.replace(self._folder / "model.safetensors")
        except (OSError, SafetensorError) as error:  # a full disk has both names
            part.unlink(missing_ok=True)
            raise NoRoom(
                f"The weights for the engine could not be written to {self._folder} ({error}). "
                "Checkpoints are untouched: make room and run again with --resume auto."
            ) from error
        self._client.start_weight_update()
        self._client.update_weights({"path": str(self._folder.resolve())})
        self._client.finish_weight_update()


class LearnerSource(WeightSource):
    """The learner's weights as vLLM's transfers read them, on the GPU."""

    def __init__(self, learner: HasWeights, device: torch.device) -> None:
        self._learner, self._device = learner, device
        self._metadata: list[ParamMeta] | None = None

    def metadata(self) -> list[ParamMeta]:
        """Does not change over a run, so weights are gathered for it once."""
        if self._metadata is None:
            weights = self._learner.weights()
            self._metadata = [ParamMeta(n, w.dtype, tuple(w.shape)) for n, w in weights.items()]
        return self._metadata

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        for name, weight in self._learner.weights().items():
            yield name, weight.to(self._device)


class GpuTransfer:
    """vLLM's CUDA IPC or NCCL transfer. The process's rank 0 sends; the others join its gathers."""

    def __init__(self, init_info: Any, client: WeightClient, learner: HasWeights) -> None:
        from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory

        device = torch.device("cuda", torch.cuda.current_device())
        source = LearnerSource(learner, device)
        self._engine = WeightTransferTrainerFactory.trainer_init(
            init_info, client=client, source=source
        )

    def send(self) -> None:
        self._engine.send_weights()


def open_transfer(
    engine: RolloutEngine, learner: HasWeights, folder: Path, config: TrainConfig, rank: int = 0
) -> Transfer:
    """The transfer of ``sync.backend``, ready to send."""
    sync = config.sync
    if sync.backend == "path":
        return FileTransfer(engine.client, learner, folder)
    if sync.backend == "ipc":
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

        return GpuTransfer(IPCTrainerInitInfo(packed=True, rank=rank), engine.client, learner)
    from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

    info = NCCLTrainerInitInfo(
        master_address=sync.address,
        master_port=sync.port,
        world_size=1 + engine.world_size,
        rank=rank,
    )
    return GpuTransfer(info, engine.client, learner)
