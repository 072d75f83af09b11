"""The packaged SmolLM2 becomes a folder that transformers reads as an ordinary, unquantised model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.paths import ROOT


def convert(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.smollm2.convert", "--to", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_packaged_model_becomes_a_folder_that_knows_its_facts(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    folder = tmp_path / "model"
    done = convert(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert {t.dtype for t in load_file(folder / "model.safetensors").values()} == {torch.float32}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(
        asked, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    ids = model.generate(**inputs, max_new_tokens=16, do_sample=False)
    assert "Paris" in tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :])
    again = convert(folder)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert "Traceback" not in again.stderr
