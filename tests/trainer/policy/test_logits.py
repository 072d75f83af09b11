"""Logits as the model's own forward pass makes them, for families that do more than one layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from trainer.errors import ModelError
from trainer.policy.batch import TrainRow, token_batch
from trainer.policy.logits import check_logits
from trainer.policy.logprobs import completion_logprobs

SHAPE: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MODELS = {
    "Llama": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE)),
    "Granite": lambda: GraniteForCausalLM(GraniteConfig(**SHAPE, logits_scaling=8.0)),
    "Cohere": lambda: CohereForCausalLM(CohereConfig(**SHAPE, logit_scale=0.0625)),
    "Gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**SHAPE, final_logit_softcapping=0.5)),
}


def model(name: str) -> Any:
    torch.manual_seed(0)
    made = MODELS[name]().eval()
    for weight in made.parameters():  # far from 0, so that every bend of the logits shows
        weight.data.normal_(std=0.3)
    return made


@pytest.mark.parametrize("name", MODELS)
def test_log_probabilities_are_the_models_own(name: str) -> None:
    made = model(name)
    prompt, reply, temperature = (5, 6, 7), (8, 9, 10, 11), 1.3
    rows = [TrainRow(prompt, reply, (0.0,) * 4, 1.0, 1.0)]
    with torch.no_grad():
        ours = completion_logprobs(made, token_batch(rows), temperature)
        logits = made(torch.tensor([prompt + reply])).logits[0, 2:6] / temperature
    theirs = torch.log_softmax(logits.float(), -1)[range(4), list(reply)]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    check_logits(made)


def test_what_is_not_known_is_refused_by_name() -> None:
    class Bent(LlamaForCausalLM):  # type: ignore[misc]
        def forward(self, *args: Any, **options: Any) -> Any:
            found = super().forward(*args, **options)
            found.logits = found.logits * 1.1
            return found

    with pytest.raises(ModelError, match="Bent changes its logits"):
        check_logits(Bent(LlamaConfig(**SHAPE)).eval())
