"""What travels between the parts: one sampled completion, its scores and its fate. Stdlib only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PRUNED_STOP_REASON = "arrol_pruned"
"""vLLM ``stop_reason`` of a rollout that its group's survival policy ended."""
BUDGET_STOP_REASON = "arrol_budget"
"""vLLM ``stop_reason`` of a rollout ended because its group spent its total-token cap."""


class Fate(StrEnum):
    """How a rollout ended."""

    FINISHED = "finished"
    """The model stopped by itself, or hit a stop string."""
    TRUNCATED = "truncated"
    """It ran into its length cap or the group's total-token cap."""
    PRUNED = "pruned"
    """The survival policy ended it inside the engine."""
    CANCELLED = "cancelled"
    """The search no longer needed it: the vote was decided, or the deadline passed."""


def fate_of(finish_reason: str | None, stop_reason: int | str | None) -> Fate:
    """The one mapping from vLLM's finish and stop reasons to ours."""
    if stop_reason == PRUNED_STOP_REASON:
        return Fate.PRUNED
    if finish_reason == "length" or stop_reason == BUDGET_STOP_REASON:
        return Fate.TRUNCATED
    return Fate.FINISHED if finish_reason == "stop" else Fate.CANCELLED


@dataclass(frozen=True, slots=True)
class ProbeScore:
    """A rollout's score when it crossed one probe."""

    tokens: int
    """Generated tokens at the probe."""
    score: float
    """Calibrated logit (scorer ``head``) or mean log-probability (scorer ``confidence``)."""
    survival: float
    """Probability with which it survived the probe (its propensity), in (0, 1]."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One candidate of a group, as it ended."""

    index: int
    """Position in its group; candidate i is sampled with seed + i."""
    text: str
    token_count: int
    """Tokens generated, the partial ones of pruned rollouts included."""
    fate: Fate
    quality: float | None = None
    """Calibrated probability of being right at the last token, from the quality head."""
    confidence: float | None = None
    """DeepConf signal at the last token: windowed mean of -log p over the top-k tokens."""
    probes: tuple[ProbeScore, ...] = ()

    @property
    def votes(self) -> bool:
        """Whether the rollout may vote: truncated and ended rollouts hold no settled answer."""
        return self.fate is Fate.FINISHED
