"""The online binned posterior of success given the score (ARRoL, arXiv 2603.24840), NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arrol_serve.quality.calibration import sigmoid

MAX_SHIFT = 4.0
"""As of ``pruning.arrol``, which takes the shift."""


class BinnedPosterior:
    """Counts of right and wrong over B bins of sigmoid(score), with exponential forgetting.

    q(b) = pi P(b|1) / (pi P(b|1) + (1 - pi) P(b|0)), with Laplace-smoothed
    P(b|y) = (c_b^y + alpha) / (sum c^y + alpha B) and pi the share of right ones. Each rollout counts
    1 / propensity times, in all of the counts: survivors then give the q(b) of all rollouts, whatever
    their survival depended on (siblings, a later probe).
    """

    def __init__(self, bins: int = 128, alpha: float = 1.0, decay: float = 1.0) -> None:
        self.bins, self.alpha, self.decay = bins, alpha, decay
        self.counts: NDArray[np.float64] = np.zeros((2, bins))

    def observe(
        self, scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
    ) -> None:
        """Add finished rollouts; what was there before fades by ``decay``. ``weights``: 1 if left out."""
        s, y = np.asarray(scores, np.float64), np.asarray(labels, bool).astype(int)
        self.counts *= self.decay
        np.add.at(self.counts, (y, self.bin_of(s)), 1.0 if weights is None else weights)

    def bin_of(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """b = min(B - 1, floor(B sigmoid(score)))."""
        probability = sigmoid(scores)
        return np.minimum(self.bins - 1, (self.bins * probability).astype(np.int64))

    def posterior(self) -> NDArray[np.float64]:
        """q for every bin, [B]; one half everywhere before anything was observed."""
        smooth = self.counts + self.alpha
        likelihood = smooth / smooth.sum(1, keepdims=True)
        prior = (self.counts[1].sum() + self.alpha) / (self.counts.sum() + 2 * self.alpha)
        right, wrong = prior * likelihood[1], (1 - prior) * likelihood[0]
        return np.asarray(right / (right + wrong))


def solve_delta(
    q: ArrayLike,
    *,
    kappa: float = 0.5,
    rho: float = 0.5,
    lam: float = 0.5,
    p_min: float = 0.1,
    p_max: float = 0.9,
) -> float:
    """The shift that makes the mean survival over rollouts with posteriors ``q`` equal kappa.

    Where [p_min, p_max] does not reach kappa, one that comes as near as it does.
    """
    values = np.asarray(q, np.float64)

    def mean(delta: float) -> float:
        return float(np.clip(kappa + delta + lam * (rho - values), p_min, p_max).mean())

    low, high = -MAX_SHIFT, MAX_SHIFT
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < kappa else (low, middle)
    return (low + high) / 2
