"""A model as a folder on this machine: whether it is one, what it is called, what vLLM makes of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from arrol_serve.errors import InvalidRequest


def check_model_folder(model: str) -> None:
    path = Path(model)
    looks_local = model.startswith((".", "/", "~")) or "/" not in model
    if looks_local and not path.exists():
        raise InvalidRequest(
            f"There is no model folder {model!r}: name a folder or a Hugging Face id (org/name)."
        )
    if path.is_dir() and not (path / "config.json").exists():
        raise InvalidRequest(f"{model} is not a model folder: it has no config.json.")


def name_folder(args: Any) -> None:
    """A local model is called by its folder's name, not by the path that leads there."""
    folder = Path(args.model)
    if folder.is_dir() and args.served_model_name is None:
        args.served_model_name = [folder.resolve().name]


def tell_type(args: Any) -> None:
    """Say what vLLM makes of a float32 model in a folder."""
    folder = Path(args.model)
    try:
        config = json.loads((folder / "config.json").read_bytes())
        stored = config.get("dtype") or config.get("torch_dtype")
    except (OSError, ValueError, AttributeError):
        return  # vLLM says what is wrong with it
    if stored == "float32" and args.dtype == "auto":
        print(
            f"arrol-serve: {folder} holds float32, and vLLM serves a 16-bit copy: answers and scores may "
            "differ from those of the training. --dtype float32 serves it as it is.",
            file=sys.stderr,
        )
