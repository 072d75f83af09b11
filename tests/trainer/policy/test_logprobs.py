"""Log-probabilities in chunks, and layers computed again, change no value; memory stays bounded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from tests.paths import MODEL, ROOT
from tests.trainer.policy.test_loss import gradient, rows
from trainer.config import load_config
from trainer.policy.batch import token_batch
from trainer.policy.learner import Learner
from trainer.policy.logprobs import completion_logprobs

VOCABULARY, TOKENS = 150_000, 1024


def test_chunks_give_the_same_values_and_gradients() -> None:
    batch, found = token_batch(rows()), []
    for limit in (1 << 26, 3 * 400):
        model = Learner(MODEL, load_config(None).policy).model
        values = completion_logprobs(model, batch, 1.3, limit=limit)
        (values * torch.linspace(-1, 1, len(values))).sum().backward()
        slopes = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        found.append((values.detach(), torch.cat(slopes)))
    (whole, gradients), (parts, others) = found
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    # Sums in another order: single elements that nearly cancel may be off, the whole may not.
    assert (others - gradients).norm() < 1e-5 * gradients.norm()


def test_layers_computed_again_give_the_same_gradient() -> None:
    again = Learner(MODEL, load_config(None, ["optim.gradient_checkpointing=true"]).policy).model
    assert any(layer.training for layer in again.modules())
    plain = gradient(10_000)
    torch.testing.assert_close(gradient(10_000, "optim.gradient_checkpointing=true"), plain)


def growth(limit: int) -> int:
    """Bytes that one forward and backward pass of a large vocabulary adds to a process's peak."""
    code = f"from tests.trainer.policy.test_logprobs import measure; print(measure({limit}))"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout.splitlines()[-1])


def measure(limit: int) -> int:
    from trainer.policy.batch import TrainRow

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        tie_word_embeddings=True,
    )
    model = AutoModelForCausalLM.from_config(config)
    batch = token_batch([TrainRow((1,), (2,) * TOKENS, (-1.0,) * TOKENS, 1.0, 1.0)])
    before = peak()
    completion_logprobs(model, batch, 1.0, limit=limit).sum().backward()
    return peak() - before


def peak() -> int:
    """This process's largest resident size in bytes. ``ru_maxrss`` would include its parent's."""
    status = Path("/proc/self/status").read_text()
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
        * 1024
    )


def test_logits_of_a_large_vocabulary_are_never_held_whole() -> None:
    whole = VOCABULARY * TOKENS * 4
    assert growth(whole) > whole
    assert growth(VOCABULARY * 64) < whole / 2
