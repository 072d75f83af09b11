"""Where the log-probabilities come from that an update's ratios start from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.policy.batch import TrainRow
from trainer.policy.loss import k3
from trainer.policy.settings import PolicySettings
from trainer.ranks import Ranks


class OldLogprobs:
    """By row. Of a minibatch whose rows are not ``known`` its own pass gives them, with ratio 1.

    With ``algorithm.old = "engine"`` the first minibatch of fresh rollouts has its own, which shows how far
    engine and trainer are apart before any weight has moved; as long as that is little, the engine's stand
    for all later ones. Rollouts that older weights sampled have another distance for a good reason: of these
    the engine's are taken if they were trusted when they were fresh.
    """

    def __init__(
        self, rows: Sequence[TrainRow], settings: PolicySettings, *, stale: bool, trusted: bool
    ) -> None:
        self.rows, self._settings = rows, settings
        self.known: dict[int, Tensor] = {}
        engine = settings.algorithm.old == "engine"
        self._all_engine = engine and stale and trusted
        self.undecided = engine and not stale and bool(rows)
        """Whether the first minibatch is still to be looked at."""
        self.engines: set[int] = set()
        """Rows whose old ones are the engine's."""

    def apart(self, order: list[int], size: int) -> list[int]:
        """Rows whose own are to be computed before the first minibatch, which has ``size`` rows."""
        if self._all_engine:
            self._take(order)
            return self.missing(order)
        if self.undecided:
            return []
        # The first minibatch's own pass is of the policy that sampled, unless dropout changes it.
        return order if self._settings.lora.dropout > 0 else order[size:]

    def decide(self, rest: list[int], mismatch: Sequence[Tensor], ranks: Ranks) -> bool:
        """Take the engine's for ``rest`` if the trainer, in ``mismatch``, agrees with it so far."""
        self.undecided = False
        away = torch.cat(list(mismatch)).double() if mismatch else torch.zeros(0)
        told = ranks.all(lambda: (float(k3(away, torch.zeros_like(away)).sum()), len(away)))
        total, count = sum(part for part, _ in told), sum(size for _, size in told)
        trusted = total <= self._settings.algorithm.mismatch_limit * count  # NaN is not
        if trusted:
            self._take(rest)
        return trusted

    def missing(self, places: list[int]) -> list[int]:
        return [i for i in places if i not in self.known]

    @property
    def share(self) -> float:
        return len(self.engines) / max(1, len(self.rows))

    def _take(self, places: list[int]) -> None:
        for i in places:
            found = torch.tensor(self.rows[i].engine_logprobs)
            if not found.isnan().any():  # the engine did not say
                self.known[i] = found
                self.engines.add(i)
