"""The same groups in an engine of this process and on a replica; prints one JSON object at the end."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from tests.paths import HEAD, MODEL
from trainer.config import load_config
from trainer.engines.base import RolloutEngine
from trainer.engines.opening import open_engine
from trainer.engines.sampling import GroupRequest
from trainer.sections import PLAIN_CHAT, ChatSection

POLICY = {"name": "arrol", "kappa": 0.5, "p_min": 0.2, "posterior": [0.1, 0.4, 0.6, 0.9]}
CHATS = [PLAIN_CHAT, PLAIN_CHAT, ChatSection(system="Be brief.")]
GROUPS = [
    GroupRequest(
        name=f"g{number}",
        question=question,
        seed=1000 * number,
        temperature=1.3,
        probes=(12,),
        policy=POLICY,
        signals=("quality",),
        record=(12,),
        min_survivors=1,
        top_k=(0, 0, 30)[number],
        chat=CHATS[number],
    )
    for number, question in enumerate(["What is 12*3+5?", "What is 7*8-9+4?", "hello"])
]


def rollouts(engine: RolloutEngine) -> dict[str, Any]:
    engine.client.init_weight_transfer_engine({})
    engine.client.start_weight_update()
    engine.client.update_weights({"path": str(MODEL)})
    engine.client.finish_weight_update()
    with engine.updating("first"):
        pass
    engine.load_head(HEAD, "h1")
    groups = engine.sample(GROUPS, 8, max_tokens=80, logprobs=True)
    found = [rollout for group in groups for rollout in group]
    features = engine.take_features()
    assert not engine.take_features().groups
    return {
        "prompts": [rollout.prompt_ids for rollout in found],
        "tokens": [rollout.token_ids for rollout in found],
        "texts": [rollout.text for rollout in found],
        "stops": [rollout.stop_reason for rollout in found],
        "heads": [rollout.report["head_version"] for rollout in found],
        "logprobs": torch.tensor([p for rollout in found for p in rollout.logprobs]),
        "probes": [(at, p) for r in found for at, _, p in r.report["probes"]],
        "features": table(features),
    }


def table(record: FeatureRecord) -> dict[tuple[str, int, int], torch.Tensor]:
    keys = zip(record.groups, record.indices, record.tokens, strict=True)
    return dict(zip(keys, record.features, strict=True))


def engine(changes: list[str]) -> RolloutEngine:
    return open_engine(MODEL, load_config(None, changes).rollout, "path", torch.float32)


def compare(url: str) -> dict[str, Any]:
    changes = ["rollout.max_model_len=256", "rollout.max_tokens=80", "prune.probes=[12]"]
    here = engine(changes)
    ours = rollouts(here)
    here.close()
    there = engine([*changes, f'rollout.replicas=["{url}"]'])
    theirs = rollouts(there)
    there.close()
    gap = (ours.pop("logprobs") - theirs.pop("logprobs")).abs().max().item()
    mine, other = ours.pop("features"), theirs.pop("features")
    apart = max((mine[key] - other[key]).abs().max().item() for key in mine)
    return {
        "same": {name: ours[name] == theirs[name] for name in ours},
        "same_positions": sorted(mine) == sorted(other),
        "positions": len(mine),
        "pruned": sum(stop is not None for stop in ours["stops"]),
        "rollouts": len(ours["stops"]),
        "logprob_gap": gap,
        "feature_gap": apart,
    }


if __name__ == "__main__":
    print(json.dumps(compare(sys.argv[1])))
