"""The share of signal in made-up gradients whose share is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gradient_noise import lines, signal
from tests.trainer.made_up import rollout


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_what_two_gradients_have_in_common(share: float) -> None:
    """Weights of very different size, as layers have them: AdamW's metric takes that out."""
    rng = np.random.default_rng(3)
    sizes = 10 ** rng.uniform(-4, 0, 20_000)
    mean = np.sqrt(share) * rng.choice([-1, 1], 20_000)
    made = sizes * (mean + np.sqrt(1 - share) * rng.normal(size=(24, 20_000)))
    found, error = signal(made)
    assert found == pytest.approx(share, abs=0.01)
    assert error < 0.01


def test_groups_without_signal_give_no_rows() -> None:
    sampled = [rollout(right).sampled for right in (True, True, False, True)]
    right = [True, True, False, True]
    assert lines((sampled, right), 2) == []
    assert [line.advantage > 0 for line in lines((sampled, right), 3)] == [True, True, False]
