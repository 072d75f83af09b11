"""Folders of models with real shapes: a configuration, the bundled tokenizer, a random head. No weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from arrol_serve.bundled import MODEL
from arrol_serve.quality.artifact import BaseModelFacts, HeadManifest, save_head
from arrol_serve.quality.head import QualityHead

WIDTH = 64
"""Width of the head."""
END = 4
"""The bundled tokenizer's end of a reply."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a dense decoder, as its ``config.json`` has them."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    context: int = 4096
    family: str = "qwen3"

    def config(self) -> dict[str, Any]:
        """``config.json``, with the bundled tokenizer's special tokens."""
        names = {"qwen3": "Qwen3ForCausalLM", "llama": "LlamaForCausalLM"}
        return {
            "architectures": [names[self.family]],
            "model_type": self.family,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
            "max_position_embeddings": self.context,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-6,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            "bos_token_id": None,
            "eos_token_id": END,
            "pad_token_id": 0,
            "dtype": "bfloat16",
        }


SHAPES: Mapping[str, Shape] = {
    "tiny": Shape(128, 448, 2, 4, 2, 32, 1024, tied=True, context=1024),
    "llama-3.2-1b": Shape(2048, 8192, 16, 32, 8, 64, 128_256, tied=True, family="llama"),
    "qwen3-1.7b": Shape(2048, 6144, 28, 16, 8, 128, 151_936, tied=True),
    "qwen3-8b": Shape(4096, 12_288, 36, 32, 8, 128, 151_936, tied=False),
}


def make_model(name: str, folder: Path, *, weights: bool = False) -> Path:
    """The model's folder, made if it is not there; ``weights``: random ones too, for the trainer."""
    shape, made = SHAPES[name], folder / name
    made.mkdir(parents=True, exist_ok=True)
    (made / "config.json").write_text(json.dumps(shape.config(), indent=1) + "\n")
    for file in ("chat_template.jinja", "tokenizer_config.json"):
        shutil.copy(MODEL / file, made / file)
    (made / "tokenizer.json").write_text(json.dumps(_tokenizer(shape.vocabulary)))
    if weights and not (made / "model.safetensors").exists():
        _save_weights(made)
    return made


def make_head(name: str, folder: Path) -> Path:
    """A head of random weights that reads hidden states and token statistics of this shape."""
    shape, made = SHAPES[name], folder / f"{name}-head"
    torch.manual_seed(0)
    head = QualityHead(shape.hidden, width=WIDTH)
    facts = BaseModelFacts(
        name=name,
        architecture=shape.config()["architectures"][0],
        hidden_size=shape.hidden,
        num_layers=shape.layers,
        vocab_size=shape.vocabulary,
    )
    save_head(
        made,
        head,
        HeadManifest(
            id=f"{name}-random",
            version="1",
            base_model=facts,
            inputs=head.inputs,
            width=WIDTH,
            probes=(32,),
        ),
    )
    return made


def _tokenizer(vocabulary: int) -> dict[str, Any]:
    """The bundled one with a word for every id that random weights may sample."""
    found: dict[str, Any] = json.loads((MODEL / "tokenizer.json").read_text())
    words = found["model"]["vocab"]
    for number in range(len(words), vocabulary):
        words[f"<{number}>"] = number
    return found


def _save_weights(folder: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.to("cpu").save_pretrained(folder)
