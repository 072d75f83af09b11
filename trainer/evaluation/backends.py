"""Where replies come from, and what it offers: an engine in this process, or a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from trainer.errors import DataError
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.needs import CONFIDENCE, HEAD, ONLINE, PRUNING
from trainer.evaluation.online import sample_online
from trainer.evaluation.runs import Sampler
from trainer.evaluation.sampling import Settings, sample

NO_HEAD = Path("none")
"""What ``--head`` may say instead of a folder."""
ONLINE_SHARES = {"deepconf-online-10": 0.1, "deepconf-online-90": 0.9}
"""Arm -> share of the warm-up rollouts that its threshold lets through; the paper's two settings."""


@dataclass(frozen=True, slots=True)
class Backend:
    """``through`` goes into the run's settings: other ways of sampling make other runs."""

    through: str
    offers: frozenset[str]
    sampler: Sampler
    notes: tuple[str, ...] = ()
    """What a reader of the report must know of how it samples."""


def engine_backend(
    model: str,
    head: Path | None,
    max_model_len: int | None,
    questions: Sequence[Item],
    settings: Settings,
) -> Backend:
    """The engine is built at the first chunk that is missing: a finished run needs none."""
    bundled = model == MODEL_NAME
    folder, chosen = (MODEL, head or HEADS / MODEL_NAME) if bundled else (Path(model), head)
    chosen = None if chosen == NO_HEAD else chosen
    engine: list[Any] = []

    def sampler(arm: str, items: Sequence[Item]) -> list[list[Reply]]:
        if not engine:
            from trainer.engines.sized import build_sized_engine

            chats, template = settings.chats(questions), settings.chat.template
            engine.append(
                build_sized_engine(
                    folder, chosen, chats, settings.max_tokens, max_model_len, template=template
                )
            )
        try:
            if arm in ONLINE_SHARES:
                return sample_online(engine[0], arm, ONLINE_SHARES[arm], items, settings)
            return sample(engine[0], arm, items, settings)
        except ValueError as error:  # vLLM's, of a request that it does not take
            span = f"{items[0].id} to {items[-1].id}"
            raise DataError(f"the engine does not take the questions {span}: {error}") from error

    offers = {CONFIDENCE, PRUNING} | ({HEAD} if chosen else set())
    offers |= {ONLINE} if settings.samples > 1 else set()
    return Backend("engine", frozenset(offers), sampler, _recommended(folder, settings))


def _recommended(folder: Path, settings: Settings) -> tuple[str, ...]:
    """What the model's generation_config.json would filter and this run does not; vLLM's server would."""
    try:
        said = dict(json.loads((folder / "generation_config.json").read_text()))
    except (OSError, ValueError, TypeError):
        return ()
    mine = {
        "top_p": settings.top_p,
        "top_k": settings.top_k,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    other = {k: said[k] for k, v in mine.items() if said.get(k) is not None and said[k] != v}
    if not other:
        return ()
    words = ", ".join(f"{key} {value}" for key, value in other.items())
    return (f"The model's generation_config.json recommends {words}; this run does not follow it.",)
