"""The one result schema: what was measured, where, on which code, with which seeds."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from trainer.provenance import provenance

RESULTS = Path(__file__).parent / "results"


class Provenance(BaseModel):
    """What made the result."""

    model_config = ConfigDict(extra="forbid")

    command: str
    git_sha: str | None
    versions: dict[str, str]
    machine: str
    """Architecture, cores that the run might use, processor, memory, GPUs."""
    date: str

    @property
    def place(self) -> str:
        """The machine in proper English."""
        return self.machine.replace(" 1 cores", " 1 core")


class Result(BaseModel):
    """One file of ``results/``."""

    model_config = ConfigDict(extra="forbid")

    provenance: Provenance
    seeds: list[int] = []
    """Everything random follows from these and the settings; empty: nothing is random."""
    note: str = ""
    """What a reader must know of the run, such as that it shared the machine."""
    settings: dict[str, Any]
    rows: list[dict[str, Any]]

    def where(self) -> str:
        """Where and how it was measured, for the end of a caption."""
        made = self.provenance
        return f"{made.place}, {made.date}, `{made.command}`"

    def ending(self) -> str:
        """The end of a caption: the same, and what a reader must know."""
        return f"{self.where()}. {self.note}".rstrip()

    @model_validator(mode="after")
    def _rows_and_seeds(self) -> Result:
        if not self.rows:
            raise ValueError("a result has at least one row")
        self.seeds = self.seeds or self.settings.get("seeds", [])
        return self


def write_result(
    name: str,
    settings: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    seeds: Sequence[int] = (),
    note: str = "",
    folder: Path = RESULTS,
) -> Path:
    """``<folder>/<name>.json``. Seeds may stand in ``settings["seeds"]`` instead."""
    made = provenance({})
    made["command"] = made["command"].replace(
        f" --note {shlex.quote(note)}", ""
    )  # it is shown beside it
    made["machine"] = ", ".join([made["machine"], *hardware()])
    result = Result(
        provenance=Provenance(**made),
        seeds=list(seeds),
        note=note,
        settings=dict(settings),
        rows=[dict(row) for row in rows],
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result.model_dump(), indent=2) + "\n")
    return path


def read_result(name: str) -> Result:
    """One result file. ``FileNotFoundError``, or pydantic's error naming the field that is wrong."""
    return Result.model_validate_json((RESULTS / f"{name}.json").read_text())


def hardware() -> list[str]:
    """Processor, memory and GPUs of this machine, as far as they are known."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = [_processor(), f"{memory / 2**30:.0f} GiB", *_gpus()]
    return [part for part in found if part]


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def _gpus() -> list[str]:
    import torch

    count = torch.cuda.device_count()
    return [torch.cuda.get_device_name(i) for i in range(count)]
