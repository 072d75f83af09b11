"""A small model that sees: Idefics3 with random weights, its processor, and a head of random weights.

Many others that see need torchvision, which arrol-serve's CPU installation leaves out.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
)

from arrol_serve.bundled import MODEL
from arrol_serve.quality.artifact import BaseModelFacts
from tests.random_head import save_random_head

IMAGE, AROUND, GLOBAL = "<image>", "<fake_token_around_image>", "<global-img>"
SIDE, PATCH, SCALE = 32, 8, 2
HIDDEN, LAYERS = 64, 2
TOKENS_AN_IMAGE = 3 + (SIDE // PATCH // SCALE) ** 2
"""Two around it and the one that says that it is whole, beside its own."""
TEMPLATE = (
    "{%- for message in messages -%}{{- '<|user|>' -}}"
    "{%- for part in message.content -%}"
    "{{- part.text if part.type == 'text' else '<image>' -}}{%- endfor -%}"
    "{{- '<|end|>' -}}{%- endfor -%}{{- '<|assistant|>' -}}"
)


def make(folder: Path) -> tuple[Path, Path]:
    """The folders of the model and of its head."""
    model, head = folder / "arrol-seeing", folder / "head"
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    marks = [AROUND, IMAGE, "<end_of_utterance>", GLOBAL]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    config = _config(tokenizer)
    torch.manual_seed(0)
    Idefics3ForConditionalGeneration(config).save_pretrained(model)
    eye = Idefics3ImageProcessorPil(
        size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}
    )
    Idefics3Processor(
        eye, tokenizer, image_seq_len=TOKENS_AN_IMAGE - 3, chat_template=TEMPLATE
    ).save_pretrained(model)
    _save_head(head, config.text_config)
    return model, head


def _config(tokenizer: object) -> Idefics3Config:
    vocabulary = len(tokenizer)  # type: ignore[arg-type]
    sizes = {"num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 2 * HIDDEN}
    text = LlamaConfig(
        hidden_size=HIDDEN,
        vocab_size=vocabulary,
        max_position_embeddings=1024,
        pad_token_id=0,
        eos_token_id=4,
        **sizes,
    )
    return Idefics3Config(
        vision_config={"hidden_size": 32, "image_size": SIDE, "patch_size": PATCH, **sizes},
        text_config=text,
        scale_factor=SCALE,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),  # type: ignore[attr-defined]
        pad_token_id=0,
    )


def _save_head(folder: Path, text: LlamaConfig) -> None:
    facts = BaseModelFacts(
        name="arrol-seeing",
        architecture="Idefics3ForConditionalGeneration",
        hidden_size=text.hidden_size,
        num_layers=text.num_hidden_layers,
        vocab_size=text.vocab_size,
    )
    save_random_head(folder, facts, (4, 8))
