"""The fold by tensor operations alone: what the kernels are checked against, and stand in for them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import Ends
from arrol_serve.engine.plugin.scoring.fold import (
    CONFIDENCE_TOP_K,
    FLOOR,
    LOWEST_TOP,
    Folded,
    Places,
)
from arrol_serve.engine.plugin.upload import upload
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality.statistics import RunningStatistics


class TensorFold:
    """``Fold`` on any device, without waiting for it: the host knows nothing, so all scores are wanted."""

    def __init__(self, slots: int, device: torch.device) -> None:
        self._device = device
        self._statistics = RunningStatistics(slots, device)
        self._window = torch.zeros(slots, CONFIDENCE_WINDOW, device=device)
        self._length = torch.zeros(slots, dtype=torch.long, device=device)
        self._size = torch.ones(slots, dtype=torch.long, device=device)
        self._sum = torch.zeros(slots, device=device)
        self._logprobs: Tensor | None = None
        self._confident = False

    def begin(self, slot: int, window: int, ends: Ends) -> None:  # noqa: ARG002  # every score counts
        at = upload(np.array([slot], np.int64), self._device)
        self._statistics.reset(at)
        self._length.index_fill_(0, at, 0)
        self._size.index_fill_(0, at, window)
        self._sum.index_fill_(0, at, 0.0)

    def end(self, slot: int) -> None:
        pass

    def before(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        self._logprobs = torch.log_softmax(places.take(logits).float(), dim=-1)
        self._confident = confidence

    def after(self, places: Places, sampled: Tensor) -> Folded:
        logprobs, self._logprobs = self._logprobs, None
        assert logprobs is not None  # noqa: S101  # ``before`` was called
        slots, lines, starts = places.stacked(self._device)
        entropy = -torch.linalg.vecdot(logprobs.exp(), logprobs.clamp(min=FLOOR))
        features, confidence = [], []
        for j in range(sampled.shape[1]):
            tokens = sampled[lines, j].long()
            new = tokens >= 0
            rows = (starts + j).clamp_(max=len(logprobs) - 1)
            chosen = logprobs[rows].gather(1, tokens.clamp(min=0)[:, None]).squeeze(1)
            self._statistics.update(slots, chosen, entropy[rows], new)
            features.append(self._statistics.features(slots))
            if self._confident:
                confidence.append(self._windowed(slots, logprobs[rows], new))
        seen = torch.stack(confidence, dim=1) if confidence else None
        return Folded(torch.stack(features, dim=1), seen)

    def scores(self, *_: object) -> None:
        return None

    def _windowed(self, slots: Tensor, logprobs: Tensor, new: Tensor) -> Tensor:
        top = logprobs.topk(min(CONFIDENCE_TOP_K, logprobs.shape[-1]), dim=-1).values
        token = -top.clamp(min=LOWEST_TOP).mean(-1)
        length, size = self._length[slots], self._size[slots]
        oldest = self._window[slots, (length - size) % CONFIDENCE_WINDOW]
        leaving = oldest.masked_fill(length < size, 0.0)
        place = length % CONFIDENCE_WINDOW
        self._window[slots, place] = torch.where(new, token, self._window[slots, place])
        self._length[slots] = length + new
        self._sum[slots] += (token - leaving).masked_fill(~new, 0.0)
        return self._sum[slots] / torch.minimum(length + new, size).clamp(min=1)
