"""A quality head as the CPU's compiled arithmetic takes it."""

from __future__ import annotations

from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.scoring.host_fold import Floats
from arrol_serve.quality.head import QualityHead

_weights: WeakKeyDictionary[QualityHead, tuple[Any, ...]] = WeakKeyDictionary()


def judge(
    head: QualityHead, mine: Ints, rows: Ints, states: Floats, statistics: Floats, values: Floats
) -> None:
    """Its scores of ``mine`` of the M tokens into ``values`` [M, 3].

    ``rows`` [M]: where their states are in ``states`` [L, D]; ``statistics`` [M, K].
    """
    from arrol_serve.engine.plugin.scoring import host_kernels  # compiles; GPUs do without

    weights = _weights.get(head)
    if weights is None:
        weights = _weights[head] = _taken_from(head)
    size = ("hidden" in head.inputs) * states.shape[1]
    size += ("statistics" in head.inputs) * statistics.shape[1]
    if size != len(head.input_mean):  # compiled, nothing would look
        raise ValueError(f"a head of {len(head.input_mean)} inputs got {size}")
    host_kernels.judge(mine, rows, states, statistics, *weights, values)


def _taken_from(head: QualityHead) -> tuple[Any, ...]:
    first, last = cast(nn.Linear, head.layers[0]), cast(nn.Linear, head.layers[2])
    scales = [head.scale, head.shift, head.final_scale, head.final_shift]
    return (
        "hidden" in head.inputs,
        *(head.input_mean.numpy(), head.input_std.numpy()),
        *(first.weight.detach().numpy(), first.bias.detach().numpy()),
        *(last.weight.detach().numpy()[0], np.float32(last.bias.item())),
        torch.stack(scales).numpy(),
    )
