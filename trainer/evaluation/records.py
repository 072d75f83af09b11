"""What an evaluation keeps: one JSON line per question and arm, appended as chunks finish."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.errors import RecordError


@dataclass(frozen=True, slots=True)
class Sample:
    """One rollout as it was graded."""

    index: int
    tokens: int
    fate: str
    answer: str | None
    """Its cluster's answer; None: it holds none, or may not vote."""
    right: bool | None
    """None: no verdict in time. Counts as wrong, and is reported as a time-out."""
    quality: float | None = None
    confidence: float | None = None
    votes: bool = True
    """False: the arm's own rule keeps it from voting."""
    probes: tuple[tuple[int, float], ...] = ()
    """(tokens, score) wherever it was looked at on the way."""


@dataclass(frozen=True, slots=True)
class Record:
    """All rollouts of one question in one arm, by index."""

    arm: str
    id: str
    gold: str
    samples: tuple[Sample, ...]
    timeouts: int = 0
    """Rollouts that could not be read, compared or judged in time."""


class RecordFile:
    """Records by (arm, question id). A line torn by a crash is cut off when the file is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: dict[tuple[str, str], Record] = {}
        if path.exists():
            _repair(path)
            for number, line in enumerate(path.read_text().splitlines(), 1):
                record = _parse(line, f"{path.name}, line {number}")
                self.records[record.arm, record.id] = record

    def append(self, records: Sequence[Record]) -> None:
        """On disk when this returns."""
        with self.path.open("a") as file:
            file.write("".join(json.dumps(asdict(r)) + "\n" for r in records))
            file.flush()
            os.fsync(file.fileno())
        self.records |= {(r.arm, r.id): r for r in records}

    def has(self, arm: str, ids: Sequence[str]) -> bool:
        return all((arm, i) in self.records for i in ids)


def _repair(path: Path) -> None:
    """Every whole line ends in a newline; what follows the last one was being written."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)


def _sample(body: dict[str, Any]) -> Sample:
    probes = tuple((int(tokens), float(score)) for tokens, score in body.pop("probes", ()))
    return Sample(**body, probes=probes)


def _parse(line: str, where: str) -> Record:
    try:
        body: dict[str, Any] = json.loads(line)
        samples = tuple(_sample(sample) for sample in body.pop("samples"))
        return Record(samples=samples, **body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(
            f"{where}: corrupted record ({error}); delete the line to have it sampled again"
        ) from error
