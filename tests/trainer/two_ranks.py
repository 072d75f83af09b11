"""Updates on made-up rows, by ranks of torchrun or by one; run by torchrun, rank 0 writes what came out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from tests.paths import MODEL
from tests.trainer.policy.test_loss import rows
from trainer.config import load_config
from trainer.policy.learner import Learner
from trainer.policy.sharding import whole
from trainer.ranks import Ranks, open_ranks

CASES = {
    "one": ["optim.tokens_per_pass=1000"],
    "uneven": ["optim.tokens_per_pass=70"],
    "twice": [
        "optim.tokens_per_pass=40",
        "optim.lr=1e-9",
        "optim.minibatches=2",
        "algorithm.kl_weight=0.1",
    ],
    "gspo": ["optim.tokens_per_pass=70", "algorithm.sequence_ratio=true"],
    "lora": ["optim.tokens_per_pass=70", "lora.rank=4", "algorithm.kl_weight=0.1"],
    "checkpointed": ["optim.tokens_per_pass=70", "optim.gradient_checkpointing=true"],
    "bfloat16": ["optim.tokens_per_pass=70", "optim.dtype=bfloat16"],
}


def updates(ranks: Ranks) -> dict[str, Any]:
    """What one update of each case did, by case."""
    told = {}
    for name, changes in CASES.items():
        learner = Learner(MODEL, load_config(None, ["optim.lr=1e-3", *changes]).policy, ranks)
        report = learner.update(rows(), 0)
        trained = learner.state.trained().values()
        gradient = [whole(w.grad).flatten() for w in trained if w.grad is not None]
        told[name] = {
            "gradient": torch.cat(gradient),
            "report": torch.tensor([report.loss, report.grad_norm, report.clipped, report.terms]),
            "steps": report.steps,
            "tokens": sum(len(part) for part in report.mismatch),
            "scores": torch.cat(learner.score(rows(), 1.0)),
            "weights": learner.weights(),
            "moments": learner.state.optimizer(),
        }
    return told


def main(out: Path) -> None:
    ranks = open_ranks(60)
    told = updates(ranks)
    if ranks.first:
        torch.save(told, out)
    ranks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
