"""Whether results can be written, asked before hours are spent on them."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.errors import ConfigError


def check_writable(folder: Path, option: str) -> None:
    """Raise ``ConfigError`` unless ``folder`` is one that can be written to, or be made."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not place.is_dir():
        problem = f"{place} is a file"
    elif not os.access(place, os.W_OK | os.X_OK):
        problem = f"{place} cannot be written to"
    else:
        return
    raise ConfigError(f"{option} {folder}: {problem}. Name another folder.")
