"""The model's weights spread over the ranks with FSDP2, and whole tensors out of them and back.

Every function that gathers is to be called by all ranks together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from trainer.policy.model import PolicyModel
from trainer.ranks import Ranks


def shard(policy: PolicyModel, ranks: Ranks, device: torch.device) -> PolicyModel:
    """Each block by itself, so that one block's weights are whole at a time, and then the rest."""
    if ranks.size == 1:
        return policy.to(device)
    lower = policy.dtype is not torch.float32
    options: dict[str, Any] = {
        "mesh": init_device_mesh(device.type, (ranks.size,)),
        "mp_policy": MixedPrecisionPolicy(
            param_dtype=policy.dtype if lower else None, reduce_dtype=torch.float32
        ),
        # The outermost module would stay whole after a pass without gradient: its parameters would not be
        # those that the optimizer has moments of, which is what a checkpoint asks for.
        "reshard_after_forward": True,
    }
    blocks = set(policy.inner._no_split_modules or ())
    for module in policy.inner.modules():
        if type(module).__name__ in blocks:
            fully_shard(module, **options)
    fully_shard(policy, **options)
    return policy


def whole(value: Tensor) -> Tensor:
    value = value.detach()
    return value.full_tensor() if isinstance(value, DTensor) else value


def spread(value: Tensor, like: Tensor) -> Tensor:
    """A tensor that every rank holds whole, laid out as ``like``."""
    value = value.to(like.device)
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)
