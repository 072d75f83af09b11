"""A model's ``generation_config.json``, where transformers reads one that it refuses to write."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from trainer.errors import one_line

FILE = "generation_config.json"


def complaint(model: Any) -> str | None:
    """Why ``save_pretrained`` would refuse the model's; None: it would not."""
    try:
        model.generation_config.validate(strict=True)
    except ValueError as error:
        return one_line(error)
    return None


def tell(model: Any, folder: Path) -> None:
    """At the start of a run, which would end in an export."""
    if (why := complaint(model)) is not None:
        print(
            f"run.model: transformers refuses to write {folder / FILE} ({why}). Exports get a copy of it as "
            "it is.",
            file=sys.stderr,
        )


def save_with_generation_config(model: Any, target: Path, source: Path) -> None:
    """``save_pretrained``; a refused configuration is copied from ``source``, so that what is exported
    is sampled as what was trained."""
    if complaint(model) is None:
        model.save_pretrained(target)
        return
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig()
    model.save_pretrained(target)
    if (source / FILE).exists():
        shutil.copyfile(source / FILE, target / FILE)
