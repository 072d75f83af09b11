"""A head on disk: ``head.safetensors`` and ``head.json``. No pickle, nothing executable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from arrol_serve.belief import Belief
from arrol_serve.errors import HeadMismatch
from arrol_serve.files import replacing
from arrol_serve.quality.head import QualityHead
from arrol_serve.quality.statistics import STATISTICS

WEIGHTS, MANIFEST = "head.safetensors", "head.json"


class BaseModelFacts(BaseModel):
    """The model that a head reads. A head made for another one scores noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    architecture: str
    hidden_size: int
    num_layers: int
    vocab_size: int
    weights_sha256: str | None = None
    """Hash of the model's safetensors file; None for models too large to hash at start."""


class HeadManifest(BaseModel):
    """``head.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    id: str
    version: str
    base_model: BaseModelFacts
    inputs: tuple[str, ...]
    statistics: tuple[str, ...] = STATISTICS
    width: int
    probes: tuple[int, ...]
    """Generated-token counts at which pruning with this head was measured; the server's default."""
    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    """AUC overall and within group, ECE and base rate on held-out questions, by position."""
    belief: Belief = Belief()
    """How the probabilities of an answer's supporters make its own."""

    @field_validator("belief", mode="before")
    @classmethod
    def _of_another_rule(cls, value: Any) -> Any:
        """Heads of before 2026-12 have constants that mean something else: the defaults serve them."""
        return Belief() if isinstance(value, dict) and "rivals" in value else value

    provenance: dict[str, Any] = Field(default_factory=dict)
    license: str = ""
    """Empty: whoever made it has not said."""


def save_head(folder: Path, head: QualityHead, manifest: HeadManifest) -> None:
    """Write both files; each appears whole or not at all, the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as part:
        save_file({k: v.contiguous() for k, v in head.state_dict().items()}, part)
    with replacing(folder / MANIFEST) as part:
        part.write_text(manifest.model_dump_json(indent=2) + "\n")


def load_head(folder: Path) -> tuple[QualityHead, HeadManifest]:
    """Read a head. Raises ``HeadMismatch`` saying what is missing, corrupt or inconsistent."""
    manifest = load_manifest(folder)
    try:
        state = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise HeadMismatch(
            f"{folder / WEIGHTS} is missing or corrupt ({error}). Export the head again."
        ) from error
    if manifest.statistics != STATISTICS:
        raise HeadMismatch(
            f"The head in {folder} was trained on other token statistics "
            f"({', '.join(manifest.statistics)}). Fit it again with this version."
        )
    try:
        head = QualityHead(
            manifest.base_model.hidden_size, inputs=manifest.inputs, width=manifest.width
        )
        head.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        raise HeadMismatch(
            f"The weights in {folder} do not have the shapes of its head.json ({error}). "
            "Export the head again."
        ) from error
    return head, manifest


def load_manifest(folder: Path) -> HeadManifest:
    """Read ``head.json`` alone. Raises ``HeadMismatch``."""
    path = folder / MANIFEST
    try:
        return HeadManifest.model_validate_json(path.read_text())
    except OSError as error:
        raise HeadMismatch(
            f"There is no head in {folder}: {MANIFEST} cannot be read ({error.strerror}). "
            "Name a folder with head.json and head.safetensors, or start with --head none."
        ) from error
    except (ValidationError, ValueError) as error:
        raise HeadMismatch(f"{path} is not a valid head manifest: {error}") from error


def check_fits(manifest: HeadManifest, **facts: int | str | None) -> None:
    """Raise ``HeadMismatch`` unless the head was made for the model with these ``BaseModelFacts``.

    What is None or left out, here or in the manifest, is not compared.
    """
    made_for, where = manifest.base_model, f"head {manifest.id!r}"
    for fact, value in facts.items():
        wanted = getattr(made_for, fact)
        if None not in (wanted, value) and wanted != value:
            raise HeadMismatch(
                f"The {where} was made for {made_for.name} ({fact} {wanted}), the served model has "
                f"{fact} {value}. Use a head made for this model, or start with --head none."
            )


def check_model(manifest: HeadManifest, model_config: Any) -> None:
    """``check_fits`` for vLLM's description of the served model. Raises ``HeadMismatch``."""
    check_fits(
        manifest,
        hidden_size=model_config.get_hidden_size(),
        num_layers=model_config.hf_text_config.num_hidden_layers,
        vocab_size=model_config.get_vocab_size(),
        architecture=model_config.architecture,
    )


def slug(model: str) -> str:
    """The folder name of a model's head: its last path part in lower case."""
    return re.sub(r"[^a-z0-9.]+", "-", model.rstrip("/").rsplit("/", 1)[-1].lower()).strip("-")


def find_head(model: str, heads: Path) -> Path | None:
    """The folder of the head shipped for ``model``, if there is one."""
    folder = heads / slug(model)
    return folder if (folder / MANIFEST).exists() else None


def head_inside(model: Path) -> Path | None:
    """The head that an exported checkpoint carries as ``heads/<slug>``; None unless there is one."""
    found = [path.parent for path in (model / "heads").glob(f"*/{MANIFEST}")]
    return found[0] if len(found) == 1 else None
