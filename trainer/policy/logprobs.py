"""Log-probabilities of completions under the model being trained."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from trainer.policy.batch import TokenBatch
from trainer.policy.logits import OutputLayer

LOGITS = 1 << 26
"""Logits held at once in float32 (256 MiB); more completion tokens than that go in chunks."""


def completion_logprobs(
    model: Any, batch: TokenBatch, temperature: float, *, limit: int = LOGITS
) -> Tensor:
    """[N] log-probabilities of the completion tokens at ``temperature``, in float32.

    The output layer sees completion positions only: prompts cost it nothing. Where N tokens have more
    than ``limit`` logits, chunks of tokens follow each other, and the backward pass computes each
    chunk's logits again instead of keeping them.
    """
    hidden = model.base_model(input_ids=batch.inputs, use_cache=False).last_hidden_state
    hidden, layer = hidden[batch.row, batch.position], OutputLayer(model)
    size = max(1, limit // model.config.get_text_config().vocab_size)
    if len(hidden) <= size:
        return _chosen(layer, hidden, batch.tokens, temperature)
    pairs = zip(torch.split(hidden, size), torch.split(batch.tokens, size), strict=True)
    return torch.cat([_chunk(layer, rows, tokens, temperature) for rows, tokens in pairs])


def _chosen(layer: OutputLayer, hidden: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    return -F.cross_entropy(layer(hidden) / temperature, tokens, reduction="none")


def _chunk(layer: OutputLayer, hidden: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    found: Tensor = checkpoint(
        _chosen, layer, hidden, tokens, temperature, use_reentrant=False, preserve_rng_state=False
    )
    return found
