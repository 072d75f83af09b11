"""The clipped policy loss. GRPO: equal clips; DAPO: a higher upper clip; GSPO: ratios of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.policy.batch import TokenBatch, TrainRow
from trainer.sections import AlgorithmSection

LIMIT = 20.0
"""Log-ratios are clamped here before they are exponentiated."""


@dataclass(frozen=True, slots=True)
class LossInputs:
    """[N] per completion token but for ``advantage`` and ``weight``, [R] per rollout."""

    new: Tensor
    """Log-probabilities with gradient."""
    old: Tensor
    """By the policy before this batch's first update, without gradient."""
    engine: Tensor
    """As the engine sampled them; NaN: it did not say, which counts as no difference."""
    reference: Tensor | None
    """By the initial model; needed where ``kl_weight`` is above 0."""
    advantage: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True)
class LossSums:
    """Sums over a micro-batch: divide by ``denominator`` of all micro-batches together."""

    loss: Tensor
    """Differentiable."""
    clipped: float
    """Terms whose clip was in force."""
    terms: float

    def detached(self) -> LossSums:
        """Without what its gradient is computed from."""
        return LossSums(self.loss.detach(), self.clipped, self.terms)


def policy_loss(batch: TokenBatch, inputs: LossInputs, options: AlgorithmSection) -> LossSums:
    """Sum of -w c min(ratio A, clip(ratio) A) + kl_weight k3 over tokens, or over sequences (GSPO).

    c = min(exp(old - engine), truncate_ratio) is detached: truncated importance sampling.
    """
    change = (inputs.new - inputs.old).clamp(-LIMIT, LIMIT)
    mismatch = (inputs.old - inputs.engine).nan_to_num(nan=0.0).clamp(-LIMIT, LIMIT)
    advantage, weight = inputs.advantage, inputs.weight
    if options.sequence_ratio:
        change, mismatch = _row_mean(change, batch), _row_mean(mismatch, batch)
    else:
        advantage, weight = advantage[batch.row], weight[batch.row]
    ratio = change.exp()
    low, high = options.clips
    kept = ratio.clamp(1 - low, 1 + high)
    gain = torch.minimum(ratio * advantage, kept * advantage)
    trust = mismatch.exp().clamp(max=options.truncate_ratio).detach()
    loss = -(weight * trust * gain).sum()
    if options.kl_weight > 0:
        if inputs.reference is None:
            raise ValueError("kl_weight needs the reference's log-probabilities")
        away = k3(inputs.new, inputs.reference)
        away = _row_mean(away, batch) if options.sequence_ratio else away
        loss = loss + options.kl_weight * away.sum()
    clipped = (gain < ratio * advantage).sum().item()
    return LossSums(loss, float(clipped), float(ratio.numel()))


def k3(new: Tensor, reference: Tensor) -> Tensor:
    """Schulman's estimate of KL(new || reference) per token: exp(d) - d - 1, d = reference - new."""
    d = (reference - new).clamp(-LIMIT, LIMIT)
    return d.exp() - d - 1


def denominator(
    rows: Sequence[TrainRow], sampled: float, max_tokens: int, options: AlgorithmSection
) -> float:
    """What the loss sums of one optimizer step are divided by, all micro-batches together.

    GRPO and DAPO: its tokens; GSPO: its sequences; with ``correction = "ipw"`` each counts by its weight,
    so that they stand for all that were sampled. Dr. GRPO: a constant, the rollouts sampled for this
    step, with signal or without, pruned or not, times the longest allowed.
    """
    if options.dr_grpo:
        return sampled * max_tokens
    ipw = options.correction == "ipw"
    sizes = (1 if options.sequence_ratio else len(row.token_ids) for row in rows)
    return float(
        sum(size * (row.weight if ipw else 1) for size, row in zip(sizes, rows, strict=True))
    )


def _row_mean(values: Tensor, batch: TokenBatch) -> Tensor:
    """[N] -> [R]: the mean over each row's completion tokens."""
    sums = values.new_zeros(batch.rows).index_add(0, batch.row, values)
    return sums / torch.bincount(batch.row, minlength=batch.rows)
