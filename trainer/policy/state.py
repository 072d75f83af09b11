"""What is trained, as whole tensors by name: for checkpoints of any number of ranks, and for engines."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from trainer.policy.adapters import apart, merged
from trainer.policy.model import PolicyModel
from trainer.policy.sharding import spread, whole


class LearnerState:
    """All ranks call each method together."""

    def __init__(self, policy: PolicyModel, optimizer: torch.optim.Optimizer) -> None:
        self._policy, self._optimizer = policy, optimizer

    def trained(self) -> dict[str, torch.nn.Parameter]:
        """What the optimizer moves, by name: with ``lora.rank`` the adapters alone. Tied ones once."""
        named = self._policy.inner.named_parameters()
        return {name: weight for name, weight in named if weight.requires_grad}

    def model(self) -> dict[str, Tensor]:
        """What a checkpoint has to hold of ``trained``."""
        return {name: whole(weight).cpu().contiguous() for name, weight in self.trained().items()}

    def optimizer(self) -> dict[str, dict[str, Any]]:
        """Moments and step counts by the parameters' names; settings come from the recipe."""
        return {
            name: {
                key: whole(value).cpu() if isinstance(value, Tensor) else value
                for key, value in self._optimizer.state[weight].items()
            }
            for name, weight in self.trained().items()
        }

    @torch.no_grad()
    def load(self, file: Path, optimizer: Mapping[str, Mapping[str, Any]]) -> None:
        """Exactly what ``model``, in ``file``, and ``optimizer`` gave, on however many ranks."""
        self.load_model(file)
        for name, weight in self.trained().items():
            self._optimizer.state[weight] = {
                key: _placed(value, weight) for key, value in copy.deepcopy(optimizer[name]).items()
            }

    @torch.no_grad()
    def load_model(self, file: Path) -> None:
        saved, trained = load_file(file), self.trained()
        if saved.keys() != trained.keys():
            odd = sorted(saved.keys() ^ trained.keys())
            raise ValueError(f"{file} is not of this model: {odd[:3]}")
        for name, weight in trained.items():
            weight.copy_(spread(saved[name], weight))

    @torch.no_grad()
    def weights(self, *, keep: bool = True) -> dict[str, Tensor]:
        """The whole policy in ``optim.dtype`` by checkpoint name, adapters merged in; tied ones once.

        Without ``keep`` it takes part in gathering them, and returns none.
        """
        dtype = self._policy.dtype
        pairs = merged(self._policy.inner, whole)
        return {name: value.to(dtype).contiguous() for name, value in pairs if keep}

    @torch.no_grad()
    def adapters(self) -> dict[str, Tensor]:
        """All that training has added to the base model: what a sync of adapters sends."""
        pairs = apart(self._policy.inner, whole)
        return {name: value.cpu().contiguous() for name, value in pairs}


def _placed(value: Any, weight: Tensor) -> Any:
    """A part of an optimizer's state where the optimizer has it: moments as their weight, the scales of 8-bit
    ones on its device, step counts as they are."""
    if not isinstance(value, Tensor) or value.dim() == 0:
        return value
    return spread(value, weight) if value.shape == weight.shape else value.to(weight.device)
