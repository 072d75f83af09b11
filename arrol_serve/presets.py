"""Named search settings: those that are safe for any model, and those that a tuner chose for one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arrol_serve.errors import InvalidRequest, complaint

FILE = "presets.json"
_MOST = {"fast": 8, "balanced": 16, "best": 32}
"""Most samples of presets that were not tuned."""
_CONFIDENCE = {"fast": 0.8, "balanced": 0.9, "best": 0.95}


def safe_presets(by_head: bool, max_samples: int) -> Mapping[str, Mapping[str, Any]]:
    """Presets for a model without tuned ones; without a head they stop by agreement, unpruned.

    None on servers that allow a single sample.
    """
    if max_samples < 2:
        return {}
    return {name: _safe(name, by_head, min(most, max_samples)) for name, most in _MOST.items()}


def _safe(name: str, by_head: bool, samples: int) -> dict[str, Any]:
    if not by_head:
        return {"samples": samples, "early_stop": {"agreement": _CONFIDENCE[name]}}
    stop = {"confidence": _CONFIDENCE[name]}
    return {"samples": samples, "early_stop": stop, "prune": {"keep": 0.5}}


class ModelFacts(BaseModel):
    """What the presets were tuned on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    weights_sha256: str | None = None


class HeadFacts(BaseModel):
    """The head that they were tuned with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: str


class PresetsFile(BaseModel):
    """``presets.json``, as ``arrol-eval tune`` writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    model: ModelFacts
    head: HeadFacts | None = None
    presets: dict[str, dict[str, Any]] = Field(min_length=1)
    """Name -> ``arrol`` object."""
    provenance: dict[str, Any] = Field(default_factory=dict)


def load_presets(path: Path, *, head: tuple[str, str] | None) -> dict[str, dict[str, Any]]:
    """Read a presets file for the head in force, by id and version.

    Raises ``InvalidRequest`` naming the file and what is wrong: unreadable, not a presets file, or
    tuned with another head, whose scores mean something else.
    """
    try:
        file = PresetsFile.model_validate_json(path.read_text())
    except OSError as error:
        raise InvalidRequest(f"Cannot read {path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidRequest(
            f"{path} is not a presets file: {where}: {complaint(first)}. Write it again with "
            "arrol-eval tune."
        ) from error
    made_with = None if file.head is None else (file.head.id, file.head.version)
    if made_with is not None and made_with != head:
        served = "none is in force" if head is None else f"{head[0]} {head[1]} is in force"
        raise InvalidRequest(
            f"{path} was tuned with head {made_with[0]} {made_with[1]}, and {served}: tune again with "
            "arrol-eval tune, or start with --presets none."
        )
    return file.presets
