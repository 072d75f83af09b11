"""What one update did, over all its micro-batches and ranks."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from trainer.policy.loss import LossSums
from trainer.ranks import Ranks
from trainer.stopwatch import Stopwatch


@dataclass(slots=True)
class UpdateReport:
    """Sums become means in ``metrics``."""

    steps: int = 0
    skipped: int = 0
    """Optimizer steps left out because their gradient was not finite."""
    from_engine: float = 0.0
    """Share of the rollouts whose old log-probabilities are the engine's."""
    loss: float = 0.0
    grad_norm: float = 0.0
    lr: float = 0.0
    clipped: float = 0.0
    terms: float = 0.0
    mismatch: list[Tensor] = field(default_factory=list)
    """Per token: the trainer's old log-probability minus the engine's."""
    clock: Stopwatch = field(default_factory=Stopwatch)
    """``logprob``: passes for old and reference log-probabilities alone; the first minibatch needs none for
    the old ones, its update's own forward pass gives them, with ratio 1. ``update``: the rest."""
    out_of_memory: int = 0
    """How often passes were made again with fewer tokens, in the end ``tokens_per_pass``."""
    tokens_per_pass: int = 0

    def add(self, sums: LossSums, mismatch: Tensor, total: float) -> None:
        """One micro-batch of an optimizer step with the denominator ``total``."""
        self.loss += sums.loss.item() / total
        self.clipped += sums.clipped
        self.terms += sums.terms
        if len(mismatch):
            self.mismatch.append(mismatch)

    def add_up(self, ranks: Ranks) -> None:
        """Every rank's sums instead of this one's."""
        if ranks.size == 1:
            return
        told = ranks.all(lambda: (self.loss, self.clipped, self.terms, self.mismatch))
        self.loss = sum(loss for loss, _, _, _ in told)
        self.clipped = sum(clipped for _, clipped, _, _ in told)
        self.terms = sum(terms for _, _, terms, _ in told)
        self.mismatch = [part for _, _, _, parts in told for part in parts]
