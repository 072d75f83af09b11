"""When the policy was at its best, by one figure of its evaluations, and whether to go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.held_out.figures import PREFIX
from trainer.sections import EvalSection


@dataclass(slots=True)
class Best:
    """State of a run; plain types."""

    step: int | None = None
    """None: nothing was evaluated yet."""
    value: float = 0.0
    since: int = 0
    """Evaluations in a row without a gain."""

    def saw(self, step: int, figures: Mapping[str, float | None], metric: str) -> bool:
        """Whether ``step`` is better than all before it. A figure that is not known counts for nothing."""
        value = figures.get(PREFIX + metric)
        if value is None:
            return False
        if self.step is None or value > self.value:
            self.step, self.value, self.since = step, value, 0
            return True
        self.since += 1
        return False

    def exhausted(self, patience: int) -> bool:
        """Whether to stop early; ``patience`` 0: never."""
        return 0 < patience <= self.since

    def ended(self, step: int, options: EvalSection) -> str:
        """Why a run has ended early, for people."""
        return (
            f"The run has ended early, at step {step}: {PREFIX}{options.keep_best} was best at step "
            f"{self.step} ({self.value:.4g}), and {self.since} evaluations have gained nothing since. To go "
            f"on, raise eval.patience ({options.patience}) and resume."
        )
