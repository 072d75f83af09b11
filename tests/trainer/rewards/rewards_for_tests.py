"""Reward functions as users write them, good and bad."""

from __future__ import annotations

import os
import time
from pathlib import Path

NOT_A_FUNCTION = 1


def length(*, question: str, reply: str, gold: str) -> float:
    return min(1.0, len(reply) / 10)


def moody(*, question: str, reply: str, gold: str) -> object:
    """Does what the reply says."""
    if reply == "hang":
        time.sleep(10_000)
    if reply == "spin":
        while True:
            pass
    if reply == "raise":
        raise ValueError("no such luck")
    if reply == "leave":
        raise SystemExit(0)
    if reply == "die":
        os._exit(3)
    return {"nan": float("nan"), "two": 2.0, "text": "1", "none": None}.get(reply, reply == gold)


def after_the_first(*, reply: str) -> bool:
    """Wrong until the metrics of a first evaluation are in the file ``REWARD_METRICS``."""
    return bool(Path(os.environ["REWARD_METRICS"]).read_text())
