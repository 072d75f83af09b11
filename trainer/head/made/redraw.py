"""Draw a head's pictures again from its figures: ``python -m trainer.head.made.redraw HEAD``.

``auc.png`` and ``saving.png``, and ``answers.png`` where ``ablation.json`` has what it shows. Reliability is
drawn from rollouts, when the head is made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from arrol_serve.quality.artifact import load_manifest
from trainer.head.make import SPLIT
from trainer.head.told.plots import answer_plot, auc_plot, saving_plot


def redraw(folder: Path) -> list[Path]:
    """The pictures that were drawn. Raises ``HeadMismatch`` where there is no head."""
    manifest = load_manifest(folder)
    figures = json.loads((folder / "ablation.json").read_text())
    questions = round(SPLIT[-1] * int(manifest.provenance["questions"]))
    auc_plot(folder / "auc.png", figures["inputs"], manifest.probes[0], questions)
    saving_plot(folder / "saving.png", figures["saving"], questions)
    drawn = [folder / "auc.png", folder / "saving.png"]
    if bins := figures.get("answers", {}).get("bins"):
        answer_plot(folder / "answers.png", bins)
        drawn.append(folder / "answers.png")
    return drawn


if __name__ == "__main__":
    for path in redraw(Path(sys.argv[1])):
        print(path)
