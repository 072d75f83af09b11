"""What is measured on one shape, most valuable first; a part takes at most three minutes on a large GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.engines import IDLE, PLAIN, SCORING, Engine, Job, turns
from benchmarks.gpu.models import SHAPES, make_head, make_model
from trainer.run.log import read_metrics

Rows = list[dict[str, Any]]
ARMS = (PLAIN, IDLE, SCORING)
GPU = torch.cuda.is_available()
TESTS = ("tests/trainer/engines/test_weight_transfer.py", "tests")


@dataclass(frozen=True, slots=True)
class Size:
    """How much a part does: for a GPU, or small enough for a CPU in a test."""

    batches: tuple[int, ...]
    tokens: int
    rounds: int
    groups: int
    samples: int
    long: int
    """Tokens of pruned rollouts, and of a training step's."""
    probe: int
    steps: int
    """Training steps."""


ON_GPU = Size((1, 8, 32, 128, 256), 128, 3, 16, 16, 1024, 256, 4)
ON_CPU = Size((1, 8), 8, 1, 2, 4, 48, 16, 2)


def size() -> Size:
    return ON_GPU if GPU else ON_CPU


def throughput(shape: str, work: Path) -> Rows:
    """Tokens/s and peak memory of plain vLLM, the idle plugin and scoring, batch by batch, in turns."""
    asked, rows = size(), []
    with turns({arm: _engine(shape, work, share=0.28) for arm in ARMS}) as pipes:
        for batch in asked.batches:
            found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
            for turn in range(asked.rounds + 1):
                for arm in (*ARMS[turn % 3 :], *ARMS[: turn % 3]):
                    pipes[arm].send(Job(1, batch, asked.tokens, seed=1000 * turn))
                    found[arm].append(pipes[arm].recv())
            rows += [_rate(arm, batch, found[arm][1:], found[PLAIN][1:]) for arm in ARMS]
    return rows


def pruning(shape: str, work: Path) -> Rows:
    """Seconds of groups of which half are pruned, beside those of none and the bound by tokens."""
    asked, rows = size(), []
    with turns({SCORING: _engine(shape, work, share=0.85)}) as pipes:
        pipe = pipes[SCORING]
        for turn in range(asked.rounds + 1):
            taken = {}
            for keep in (None, 0.5) if turn % 2 else (0.5, None):
                pipe.send(
                    Job(
                        asked.groups,
                        asked.samples,
                        asked.long,
                        1000 * turn,
                        True,
                        keep,
                        asked.probe,
                    )
                )
                taken[keep] = pipe.recv()
            if turn:
                rows.append(
                    {
                        "round": turn,
                        "seconds": taken[None]["seconds"],
                        "seconds_pruned": taken[0.5]["seconds"],
                        "seconds_relative": taken[0.5]["seconds"] / taken[None]["seconds"],
                        "tokens_relative": taken[0.5]["tokens"] / taken[None]["tokens"],
                    }
                )
    return rows


def training(shape: str, work: Path) -> Rows:
    """Seconds of a training step by phase: none against arrol, and on a GPU with an engine that sleeps."""
    asked = size()
    model = make_model(shape, work, weights=True)
    rows = []
    for mode, sleep in (("none", False), ("arrol", False), ("arrol", True))[: 3 if GPU else 2]:
        out = work / f"train-{mode}{'-asleep' * sleep}"
        words = {
            "run.model": model, "run.out": out, "run.steps": asked.steps, "data.source": "arithmetic",
            "rollout.prompts": 1, "rollout.samples": 16, "rollout.max_tokens": asked.long,
            "rollout.max_model_len": asked.long + 128, "prune.mode": mode, "prune.probes": [asked.probe],
            "prune.cold_start": 0, "eval.every": 0, "sync.max_gap": 100.0,
            "rollout.sleep": str(sleep).lower(),
        }  # fmt: skip
        options = [f"--{key}={value}" for key, value in words.items()]
        command = [sys.executable, "-m", "trainer.cli", "policy", *options]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"training with prune.mode={mode} failed: see above")
        steady = read_metrics(out)[1:]
        keys = [key for key in steady[0] if key.startswith("seconds/") or key == "tokens_generated"]
        rows.append(
            {"mode": f"{mode}{', asleep' * sleep}"}
            | {k: float(np.mean([s[k] for s in steady])) for k in keys}
        )
    return rows


def tests(shape: str, work: Path) -> Rows:
    """``pytest -m gpu``: weight transfer first, alone, since engines beside it disturb vLLM's profiling."""
    del shape, work
    found = []
    for place in TESTS:
        command = [sys.executable, "-m", "pytest", "-n", "0", "-m", "gpu", place]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        print(done.stdout[-4000:], file=sys.stderr)
        last = done.stdout.strip().splitlines()[-1:] or [""]
        found.append({"tests": place, "exit": done.returncode, "summary": last[0]})
    return found


PARTS: Mapping[str, Callable[[str, Path], Rows]] = {
    "throughput": throughput,
    "pruning": pruning,
    "tests": tests,
    "training": training,
}


def _engine(shape: str, work: Path, share: float) -> Engine:
    asked = size()
    batch = max(*asked.batches, asked.groups * asked.samples)
    return Engine(
        model=make_model(shape, work),
        head=make_head(shape, work),
        sequences=batch,
        context=min(SHAPES[shape].context, asked.long + 128),
        share=share,
        sizes=(*asked.batches, batch) if batch not in asked.batches else asked.batches,
    )


def _rate(
    arm: str, batch: int, taken: list[dict[str, float]], plain: list[dict[str, float]]
) -> dict[str, Any]:
    """One arm at one batch; the ratio is of turns of the same round."""
    ratios = [p["seconds"] / t["seconds"] for p, t in zip(plain, taken, strict=True)]
    return {
        "arm": arm,
        "sequences": batch,
        "tokens_per_second": float(np.median([t["tokens"] / t["seconds"] for t in taken])),
        "ratio_to_plain": float(np.median(ratios)),
        "ratios": [round(r, 4) for r in ratios],
        "peak_mib": max(t["peak_mib"] for t in taken),
    }
