"""A quality head as the CPU's compiled arithmetic takes it."""

from __future__ import annotations

from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from arrol_serve.quality.head import QualityHead

Floats = NDArray[np.float32]
_weights: WeakKeyDictionary[QualityHead, tuple[Any, ...]] = WeakKeyDictionary()


def judge(
    head: QualityHead, mine: NDArray[np.int64], states: Floats, statistics: Floats, values: Floats
) -> None:
    """Its scores of the rows ``mine`` into ``values`` [M, 3]; ``states`` [M, D], ``statistics`` [M, K]."""
    from arrol_serve.engine.plugin.scoring import host_kernels  # compiles; GPUs do without

    weights = _weights.get(head)
    if weights is None:
        weights = _weights[head] = _taken_from(head)
    host_kernels.judge(mine, states, statistics, *weights, values)


def _taken_from(head: QualityHead) -> tuple[Any, ...]:
    first, last = cast(nn.Linear, head.layers[0]), cast(nn.Linear, head.layers[2])
    scales = [head.scale, head.shift, head.final_scale, head.final_shift]
    return (
        *("hidden" in head.inputs, "statistics" in head.inputs),
        *(head.input_mean.numpy(), head.input_std.numpy()),
        *(first.weight.numpy(), first.bias.numpy()),
        *(last.weight.numpy()[0], np.float32(last.bias.item())),
        torch.stack(scales).numpy(),
    )
