"""A model's logits from its last hidden state, as its own forward pass makes them.

Some families do more to logits than the output layer does; leaving that out shifts log-probabilities by
nats. Shapes: N tokens, D hidden, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainer.errors import ModelError

PROBE_TOKENS = 8
TOLERANCE = 1e-3
"""Share of the largest logit: what summing in another order may change."""


class OutputLayer:
    """[N, D] -> [N, V] float32: the output layer, and what the model's configuration adds to it.

    ``logits_scaling`` divides (Granite), ``logit_scale`` multiplies (Cohere), and
    ``final_logit_softcapping`` bounds by tanh (Gemma).
    """

    def __init__(self, model: Any) -> None:
        config = model.config.get_text_config()
        self._layer = model.get_output_embeddings()
        self._scale = float(getattr(config, "logit_scale", None) or 1.0)
        self._scale /= float(getattr(config, "logits_scaling", None) or 1.0)
        self._cap = getattr(config, "final_logit_softcapping", None)

    def __call__(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self._layer(hidden).float()
        if self._scale != 1.0:
            logits = logits * self._scale
        if self._cap:
            logits = torch.tanh(logits / self._cap) * self._cap
        return logits


@torch.inference_mode()
def check_logits(model: Any) -> None:
    """Raise ``ModelError`` for a model that does something else to its logits."""
    size = model.config.get_text_config().vocab_size
    tokens = torch.arange(1, 1 + PROBE_TOKENS, device=model.device)[None] % size
    theirs = model(input_ids=tokens, use_cache=False).logits[0].float()
    hidden = model.base_model(input_ids=tokens, use_cache=False).last_hidden_state[0]
    ours = OutputLayer(model)(hidden)
    if not torch.allclose(ours, theirs, rtol=0, atol=TOLERANCE * float(theirs.abs().max())):
        raise ModelError(
            f"{type(model).__name__} changes its logits in a way that is not known here: its "
            "log-probabilities would be wrong. It cannot be trained or recomputed."
        )
