"""Updates with too little memory, in a process whose address space is limited; prints one JSON object.

The allocator of PyTorch really fails: nothing here raises anything.
"""

from __future__ import annotations

import json
import random
import resource
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

LENGTH, ROWS = 250, 24


def rows(length: int = LENGTH, count: int = ROWS) -> list[TrainRow]:
    rng = random.Random(4)

    def ids(size: int) -> tuple[int, ...]:
        return tuple(rng.randrange(5, 350) for _ in range(size))

    return [
        TrainRow(ids(6), ids(length), (-2.0,) * length, rng.gauss(0, 1), 1.0) for _ in range(count)
    ]


def mapped(name: str) -> int:
    """Bytes of address space: ``VmSize`` now, ``VmPeak`` at most."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split(f"{name}:")[1].split()[0])


@contextmanager
def room(size: int) -> Iterator[None]:
    """So many bytes of address space beyond what is mapped now."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped("VmSize") + size, before[1]))
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


def main() -> None:
    """Half of what an update takes where there is enough."""
    torch.set_num_threads(1)
    whole, tight = learner("optim.tokens_per_pass=100000"), learner("optim.tokens_per_pass=100000")
    before = mapped("VmSize")
    enough = told(whole.update(rows(), 0))
    need = mapped("VmPeak") - before
    with room(need // 2):
        short = told(tight.update(rows(), 0))
        scores = tight.score(rows(), 1.0)
        try:
            tight.update(rows(length=20 * LENGTH, count=2), 1)
            refused = ""
        except OutOfMemory as error:
            refused = str(error)
    again = told(tight.update(rows(count=4), 2))
    wanted = whole.score(rows(), 1.0)
    gap = max(float((a - b).abs().max()) for a, b in zip(scores, wanted, strict=True))
    found = {"enough": enough, "short": short, "score_gap": gap, "refused": refused}
    print(json.dumps({**found, "again": again, "need_mib": need >> 20}))


if __name__ == "__main__":
    main()
