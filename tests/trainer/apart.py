"""A sync that goes wrong, in a process of its own; prints one JSON object as its last line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.paths import MODEL
from trainer.config import load_config
from trainer.learner import Learner
from trainer.rollouts import build_engine
from trainer.weight_sync import ENGINE_OPTIONS, SyncFailed, WeightSync


def stale(folder: Path) -> dict[str, Any]:
    """Sync, move the trainer's weights on, and look without and with another sync."""
    config = load_config(None, ["rollout.temperature=1.3"])
    learner = Learner(MODEL, config)
    engine = build_engine(MODEL, sequences=4, **ENGINE_OPTIONS)
    sync = WeightSync(engine, folder, config, "What is 12*34+5-6?")
    told: dict[str, Any] = {"first": sync.push(learner, "0")}
    with torch.no_grad():
        name, moved = list(learner.model.named_parameters())[-2]
        moved += 0.01 * torch.randn(moved.shape, generator=torch.Generator().manual_seed(0))
    told["moved"] = name
    try:
        sync.check(learner, "0")
    except SyncFailed as error:
        told["refused"] = str(error)
    told["again"] = sync.push(learner, "1")
    told["version"] = engine.get_weight_version()
    engine.llm_engine.engine_core.shutdown()
    return told


if __name__ == "__main__":
    print(json.dumps(stale(Path(sys.argv[1]))))
