"""``presets.json``: what a server started with this head picks up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arrol_serve.engine.identity import weights_sha256
from arrol_serve.presets import HeadFacts, ModelFacts, PresetsFile
from arrol_serve.quality.artifact import HeadManifest


def presets_file(
    presets: Mapping[str, Mapping[str, Any]],
    model: Path,
    name: str,
    manifest: HeadManifest,
    provenance: Mapping[str, Any],
) -> PresetsFile:
    """``presets``: name -> ``arrol`` object."""
    return PresetsFile(
        model=ModelFacts(id=name, weights_sha256=weights_sha256(str(model))),
        head=HeadFacts(id=manifest.id, version=manifest.version),
        presets={key: dict(body) for key, body in presets.items()},
        provenance=dict(provenance),
    )


def write_presets(file: PresetsFile, path: Path) -> None:
    """Readable, and the same bytes for the same presets."""
    path.write_text(json.dumps(file.model_dump(), indent=1) + "\n")
