"""Optimizers by name: what is missing is said, and an 8-bit one goes on where it was saved."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.paths import MODEL
from tests.trainer.policy.test_loss import rows
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.policy.learner import Learner
from trainer.policy.optimizer import make_optimizer

EIGHT = load_config(None, ["optim.name=adamw8bit", "optim.lr=1e-3"]).policy
HAS = importlib.util.find_spec("bitsandbytes") is not None


@pytest.mark.skipif(HAS, reason="bitsandbytes is installed")
def test_a_missing_package_is_named_with_its_extra_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"pip install 'arrol-serve\[bitsandbytes\]'"):
        make_optimizer([torch.nn.Parameter(torch.zeros(2))], EIGHT.optim, 1)


def test_what_cannot_be_sharded_is_refused() -> None:
    with pytest.raises(ConfigError, match="sharded over torchrun's ranks"):
        make_optimizer([torch.nn.Parameter(torch.zeros(2))], EIGHT.optim, 2)


@pytest.mark.skipif(not HAS, reason="needs the extra bitsandbytes")
def test_an_8_bit_optimizer_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    once, batch = Learner(MODEL, EIGHT), rows()
    once.update(batch, 0)
    save_file(once.state.model(), tmp_path / "w.safetensors")
    torch.save(once.state.optimizer(), tmp_path / "state.pt")
    again = Learner(MODEL, EIGHT)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again.state.load(tmp_path / "w.safetensors", state)
    for learner in (once, again):
        learner.update(batch, 1)
    for name, value in once.weights().items():
        assert torch.equal(again.weights()[name], value), name
    moments = [v for s in state.values() for v in s.values() if isinstance(v, torch.Tensor)]
    assert any(moment.dtype == torch.uint8 for moment in moments)
    assert any(
        not torch.equal(once.weights()[n], w) for n, w in Learner(MODEL, EIGHT).weights().items()
    )
