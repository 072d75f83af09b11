"""A step's logits and sampled tokens become each request's running statistics and confidence.

Shapes: L rows of logits, S scored requests, W tokens a request at most, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import Ends
from arrol_serve.engine.plugin.upload import upload
from arrol_serve.quality.head import QualityHead

CONFIDENCE_TOP_K = 20
"""Tokens averaged in DeepConf's token confidence (arXiv 2508.15260, equation 2)."""
FLOOR = -1e4
"""Keeps masked tokens out: 0 * -inf is not 0."""
LOWEST_TOP = -100.0
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the scored requests of a step are."""

    numbers: Ints
    """[3, S]: slots in the tables, lines in the sampled tokens, first of each one's rows among the L."""
    rows: Tensor | None
    """[L] among the step's rows of logits; None: all of them in order."""
    on_device: Tensor | None = None
    """``numbers`` once more, where the tables are on a device."""

    @property
    def slots(self) -> Ints:
        """[S]"""
        return self.numbers[0]

    @property
    def lines(self) -> Ints:
        """[S]"""
        return self.numbers[1]

    @property
    def starts(self) -> Ints:
        """[S]"""
        return self.numbers[2]

    def take(self, table: Tensor) -> Tensor:
        return table if self.rows is None else table[self.rows]

    def rows_of(self, read: Ints) -> Ints:
        """[M] among the step's rows, on the host; ``read``: among the L."""
        return read if self.rows is None else self.rows.numpy()[read]

    def stacked(self, device: torch.device) -> Tensor:
        """``numbers`` there."""
        return upload(self.numbers, device) if self.on_device is None else self.on_device


@dataclass(frozen=True, slots=True)
class Folded:
    """Figures after each new token of each request, on a device: only it knows which tokens are new."""

    features: Tensor
    """[S, W, len(STATISTICS)]"""
    confidence: Tensor | None = None
    """[S, W]"""


class Fold(Protocol):
    """Never waits for its device."""

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        """A request enters; ``window``: tokens that its confidence is the mean of."""

    def end(self, slot: int) -> None:
        """It has left."""

    def before(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        """Read the model's own distribution [L, V]: the sampler may scale it in place."""

    def after(self, places: Places, sampled: Tensor) -> Folded:
        """Add the sampled tokens, [R, W] with -1 where there is none."""

    def scores(
        self, head: QualityHead, places: Places, states: Tensor, folded: Folded
    ) -> Tensor | None:
        """[S, W, 3] of all tokens by one head, from the step's states; None: by tensor operations."""
