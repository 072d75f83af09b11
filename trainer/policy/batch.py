"""What the policy is trained on: survivors with advantages, and their tensors.

Shapes: R rows (rollouts) of a micro-batch, L padded length, N completion tokens of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class TrainRow:
    """One survivor of a group that teaches something."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    engine_logprobs: tuple[float, ...]
    """The engine's log-probabilities of ``token_ids``, at the sampling temperature."""
    advantage: float
    weight: float

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + len(self.token_ids)


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """A micro-batch: padded inputs, and the completion tokens of all rows end to end."""

    inputs: Tensor
    """[R, L] token ids, padded on the right: causal attention never looks there."""
    row: Tensor
    """[N] which row a completion token is in."""
    position: Tensor
    """[N] where in ``inputs`` it is predicted: one before its own place."""
    tokens: Tensor
    """[N]"""
    rows: int

    def to(self, device: torch.device) -> TokenBatch:
        return TokenBatch(
            self.inputs.to(device),
            self.row.to(device),
            self.position.to(device),
            self.tokens.to(device),
            self.rows,
        )


def token_batch(rows: Sequence[TrainRow]) -> TokenBatch:
    longest = max(row.length for row in rows)
    inputs = torch.zeros(len(rows), longest, dtype=torch.long)
    places, positions, tokens = [], [], []
    for place, row in enumerate(rows):
        inputs[place, : row.length] = torch.tensor(row.prompt_ids + row.token_ids)
        places.append(torch.full((len(row.token_ids),), place))
        positions.append(torch.arange(len(row.token_ids)) + len(row.prompt_ids) - 1)
        tokens.append(torch.tensor(row.token_ids))
    return TokenBatch(inputs, torch.cat(places), torch.cat(positions), torch.cat(tokens), len(rows))
