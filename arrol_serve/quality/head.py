"""The quality head: from hidden state and token statistics to the calibrated logit of being right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from arrol_serve.quality.statistics import STATISTICS

INPUTS = ("hidden", "statistics")
FARTHEST = 10.0
"""Standard deviations from the mean at which an input is cut off."""


class QualityHead(nn.Module):
    """Two-layer MLP (ARRoL, arXiv 2603.24840, section 4) on a subset of ``INPUTS``.

    ``hidden`` is the last layer's state after the final norm, [R, D]; ``statistics`` is
    ``RunningStatistics.features``, [R, K]. Inputs are standardised with buffers that are part of
    the head, and the logit is calibrated by Platt scaling, at the last token by another pair than
    at the tokens before. Computes in float32.
    """

    input_mean: Tensor
    input_std: Tensor
    scale: Tensor
    shift: Tensor
    final_scale: Tensor
    final_shift: Tensor

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
        for name in ("scale", "shift", "final_scale", "final_shift"):
            self.register_buffer(name, torch.tensor(float(name.endswith("scale"))))
        self.register_load_state_dict_pre_hook(_one_calibration_for_all)  # type: ignore[no-untyped-call]

    def set_normalisation(self, hidden: Tensor, statistics: Tensor) -> None:
        """Take mean and spread of the inputs from training rows, [M, D] and [M, K]."""
        rows = self._join(hidden, statistics)
        self.input_mean.copy_(rows.mean(0))
        self.input_std.copy_(rows.std(0).clamp(min=1e-4))

    def set_calibration(
        self, scale: float, shift: float, final: tuple[float, float] | None = None
    ) -> None:
        """Platt's numbers: calibrated logit = scale * raw + shift. ``final``: of the last token."""
        pairs = {"": (scale, shift), "final_": final or (scale, shift)}
        for prefix, (slope, offset) in pairs.items():
            getattr(self, f"{prefix}scale").fill_(slope)
            getattr(self, f"{prefix}shift").fill_(offset)

    def _join(self, hidden: Tensor, statistics: Tensor) -> Tensor:
        parts = {"hidden": hidden, "statistics": statistics}
        return torch.cat([parts[name].float() for name in self.inputs], dim=-1)

    def raw(self, hidden: Tensor, statistics: Tensor) -> Tensor:
        """Uncalibrated logits, [R]."""
        rows = (self._join(hidden, statistics) - self.input_mean).div_(self.input_std)
        first: nn.Linear = self.layers[0]  # type: ignore[assignment]
        last: nn.Linear = self.layers[2]  # type: ignore[assignment]
        # Without the modules' calls: for a few rows these take longer than what they do.
        inner = torch.relu(
            functional.linear(rows.clamp_(-FARTHEST, FARTHEST), first.weight, first.bias)
        )
        return functional.linear(inner, last.weight, last.bias).squeeze(-1)

    def calibrated(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Raw logits as they are to be read at a probe, and at a rollout's last token."""
        return self.scale * raw + self.shift, self.final_scale * raw + self.final_shift

    def forward(self, hidden: Tensor, statistics: Tensor) -> Tensor:
        """Calibrated logits, [R]; their sigmoid is the probability that the rollout ends right."""
        return self.calibrated(self.raw(hidden, statistics))[0]


def _one_calibration_for_all(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Heads of before there were two."""
    for name in ("scale", "shift"):
        if f"{prefix}{name}" in state:
            state.setdefault(f"{prefix}final_{name}", state[f"{prefix}{name}"])
