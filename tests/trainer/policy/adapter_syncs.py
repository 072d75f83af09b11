"""Adapters sent by themselves into a real engine, in a process of its own; prints one JSON object.

``python -m tests.trainer.policy.adapter_syncs FOLDER same|other``; ``other``: the engine was started with a
model of which one weight is another.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from tests.paths import MODEL
from tests.trainer.policy.test_loss import rows
from trainer.config import load_config
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import build_engine
from trainer.engines.weight_transfer import open_transfer, sync_options
from trainer.errors import SyncFailed
from trainer.policy.learner import Learner
from trainer.weight_sync import SyncProbe, WeightSync


def main(folder: Path, which: str) -> None:
    words = ["rollout.temperature=1.3", "lora.rank=4", "lora.alpha=8", "optim.lr=3e-3"]
    config = load_config(None, words)
    learner = Learner(MODEL, config.policy)
    served = MODEL if which == "same" else other(folder)
    engine = LocalEngine(build_engine(served, sequences=4, **sync_options("path")))
    transfer = open_transfer(engine, learner.weights(), folder / "weights", config.sync)
    probe = SyncProbe("What is 12*34+5-6?", config.sync.probe_tokens, 1e-3, seed=0)
    syncs = {
        "adapters": WeightSync(engine, transfer, probe, adapters=True, whole_if_needed=False),
        "auto": WeightSync(engine, transfer, probe, adapters=True),
        "merged": WeightSync(engine, transfer, probe),
    }
    told: dict[str, Any] = {}
    for number, (name, sync) in enumerate(syncs.items()):
        learner.update(rows(), number)
        began = time.monotonic()
        try:
            gap = sync.push(learner, str(number))
            told[name] = {
                "gap": gap,
                "exact": sync.weights.exact,
                "bytes": sync.figures["sync_bytes"],
            }
        except SyncFailed as error:
            told[name] = {"refused": str(error)}
        told[name]["seconds"] = time.monotonic() - began
    engine.close()
    print(json.dumps(told))


def other(folder: Path) -> Path:
    copy = folder / "served"
    shutil.copytree(MODEL, copy)
    tensors = load_file(copy / "model.safetensors")
    tensors["model.norm.weight"] += 0.5
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    return copy


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
