"""A step of every request, made up while vLLM measures memory, so that a real one finds room later.

vLLM samples for as many requests as there can be, and scoring takes most of its memory beside that: a copy
of float32 logits, the rows of some among others, the greatest logits of each row.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.scoring.fold import Fold, Places


class Rehearsal:
    """Scores whatever is sampled, as if all requests wanted everything; before any has begun."""

    def __init__(self, fold: Fold, slots: int) -> None:
        """``slots``: of the fold, whose tables it leaves as they are after a request has left."""
        self._fold, self._slots = fold, slots
        self._rows = torch.empty(0)

    def before(self, logits: Tensor) -> None:
        """[L, V]"""
        self._rows = torch.arange(len(logits), device=logits.device)
        nobody = np.empty((3, 0), np.int64)
        self._fold.before(Places(nobody, self._rows), logits, confidence=True)

    def after(self, sampled: Tensor) -> None:
        """[R, W]"""
        requests = np.arange(len(sampled), dtype=np.int64)
        starts = requests * (len(self._rows) // max(len(sampled), 1))
        numbers = np.stack([requests % self._slots, requests, starts])
        self._fold.after(Places(numbers, self._rows), sampled)
