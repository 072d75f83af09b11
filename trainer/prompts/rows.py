"""Rows with questions: of a file, or of a Hugging Face dataset."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trainer.errors import DataError
from trainer.prompts.files import SUFFIXES, Rows, file_rows

HUB = "hub:"
KINDS = f"a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file, hub:OWNER/NAME"


def is_rows(source: str) -> bool:
    """Whether ``source`` names a file or a dataset."""
    return source.startswith(HUB) or _is_file(source) or _is_dataset(source)


def _is_file(source: str) -> bool:
    return Path(source).suffix in SUFFIXES or Path(source).is_file()


def _is_dataset(source: str) -> bool:
    """A folder, or an id as the hub has them."""
    return Path(source).is_dir() or bool(re.fullmatch(r"[\w.-]+/[\w.-]+", source))


def name_of(source: str) -> str:
    """What its questions are called by."""
    return (
        source.removeprefix(HUB)
        if source.startswith(HUB) or not _is_file(source)
        else Path(source).stem
    )


def rows_of(source: str, subset: str, split: str) -> Rows:
    """``source``: a file, or a dataset as ``hub:NAME``, ``OWNER/NAME`` or its folder, whose ``subset`` and
    ``split`` are taken. Raises ``DataError`` where it cannot be read.
    """
    if source.startswith(HUB) or (not _is_file(source) and _is_dataset(source)):
        return _hub_rows(source.removeprefix(HUB), subset, split)
    return file_rows(Path(source))


def _hub_rows(name: str, subset: str, split: str) -> Rows:
    """Rows of a dataset on the hub, in the hub's local forms, or saved with ``save_to_disk``."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise DataError(
            f"{HUB}{name} needs the package datasets: pip install 'arrol-serve[hub]'"
        ) from error
    try:
        if any((Path(name) / f"dataset_{kind}.json").exists() for kind in ("info", "dict")):
            found: Any = datasets.load_from_disk(name)
            rows = found[split] if hasattr(found, "keys") else found
        else:
            rows = datasets.load_dataset(name, subset or None, split=split)
    except Exception as error:  # whatever the hub's client, a file or a split may raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        hint = ""
        if "reach" in reason[0]:
            hint = (
                ". Download it where a hub can be reached, and name the file or the folder instead"
            )
        raise DataError(
            f"{HUB}{name} (split {split!r}) cannot be loaded: {reason[0]}{hint}"
        ) from error
    for number, row in enumerate(rows):
        yield f"{name} row {number}", row
