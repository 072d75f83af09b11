"""The compiled normaliser and entropy against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arrol_serve.engine.plugin.scoring.host_entropy import read


@pytest.mark.parametrize("vocabulary", [1, 7, 353, 151_936])
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0, 40.0])
def test_they_are_those_of_float64(vocabulary: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    logits = torch.randn(4, vocabulary, generator=generator) * spread + 11
    logits[:, 2::5], logits[:, 3::50] = -torch.inf, -500.0  # masked, and all but
    distribution = np.empty((2, 4), np.float32)
    read(logits.numpy(), distribution)
    exact = logits.double().log_softmax(1)
    entropy = -(exact.exp() * exact.clamp(min=-1e9)).sum(1)
    normaliser = logits.double().logsumexp(1)
    found = torch.from_numpy(distribution).double()
    torch.testing.assert_close(found, torch.stack([normaliser, entropy]), rtol=2e-6, atol=2e-6)


def test_numbers_that_cannot_be_do_no_harm_to_other_rows() -> None:
    logits = np.zeros((4, 50), np.float32)
    logits[0], logits[1], logits[2, 7] = np.nan, -np.inf, np.inf
    distribution = np.empty((2, 4), np.float32)
    read(logits, distribution)
    np.testing.assert_allclose(distribution[:, 3], np.log(50), rtol=1e-6)
