"""A sync that goes wrong, and how far apart one that is right may lie.

In a process of its own; prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.paths import MODEL
from trainer.config import load_config
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import GroupRequest, build_engine
from trainer.engines.weight_transfer import open_transfer, sync_options
from trainer.errors import SyncFailed
from trainer.policy.batch import TrainRow
from trainer.policy.learner import Learner
from trainer.precision import GAPS
from trainer.weight_sync import PROBE_TEMPERATURE, Gap, SyncProbe, WeightSync


def stale(folder: Path) -> dict[str, Any]:
    """Sync, move some of the trainer's weights on, and look without and with another sync."""
    config = load_config(None, ["rollout.temperature=1.3"])
    learner = Learner(MODEL, config.policy)
    engine = LocalEngine(build_engine(MODEL, sequences=4, **sync_options("path")))
    transfer = open_transfer(engine, learner.weights(), folder, config.sync)
    probe = SyncProbe("What is 12*34+5-6?", config.sync.probe_tokens, GAPS[torch.float32], seed=0)
    sync = WeightSync(engine, transfer, probe)
    told: dict[str, Any] = {"first": sync.push(learner, "0"), "stale": {}, "synced": {}}
    generator = torch.Generator().manual_seed(0)
    for part in ("embed_tokens", "layers.3.mlp.up_proj", "layers.7.self_attn.q_proj", "model.norm"):
        with torch.no_grad():
            for name, weight in learner.model.named_parameters():
                if part in name:
                    weight += 0.02 * torch.randn(weight.shape, generator=generator)
        try:
            sync.check(learner, "0")
        except SyncFailed as error:
            told["stale"][part] = str(error)
        told["synced"][part] = sync.push(learner, part)
    told["version"] = engine.llm.get_weight_version()
    engine.close()
    return told


def forgotten(folder: Path) -> dict[str, Any]:
    """In bfloat16: small steps whose weights never leave the trainer, the same ones sent, and large ones."""
    config = load_config(None, ["rollout.temperature=1.3", "optim.dtype=bfloat16"])
    learner = Learner(MODEL, config.policy)
    llm = build_engine(MODEL, sequences=4, dtype="bfloat16", **sync_options("path"))
    engine = LocalEngine(llm)
    transfer = open_transfer(engine, learner.weights(), folder, config.sync)
    probe = SyncProbe("What is 12*34+5-6?", config.sync.probe_tokens, GAPS[torch.bfloat16], seed=0)
    sync, told = WeightSync(engine, transfer, probe), {"refused": "", "gap": 0.0, "moved": ""}
    sync.push(learner, "0")
    told["exact"] = sync.weights.exact
    stage = transfer.stage
    transfer.stage = lambda _: None  # type: ignore[method-assign]  # as a file system that shows the old file
    with torch.no_grad():
        for weight in learner.model.parameters():
            weight *= 1 + 2**-7
            break  # the embedding alone, by one step of its precision
    try:
        sync.push(learner, "1")
    except SyncFailed as error:
        told["refused"] = str(error)
    told["gap"] = sync.check(learner, "1")  # within what bfloat16 is allowed
    transfer.stage = stage  # type: ignore[method-assign]
    told["synced"] = sync.push(learner, "2")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in learner.model.parameters():
            weight += 0.5 * weight.std() * torch.randn(weight.shape, generator=generator)
    try:
        sync.check(learner, "2")
    except SyncFailed as error:
        told["moved"] = str(error)
    engine.close()
    return told


def gaps(model: Path, dtype: str = "bfloat16", count: int = 400) -> dict[str, Any]:
    """How far engine and trainer lie apart with the same weights, over ``count`` probes."""
    config = load_config(None, [f"optim.dtype={dtype}"])
    learner = Learner(model, config.policy)
    llm = build_engine(model, sequences=64, dtype=dtype, **sync_options("path"))
    requests = [
        GroupRequest(str(i), f"What is {i} + {i % 17} + {i % 5}?", i, temperature=PROBE_TEMPERATURE)
        for i in range(count)
    ]
    tokens = config.sync.probe_tokens
    found = LocalEngine(llm).sample(requests, 1, max_tokens=tokens, logprobs=True)
    rows = [TrainRow(r.prompt_ids, r.token_ids, r.logprobs, 0.0, 1.0) for (r,) in found]
    scores = learner.score(rows, PROBE_TEMPERATURE)
    pairs = [
        (ours, torch.tensor(row.engine_logprobs)) for ours, row in zip(scores, rows, strict=True)
    ]
    whole = [Gap.between(*pair) for pair in pairs if len(pair[0]) == tokens]
    return {
        "probes": len(whole),
        "mean": sum(gap.mean for gap in whole) / len(whole),
        "largest_mean": max(gap.mean for gap in whole),
        "widest": max(gap.widest for gap in whole),
    }


if __name__ == "__main__":
    act = {"stale": stale, "forgotten": forgotten, "gaps": gaps}[sys.argv[1]]
    print(json.dumps(act(Path(sys.argv[2]), *sys.argv[3:])))
