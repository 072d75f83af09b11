"""The model being trained, as one module from token ids to log-probabilities of completions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.errors import ModelError
from trainer.policy.adapters import add_adapters
from trainer.policy.batch import TokenBatch
from trainer.policy.logits import check_logits
from trainer.policy.logprobs import completion_logprobs
from trainer.policy.settings import PolicySettings
from trainer.precision import compute_dtype
from trainer.sections import OptimSection
from trainer.seeds import seed_for

SHOWN = 3
"""Missing tensors that are named."""


class PolicyModel(torch.nn.Module):
    """A transformers model with float32 weights that computes in ``dtype``.

    Everything goes through ``forward``: sharding hangs its gathers on that call.
    """

    def __init__(self, inner: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.inner, self.dtype = inner, dtype

    def forward(self, batch: TokenBatch, temperature: float) -> Tensor:
        """[N] float32 log-probabilities of the completion tokens."""
        lower = self.dtype is not torch.float32
        with torch.autocast(batch.inputs.device.type, dtype=self.dtype, enabled=lower):
            return completion_logprobs(self.inner, batch, temperature)


def initial_model(folder: Path, optim: OptimSection) -> PolicyModel:
    """As ``run.model`` has it, to be compared with."""
    return PolicyModel(load_model(folder), compute_dtype(optim))


def trained_model(folder: Path, settings: PolicySettings) -> PolicyModel:
    """With what the recipe puts into it: adapters, checkpointed layers."""
    inner = load_model(folder)
    if settings.lora.rank:
        add_adapters(inner, settings.lora, seed_for(settings.seed, "lora"))
        inner.eval()
    if settings.optim.gradient_checkpointing:
        _checkpoint_layers(inner)
    return PolicyModel(inner, compute_dtype(settings.optim))


def load_model(folder: Path) -> Any:
    """Raises ``ModelError`` for a model whose log-probabilities would come out wrong, and for a checkpoint
    without all of its tensors: transformers would make up the others."""
    from transformers import AutoModelForCausalLM

    model, loaded = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    if missing := sorted(loaded["missing_keys"]):
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise ModelError(
            f"run.model: the checkpoint in {folder} lacks {', '.join(missing[:SHOWN])}{more}, so that they "
            "would be random numbers. If its output layer is that of its input (tied), say "
            '"tie_word_embeddings": true in its config.json; else get the whole checkpoint.',
            param="run.model",
        )
    check_logits(model.eval())
    return model


def _checkpoint_layers(model: Any) -> None:
    """Transformers recomputes layers in training mode only; the rest stays without dropout."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    model.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.training = True  # of the layer alone: its dropouts stay off
