"""A model that vLLM takes for a pooling model by itself: nothing to search in, and said so at start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from arrol_serve.bundled import MODEL
from benchmarks.processes import free_port


def embedding(folder: Path) -> Path:
    """A small Bert with random weights and the bundled model's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=64, max_position_embeddings=128, **sizes
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_model_that_embeds_is_refused_in_a_line(tmp_path: Path) -> None:
    model = embedding(tmp_path / "embeds")
    words = [sys.executable, "-m", "arrol_serve", str(model), "--enforce-eager"]
    done = subprocess.run(
        [*words, "--port", str(free_port())],
        env=os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 2, done.stderr[-3000:]
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"arrol-serve: {model} generates no text")
    assert "embed" in last
    assert "Traceback" not in done.stdout + done.stderr
