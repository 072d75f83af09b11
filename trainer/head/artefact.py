"""The online head as the artefact that the engine loads and the server takes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arrol_serve.quality.artifact import BaseModelFacts, HeadManifest, save_head
from arrol_serve.quality.head import QualityHead


def base_model_facts(config: Any, name: str, weights_sha256: str | None = None) -> BaseModelFacts:
    """Facts of a transformers configuration that the served model is compared with."""
    text = config.get_text_config()
    return BaseModelFacts(
        name=name,
        architecture=config.architectures[0],
        hidden_size=text.hidden_size,
        num_layers=text.num_hidden_layers,
        vocab_size=text.vocab_size,
        weights_sha256=weights_sha256,
    )


def head_digest(head: QualityHead) -> str:
    """Tells apart heads of one day, and of one step of two runs."""
    data = b"".join(value.detach().cpu().numpy().tobytes() for value in head.state_dict().values())
    return hashlib.sha256(data).hexdigest()[:8]


def write_head(
    folder: Path,
    head: QualityHead,
    facts: BaseModelFacts,
    *,
    version: str,
    probes: tuple[int, ...],
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> HeadManifest:
    manifest = HeadManifest(
        id=f"{facts.name}-head",
        version=version,
        base_model=facts,
        inputs=head.inputs,
        width=head.width,
        probes=probes,
        metrics={place: dict(row) for place, row in (metrics or {}).items()},
        provenance=dict(provenance or {}),
    )
    save_head(folder, head, manifest)
    return manifest
