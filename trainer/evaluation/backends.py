"""Where replies come from, and what it offers: an engine in this process, or a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from trainer.evaluation.datasets import Item
from trainer.evaluation.needs import CONFIDENCE, HEAD, PRUNING
from trainer.evaluation.runs import Sampler
from trainer.evaluation.sampling import Settings, sample


@dataclass(frozen=True, slots=True)
class Backend:
    """``through`` goes into the run's settings: other ways of sampling make other runs."""

    through: str
    offers: frozenset[str]
    sampler: Sampler


def engine_backend(
    model: str, head: Path | None, max_model_len: int, settings: Settings
) -> Backend:
    """The engine is built at the first chunk that is missing: a finished run needs none."""
    bundled = model == MODEL_NAME
    folder, chosen = (MODEL, head or HEADS / MODEL_NAME) if bundled else (Path(model), head)
    engine: list[Any] = []

    def sampler(arm: str, items: Sequence[Item], start: int) -> Any:
        if not engine:
            from trainer.rollouts import build_engine

            engine.append(build_engine(folder, chosen, max_model_len=max_model_len))
        return sample(engine[0], arm, items, start, settings)

    offers = {CONFIDENCE, PRUNING} | ({HEAD} if chosen else set())
    return Backend("engine", frozenset(offers), sampler)
