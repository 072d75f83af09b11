"""Rows of a batch that live. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def survivors(output: Mapping[str, Any], alive: Sequence[bool], parts: int) -> dict[str, Any]:
    """Rows that live, and as many masked stubs of the others as ``parts`` equal parts need."""
    living = [i for i, lives in enumerate(alive) if lives]
    stubs = [i for i, lives in enumerate(alive) if not lives][: -len(living) % parts]
    rows = torch.tensor(living + stubs)
    return {
        name: value[rows.to(value.device)]
        if isinstance(value, Tensor) and value.dim() > 0 and len(value) == len(alive)
        else value
        for name, value in output.items()
    }
