"""Log-probabilities of completions under the model being trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainer.batch import TokenBatch


def completion_logprobs(model: Any, batch: TokenBatch, temperature: float) -> Tensor:
    """[N] log-probabilities of the completion tokens at ``temperature``, in float32.

    The output layer sees completion positions only: prompts cost it nothing.
    """
    hidden = model.base_model(input_ids=batch.inputs, use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(hidden[batch.row, batch.position]).float()
    chosen = torch.log_softmax(logits / temperature, dim=-1).gather(1, batch.tokens[:, None])
    return chosen.squeeze(1)
