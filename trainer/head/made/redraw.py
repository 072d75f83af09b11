"""Write a head's card and pictures again, from its figures: ``python -m trainer.head.made.redraw HEAD``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from arrol_serve.quality.artifact import load_manifest
from trainer.head.made.elsewhere import told, write
from trainer.head.make import SPLIT
from trainer.head.told.card import write_card


def redraw(folder: Path) -> list[Path]:
    """What there is of the card then. Raises ``HeadMismatch`` where there is no head."""
    manifest = load_manifest(folder)
    figures = json.loads((folder / "ablation.json").read_text())
    write_card(folder, manifest, figures, round(SPLIT[-1] * int(manifest.provenance["questions"])))
    if judged := told(folder):
        write(folder, judged)
    return sorted([folder / "README.md", *folder.glob("*.png")])


if __name__ == "__main__":
    for path in redraw(Path(sys.argv[1])):
        print(path)
