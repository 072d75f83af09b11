"""A head of random weights, for a model that a test makes."""

from __future__ import annotations

from pathlib import Path

import torch

from arrol_serve.quality.artifact import BaseModelFacts, HeadManifest, save_head
from arrol_serve.quality.head import QualityHead


def save_random_head(folder: Path, model: BaseModelFacts, probes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    head = QualityHead(model.hidden_size)
    manifest = HeadManifest(
        id=f"{model.name.removeprefix('arrol-')}-head",
        version="random",
        base_model=model,
        inputs=head.inputs,
        width=head.width,
        probes=probes,
    )
    save_head(folder, head, manifest)
