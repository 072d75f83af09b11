"""Votes that a client takes itself over the n choices of one plain vLLM response. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec import AnswerSpec

SPEC = AnswerSpec()
WINDOW = 2048
"""Tokens of DeepConf's sliding window; shorter traces are one window."""
KEPT = 0.9
"""Share of the traces that DeepConf offline lets vote."""


def text_of(choice: Mapping[str, Any]) -> str:
    """A choice's text; unfinished ones have none to vote with."""
    return str(choice["message"]["content"] or "") if choice["finish_reason"] == "stop" else ""


def majority(choices: Sequence[Mapping[str, Any]]) -> str:
    """The first text with the most frequent answer."""
    answers = [extract(text_of(choice), SPEC) for choice in choices]
    counts = Counter(answer for answer in answers if answer is not None)
    if not counts:
        return text_of(choices[0])
    return text_of(choices[answers.index(counts.most_common(1)[0][0])])


def deepconf(choices: Sequence[Mapping[str, Any]]) -> str:
    """DeepConf offline (arXiv 2508.15260): the most confident traces vote by their confidence.

    A token's confidence is the mean of -log p over its top tokens; a trace's is its least window mean.
    """
    answered = [(c, extract(text_of(c), SPEC)) for c in choices]
    found = [(trace_confidence(c), answer, c) for c, answer in answered if answer is not None]
    if not found:
        return text_of(choices[0])
    found.sort(key=lambda item: -item[0])
    weights: dict[str, float] = defaultdict(float)
    kept = found[: max(1, math.ceil(KEPT * len(found)))]
    for weight, answer, _ in kept:
        weights[answer] += weight
    winner = max(weights, key=lambda answer: weights[answer])
    return text_of(next(c for _, answer, c in kept if answer == winner))


def trace_confidence(choice: Mapping[str, Any]) -> float:
    """The least mean over windows of the tokens' confidences."""
    tokens = [
        -sum(top["logprob"] for top in token["top_logprobs"]) / len(token["top_logprobs"])
        for token in choice["logprobs"]["content"]
    ]
    window = min(WINDOW, len(tokens))
    total = sum(tokens[:window])
    least = total
    for i in range(window, len(tokens)):
        total += tokens[i] - tokens[i - window]
        least = min(least, total)
    return least / window
