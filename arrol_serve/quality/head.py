"""The quality head: from hidden state and token statistics to the calibrated logit of being right."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arrol_serve.quality.statistics import STATISTICS

INPUTS = ("hidden", "statistics")


class QualityHead(nn.Module):
    """Two-layer MLP (ARRoL, arXiv 2603.24840, section 4) on a subset of ``INPUTS``.

    ``hidden`` is the last layer's state after the final norm, [R, D]; ``statistics`` is
    ``RunningStatistics.features``, [R, K]. Inputs are standardised with buffers that are part of
    the head, and the logit is calibrated by Platt scaling. Computes in float32.
    """

    input_mean: Tensor
    input_std: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(
        self, hidden_size: int, *, inputs: tuple[str, ...] = INPUTS, width: int = 64
    ) -> None:
        super().__init__()
        if not inputs or not set(inputs) <= set(INPUTS):
            raise ValueError(f"inputs must be a part of {INPUTS}, got {inputs}")
        self.hidden_size, self.inputs, self.width = hidden_size, inputs, width
        size = hidden_size * ("hidden" in inputs) + len(STATISTICS) * ("statistics" in inputs)
        self.layers = nn.Sequential(nn.Linear(size, width), nn.ReLU(), nn.Linear(width, 1))
        self.register_buffer("input_mean", torch.zeros(size))
        self.register_buffer("input_std", torch.ones(size))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def set_normalisation(self, hidden: Tensor, statistics: Tensor) -> None:
        """Take mean and spread of the inputs from training rows, [M, D] and [M, K]."""
        rows = self._join(hidden, statistics)
        self.input_mean.copy_(rows.mean(0))
        self.input_std.copy_(rows.std(0).clamp(min=1e-4))

    def set_calibration(self, scale: float, shift: float) -> None:
        """Platt's numbers: calibrated logit = scale * raw + shift."""
        self.scale.fill_(scale)
        self.shift.fill_(shift)

    def _join(self, hidden: Tensor, statistics: Tensor) -> Tensor:
        parts = {"hidden": hidden, "statistics": statistics}
        return torch.cat([parts[name].float() for name in self.inputs], dim=-1)

    def raw(self, hidden: Tensor, statistics: Tensor) -> Tensor:
        """Uncalibrated logits, [R]."""
        rows = (self._join(hidden, statistics) - self.input_mean).div_(self.input_std)
        logits: Tensor = self.layers(rows.clamp_(-10, 10))
        return logits.squeeze(-1)

    def forward(self, hidden: Tensor, statistics: Tensor) -> Tensor:
        """Calibrated logits, [R]; their sigmoid is the probability that the rollout ends right."""
        return self.scale * self.raw(hidden, statistics) + self.shift
