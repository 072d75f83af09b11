"""The head's training set: recorded features of rollouts at several positions, with verdicts.

One row per recorded position. Arrays are aligned: ``features [M, D + K]``, ``correct [M]``,
``group [M]`` (question number), ``rollout [M]``, ``tokens [M]`` generated so far, ``final [M]``.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from arrol_serve.files import replacing
from trainer.errors import BrokenShard


@dataclass(frozen=True, slots=True)
class HeadData:
    """See the module's docstring for shapes."""

    features: NDArray[np.float32]
    correct: NDArray[np.bool_]
    group: NDArray[np.int32]
    rollout: NDArray[np.int32]
    tokens: NDArray[np.int32]
    final: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> HeadData:
        return HeadData(*(getattr(self, f.name)[mask] for f in fields(self)))

    def places(self, positions: Sequence[int]) -> dict[str, NDArray[np.bool_]]:
        """Rows of each position and of the final token by name, where both right and wrong ones are."""
        masks = {str(p): (self.tokens == p) & ~self.final for p in positions}
        masks["final"] = self.final
        return {
            name: mask
            for name, mask in masks.items()
            if mask.any() and 0 < self.correct[mask].sum() < mask.sum()
        }

    def save(self, path: Path) -> None:
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, **{f.name: getattr(self, f.name) for f in fields(self)})

    @staticmethod
    def load(path: Path) -> HeadData:
        """Raises ``BrokenShard``."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                data = HeadData(*(stored[f.name] for f in fields(HeadData)))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise BrokenShard(f"{path} is not whole ({error}).") from error
        if data.features.ndim != 2 or len({len(getattr(data, f.name)) for f in fields(data)}) != 1:
            raise BrokenShard(f"{path} is not whole (its arrays do not have the same length).")
        return data

    @staticmethod
    def concat(parts: Sequence[HeadData]) -> HeadData:
        return HeadData(
            *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(HeadData))
        )
