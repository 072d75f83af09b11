"""Small drafters for vLLM: one of EAGLE's kind for the bundled model, and a random model with an MTP layer.

Drafts of purely random weights would never be right. So the EAGLE drafter guesses the next hidden state from
the last one and the token that followed, by a matrix that least squares fit to some of the model's replies.
The other model would follow each token by a fixed other one, and its MTP layer guesses that; but for its own
layers, which have random weights.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from arrol_serve.quality.artifact import BaseModelFacts
from tests.paths import HEAD, MODEL
from tests.random_head import save_random_head

DRAFTS = 3
QUESTIONS = ("{0}*{1}+{2}-{3} = ?", "What is {2}*{0}-{1}+{3}?", "Compute {0}+{1}*{3}.")


@dataclass(frozen=True, slots=True)
class Drafting:
    """What an engine that drafts is made of."""

    model: Path
    head: Path
    speculative_config: Mapping[str, Any]


def drafting(method: str, folder: Path = MODEL) -> Drafting:
    """By n-grams, EAGLE or MTP; whatever ``folder`` lacks is made there."""
    if method == "ngram":
        lookup = {"prompt_lookup_min": 1, "prompt_lookup_max": 3}
        return Drafting(MODEL, HEAD, {"method": method, "num_speculative_tokens": 4, **lookup})
    known: dict[str, Any] = {"method": method, "num_speculative_tokens": DRAFTS}
    if method == "eagle":
        drafter = folder / "drafter"
        if not drafter.exists():
            _make_eagle(drafter)
        return Drafting(MODEL, HEAD, known | {"model": str(drafter)})
    model, head = folder / "model", folder / "head"
    if not model.exists():
        _make_mtp(model)
        _make_head(head)
    return Drafting(model, head, known)


def _make_eagle(folder: Path) -> None:
    config = json.loads((MODEL / "config.json").read_text())
    kept = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")
    own = {name: config[name] for name in (*kept, "head_dim", "vocab_size", "rms_norm_eps")}
    own |= {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 1}
    own |= {"max_position_embeddings": config["max_position_embeddings"], "dtype": "float32"}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(own))
    tensors = _idle_layer(own, "layers.0.")
    del tensors["layers.0.input_layernorm.weight"]  # of a first layer, which has none
    save_file({**tensors, "fc.weight": _next_state()}, folder / "model.safetensors")


def _next_state() -> Tensor:
    """[D, 2 D] from a token's embedding and the state before it to the state after it."""
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    inputs, states = [], []
    with torch.inference_mode():
        for ids in _replies(model):
            embedded = model.model.embed_tokens(ids)[0]
            hidden = model.model(input_ids=ids).last_hidden_state[0]
            inputs.append(torch.cat([embedded[1:], hidden[:-1]], dim=1))
            states.append(hidden[1:])
        x, y = torch.cat(inputs), torch.cat(states)
        ridge = torch.eye(x.shape[1]) * 1e-2 * len(x) / x.shape[1]
        found: Tensor = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    return found.T.contiguous()


def _replies(model: Any) -> list[Tensor]:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    found = []
    for number in range(9):
        numbers = (17 + 5 * number, 23 + number, 4 + 2 * number, 9 + number)
        question = QUESTIONS[number % len(QUESTIONS)].format(*numbers)
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )["input_ids"]
        found.append(model.generate(ids, max_new_tokens=80, do_sample=False, pad_token_id=0))
    return found


def _idle_layer(config: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    """A decoder layer of Llama's kind that adds nothing to its input."""
    width, inner, size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    shapes = {
        "self_attn.q_proj": (config["num_attention_heads"] * size, width),
        "self_attn.k_proj": (config["num_key_value_heads"] * size, width),
        "self_attn.v_proj": (config["num_key_value_heads"] * size, width),
        "self_attn.o_proj": (width, config["num_attention_heads"] * size),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }
    generator = torch.Generator().manual_seed(0)
    found = {
        f"{prefix}{name}.weight": torch.randn(shape, generator=generator) * 0.02
        for name, shape in shapes.items()
    }
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        found[f"{prefix}{name}.weight"].zero_()
    for name in ("input_layernorm", "post_attention_layernorm"):
        found[f"{prefix}{name}.weight"] = torch.ones(width)
    return found


MTP: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
}
SPREAD = 0.12
"""Of the random weights: with more of it drafts are seldom right, with less always."""


def _make_mtp(folder: Path) -> None:
    """MiMo's architecture: Qwen2 with layers that predict the token after the next one."""
    words = json.loads((MODEL / "config.json").read_text())
    special = {name: words[name] for name in ("vocab_size", "eos_token_id", "pad_token_id")}
    torch.manual_seed(0)
    config = Qwen2Config(
        **MTP,
        **special,
        max_position_embeddings=words["max_position_embeddings"],
        initializer_range=SPREAD,
        tie_word_embeddings=False,
        num_nextn_predict_layers=1,
    )
    model = Qwen2ForCausalLM(config).eval()
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_()
        order = torch.randperm(config.vocab_size)
        model.lm_head.weight[order] = model.model.embed_tokens.weight
        model.lm_head.weight[config.eos_token_id] *= 0.5  # which would end most replies early
    folder.mkdir(parents=True)
    told = config.to_dict() | {"architectures": ["MiMoForCausalLM"], "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(told))
    width, own = config.hidden_size, "model.mtp_layers.0."
    layer = _idle_layer(MTP | {"head_dim": width // MTP["num_attention_heads"]}, own)
    for name, size in (("q_proj", width), ("k_proj", width // 2), ("v_proj", width // 2)):
        layer[f"{own}self_attn.{name}.bias"] = torch.zeros(size)
    for name in ("token_layernorm", "hidden_layernorm", "final_layernorm"):
        layer[f"{own}{name}.weight"] = torch.ones(width)
    layer[f"{own}input_proj.weight"] = torch.cat([torch.zeros(width, width), torch.eye(width)], 1)
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights | layer, folder / "model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(MODEL / name, folder)


def _make_head(folder: Path) -> None:
    words = json.loads((MODEL / "config.json").read_text())
    facts = BaseModelFacts(
        name="arrol-drafting",
        architecture="MiMoForCausalLM",
        hidden_size=MTP["hidden_size"],
        num_layers=MTP["num_hidden_layers"],
        vocab_size=words["vocab_size"],
    )
    save_random_head(folder, facts, (12, 24))
