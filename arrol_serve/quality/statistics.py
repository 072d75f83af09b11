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
"""Of ``logprob_recent``, per token."""
LOWEST = -30.0
"""Log-probabilities are clamped here: structured output can force tokens of probability 0."""

_COUNT, _SUM, _ENTROPY_SUM, _NEGATIVE_MIN, _ENTROPY_MAX, _RECENT, _LAST, _ENTROPY_LAST = range(8)
_SUMS, _MAXIMA = slice(_COUNT, _ENTROPY_SUM + 1), slice(_NEGATIVE_MIN, _ENTROPY_MAX + 1)


class RunningStatistics:
    """A row per slot. All methods are vectorised over rows and never wait for the device.

    Columns that are updated alike lie side by side: this runs in every step, and on small models
    the number of tensor operations is what it costs.
    """

    def __init__(self, slots: int, device: torch.device) -> None:
        self._table = torch.zeros(slots, 8, device=device)

    def reset(self, slots: Tensor) -> None:
        """Forget what was in ``slots`` [R]."""
        self._table[slots] = 0.0

    def update(self, slots: Tensor, logprobs: Tensor, entropies: Tensor) -> None:
        """Add one sampled token per slot: its log-probability [R] and the step's entropy [R]."""
        old = self._table.index_select(0, slots)
        logprobs = logprobs.clamp(min=LOWEST)
        ones = torch.ones_like(logprobs)
        new = torch.stack(
            [ones, logprobs, entropies, -logprobs, entropies, logprobs, logprobs, entropies], dim=1
        )
        recent = torch.lerp(old[:, _RECENT], logprobs, 1 - DECAY)
        new[:, _RECENT] = torch.where(old[:, _COUNT] == 0, logprobs, recent)
        new[:, _SUMS] += old[:, _SUMS]
        new[:, _MAXIMA] = torch.maximum(new[:, _MAXIMA], old[:, _MAXIMA])
        self._table.index_copy_(0, slots, new)

    def features(self, slots: Tensor) -> Tensor:
        """``[R, len(STATISTICS)]`` float32."""
        row = self._table.index_select(0, slots)
        count = row[:, _COUNT].clamp(min=1)
        return torch.stack(
            [
                row[:, _SUM],
                row[:, _SUM] / count,
                -row[:, _NEGATIVE_MIN],
                row[:, _RECENT],
                row[:, _LAST],
                row[:, _ENTROPY_SUM] / count,
                row[:, _ENTROPY_MAX],
                row[:, _ENTROPY_LAST],
                torch.log1p(row[:, _COUNT]),
            ],
            dim=1,
        )
