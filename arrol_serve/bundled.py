"""The model and the head that ship with the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
MODEL = PACKAGE / "bundled_model"
MODEL_NAME = "arrol-tiny"
HEADS = next(folder for folder in (PACKAGE / "_heads", PACKAGE.parent / "heads") if folder.exists())
"""Inside the wheel, or beside the package in a checkout."""

SERVE_OPTIONS = {
    "served_model_name": [MODEL_NAME],
    "dtype": "float32",
    "max_model_len": 512,
    "max_num_seqs": 128,
    "enforce_eager": True,
}
"""vLLM options for the bundled model, where the user gave none. Float32 is its trained precision,
and the faster one on CPUs without bfloat16 units; compiling gains a model of this size nothing."""
