"""Updates with too little memory, in a process whose address space is limited; prints one JSON object.

The allocator of PyTorch really fails: nothing here raises anything.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from tests.paths import MODEL
from trainer.config import load_config
from trainer.errors import OutOfMemory
from trainer.policy.batch import TrainRow
from trainer.policy.learner import Learner
from trainer.policy.report import UpdateReport

MIB = 1 << 20
LENGTH, ROWS = 250, 24


def rows(length: int = LENGTH, count: int = ROWS) -> list[TrainRow]:
    rng = random.Random(4)

    def ids(size: int) -> tuple[int, ...]:
        return tuple(rng.randrange(5, 350) for _ in range(size))

    return [
        TrainRow(ids(6), ids(length), (-2.0,) * length, rng.gauss(0, 1), 1.0) for _ in range(count)
    ]


@contextmanager
def room(mebibytes: int) -> Iterator[None]:
    """So much address space beyond what is mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + mebibytes * MIB
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def learner(*words: str) -> Learner:
    return Learner(
        MODEL, load_config(None, ["optim.lr=1e-4", "optim.minibatches=2", *words]).policy
    )


def told(report: UpdateReport) -> dict[str, Any]:
    return {
        "halvings": report.out_of_memory,
        "tokens_per_pass": report.tokens_per_pass,
        "loss": report.loss,
        "grad_norm": report.grad_norm,
        "terms": report.terms,
        "tokens": sum(len(part) for part in report.mismatch),
    }


def main(mebibytes: int) -> None:
    torch.set_num_threads(1)
    small, large = learner("optim.tokens_per_pass=1"), learner("optim.tokens_per_pass=100000")
    enough = told(small.update(rows(), 0))  # warms the allocator, too
    with room(mebibytes):
        short = told(large.update(rows(), 0))
        scores = large.score(rows(), 1.0)
        try:
            large.update(rows(length=20 * LENGTH, count=2), 1)
            refused = ""
        except OutOfMemory as error:
            refused = str(error)
    again = told(large.update(rows(count=4), 2))
    gap = max(
        float((a - b).abs().max()) for a, b in zip(scores, small.score(rows(), 1.0), strict=True)
    )
    print(
        json.dumps(
            {"enough": enough, "short": short, "score_gap": gap, "refused": refused, "again": again}
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
