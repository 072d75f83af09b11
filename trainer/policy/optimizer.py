"""The optimizer that a recipe names, over what is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from trainer.errors import ConfigError
from trainer.sections import OptimSection


def make_optimizer(
    weights: Sequence[torch.nn.Parameter], options: OptimSection, ranks: int
) -> torch.optim.Optimizer:
    """``optim.name``. Raises ``ConfigError`` where its package is missing, or it cannot be sharded."""
    if options.name == "adamw":
        return torch.optim.AdamW(weights, lr=options.lr, weight_decay=options.weight_decay)
    if ranks > 1:
        raise _refused("its moments cannot be sharded over torchrun's ranks")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise _refused("it needs bitsandbytes: pip install 'arrol-serve[bitsandbytes]'") from error
    made: torch.optim.Optimizer = AdamW8bit(
        weights, lr=options.lr, weight_decay=options.weight_decay
    )
    return made


def _refused(why: str) -> ConfigError:
    return ConfigError(f"optim.name adamw8bit: {why}.", param="optim.name")
