"""Numbers that a run computes with, and how exactly two programs can then agree."""

from __future__ import annotations

import os

import torch

from trainer.sections import OptimSection, SyncSection

GAPS = {torch.float32: 1e-4, torch.bfloat16: 0.15}
"""Nats a token between engine and trainer, the mean over a probe's tokens: in bfloat16 three times what
probes of right weights reach, see docs/training.md."""


def device() -> torch.device:
    """This process's GPU where there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def compute_dtype(options: OptimSection) -> torch.dtype:
    """The type of forward and backward passes, the engine in this process and exports."""
    if options.dtype == "auto":
        return torch.bfloat16 if torch.cuda.is_available() else torch.float32
    dtype: torch.dtype = getattr(torch, options.dtype)
    return dtype


def allowed_gap(sync: SyncSection, optim: OptimSection) -> float:
    return GAPS[compute_dtype(optim)] if sync.max_gap == "auto" else sync.max_gap
