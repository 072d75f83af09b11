"""Reward functions as users write them, good and bad."""

from __future__ import annotations

import os
import time

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
