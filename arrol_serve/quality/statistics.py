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

_COUNT, _SUM, _MIN, _RECENT, _LAST, _ENTROPY_SUM, _ENTROPY_MAX, _ENTROPY_LAST = range(8)


class RunningStatistics:
    """A row per slot. All methods are vectorised over rows and never wait for the device."""

    def __init__(self, slots: int, device: torch.device) -> None:
        self._table = torch.zeros(slots, 8, device=device)

    def reset(self, slots: Tensor) -> None:
        """Forget what was in ``slots`` [R]."""
        self._table[slots] = 0.0

    def update(self, slots: Tensor, logprobs: Tensor, entropies: Tensor) -> None:
        """Add one sampled token per slot: its log-probability [R] and the step's entropy [R]."""
        old = self._table[slots]
        logprobs = logprobs.clamp(min=LOWEST)
        count = old[:, _COUNT]
        recent = torch.where(count == 0, logprobs, DECAY * old[:, _RECENT] + (1 - DECAY) * logprobs)
        self._table[slots] = torch.stack(
            [
                count + 1,
                old[:, _SUM] + logprobs,
                torch.minimum(old[:, _MIN], logprobs),
                recent,
                logprobs,
                old[:, _ENTROPY_SUM] + entropies,
                torch.maximum(old[:, _ENTROPY_MAX], entropies),
                entropies,
            ],
            dim=1,
        )

    def features(self, slots: Tensor) -> Tensor:
        """``[R, len(STATISTICS)]`` float32."""
        row = self._table[slots]
        count = row[:, _COUNT].clamp(min=1)
        return torch.stack(
            [
                row[:, _SUM],
                row[:, _SUM] / count,
                row[:, _MIN],
                row[:, _RECENT],
                row[:, _LAST],
                row[:, _ENTROPY_SUM] / count,
                row[:, _ENTROPY_MAX],
                row[:, _ENTROPY_LAST],
                torch.log1p(row[:, _COUNT]),
            ],
            dim=1,
        )
