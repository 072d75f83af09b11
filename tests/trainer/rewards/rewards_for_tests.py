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


def easy(*, reply: str, difficulty: int = 1) -> float:
    return 1 / difficulty


def needs_more(*, reply: str, rubric: str) -> float:
    return float(rubric in reply)


def trl_texts(
    prompts: list[str], completions: list[str], solution: list[str], **columns: object
) -> list[float | None]:
    """In the form of TRL; rewards are no probabilities."""
    assert prompts == columns["prompt_again"]
    return [
        None if reply == "pass" else 2.5 * (reply == gold)
        for reply, gold in zip(completions, solution, strict=True)
    ]


def trl_messages(
    completions: list[list[dict[str, str]]], answer: list[str], **_: object
) -> list[float]:
    replies = [completion[0]["content"] for completion in completions]
    return [float(reply == gold) for reply, gold in zip(replies, answer, strict=True)]


async def how_many(completions: list[str], **_: object) -> list[float]:
    """How many replies the call was for."""
    return [float(len(completions))] * len(completions)


def moody_lists(completions: list[str], **_: object) -> object:
    moody(question="", reply=completions[0], gold="")
    infinite = float("inf")
    return {"short": [1.0], "none": None, "odd": ["1", infinite]}.get(completions[0], [0.0, 1.0])
