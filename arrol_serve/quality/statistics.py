"""Running statistics of each rollout's sampled tokens, kept as one tensor table."""

from __future__ import annotations

import torch
from torch import Tensor

STATISTICS = (
    "logprob_sum",
    "logprob_mean",
    "logprob_min",
    "logprob_recent",
    "logprob_last",
    "entropy_mean",
    "entropy_max",
    "entropy_last",
    "log_tokens",
)
"""Head inputs, in order. Log-probabilities and entropies are in nats, of the model's own
distribution (before temperature and penalties); ``recent`` is an exponential moving average."""

DECAY = 0.8
"""Decay of ``logprob_recent`` per token."""
LOWEST = -30.0
"""Log-probabilities are clamped here: structured output can force tokens of probability 0."""

COLUMNS = 8
COUNT, SUM, ENTROPY_SUM, NEGATIVE_MIN, ENTROPY_MAX, RECENT, LAST, ENTROPY_LAST = range(COLUMNS)
_SUMS, _MAXIMA = slice(COUNT, ENTROPY_SUM + 1), slice(NEGATIVE_MIN, ENTROPY_MAX + 1)


class RunningStatistics:
    """A row per slot. All methods are vectorised over rows and never wait for the device.

    Columns that are updated alike lie side by side: this runs in every step, and on small models
    the number of tensor operations is what it costs.
    """

    def __init__(self, slots: int, device: torch.device) -> None:
        self._table = torch.zeros(slots, COLUMNS, device=device)

    def reset(self, slots: Tensor) -> None:
        """Forget what was in ``slots`` [R]."""
        self._table.index_fill_(0, slots, 0.0)

    def update(
        self, slots: Tensor, logprobs: Tensor, entropies: Tensor, mask: Tensor | None = None
    ) -> None:
        """Add one sampled token per slot: its log-probability [R] and the step's entropy [R].

        ``mask`` [R]: false where there is none. None: everywhere is one.
        """
        old = self._table.index_select(0, slots)
        logprobs = logprobs.clamp(min=LOWEST)
        ones = torch.ones_like(logprobs)
        new = torch.stack(
            [ones, logprobs, entropies, -logprobs, entropies, logprobs, logprobs, entropies], dim=1
        )
        recent = torch.lerp(old[:, RECENT], logprobs, 1 - DECAY)
        new[:, RECENT] = torch.where(old[:, COUNT] == 0, logprobs, recent)
        new[:, _SUMS] += old[:, _SUMS]
        new[:, _MAXIMA] = torch.maximum(new[:, _MAXIMA], old[:, _MAXIMA])
        if mask is not None:
            new = torch.where(mask[:, None], new, old)
        self._table.index_copy_(0, slots, new)

    def features(self, slots: Tensor) -> Tensor:
        """``[R, len(STATISTICS)]`` float32."""
        row = self._table.index_select(0, slots)
        count = row[:, COUNT].clamp(min=1)
        return torch.stack(
            [
                row[:, SUM],
                row[:, SUM] / count,
                -row[:, NEGATIVE_MIN],
                row[:, RECENT],
                row[:, LAST],
                row[:, ENTROPY_SUM] / count,
                row[:, ENTROPY_MAX],
                row[:, ENTROPY_LAST],
                torch.log1p(row[:, COUNT]),
            ],
            dim=1,
        )
