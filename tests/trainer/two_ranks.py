"""Run by torchrun, and by itself for comparison: updates on made-up rows; rank 0 writes what came out."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from tests.paths import MODEL
from tests.trainer.test_loss import rows
from trainer.config import load_config
from trainer.learner import Learner
from trainer.ranks import open_ranks
from trainer.sharding import whole

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


def main(out: Path) -> None:
    ranks, told = open_ranks(60), {}
    for name, changes in CASES.items():
        learner = Learner(MODEL, load_config(None, ["optim.lr=1e-3", *changes]), ranks)
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
        }
    if ranks.first:
        torch.save(told, out)
    ranks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
