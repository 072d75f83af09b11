"""Random requests: every kind of plan, good and bad, and when their clients lose patience."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from arrol_serve.bundled import MODEL_NAME

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer", "minimum": 0, "maximum": 999}},
    "required": ["answer"],
    "additionalProperties": False,
}
KNOWN = 6
"""Requests whose replies are known, to notice answers that went to somebody else."""
SHARE_KNOWN, SHARE_LEAVE, SHARE_STREAM = 0.1, 0.5, 0.4
SOONEST_S, LATEST_S = 0.002, 30.0
"""When clients that leave do so, evenly by the logarithm: at every stage."""

Leaving = Literal["stays", "leaves", "cut off", "stalls"]
"""``cut off``: half of the body is sent. ``stalls``: a stream is opened and not read."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and what may come of it."""

    kind: str
    path: str
    body: dict[str, Any] | bytes
    statuses: tuple[int, ...] = (200,)
    """Those that are right, besides 429."""
    leaving: Leaving = "stays"
    after_s: float = math.inf
    key: str | None = None
    """Instead of the server's."""

    @property
    def known(self) -> int | None:
        """Which of the known requests it is."""
        return self.body["seed"] if self.kind == "known" and isinstance(self.body, dict) else None

    @property
    def streamed(self) -> bool:
        return isinstance(self.body, dict) and self.body.get("stream") is True

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def known_ask(number: int) -> Ask:
    """The same reply each time, whatever runs beside it."""
    body = _chat(f"What is {21 + number}*{13 + number}-7?", seed=number, max_tokens=40)
    if number % 2:
        body["arrol"] = {"samples": 4, "prune": {"keep": 0.5, "probes": [8]}}
    else:
        body["temperature"] = 0
    return Ask("known", CHAT, body)


def random_ask(rng: random.Random, latest_s: float = LATEST_S) -> Ask:
    """One of all kinds, which its client may leave, by ``latest_s`` if at all."""
    if rng.random() < SHARE_KNOWN:
        ask = known_ask(rng.randrange(KNOWN))
    else:
        ask = rng.choices(list(_KINDS), weights=list(_KINDS.values()))[0](rng)
    if isinstance(ask.body, bytes) or ask.kind == "bad":
        return ask
    if rng.random() < SHARE_STREAM:
        ask.body["stream"] = True
        if rng.random() < 0.5:
            ask.body["stream_options"] = {"include_usage": True}
        if "arrol" in ask.body and rng.random() < 0.3:
            ask.body["arrol"] = {**ask.body["arrol"], "stream": "progress"}
    return _impatient(ask, rng, latest_s)


def _impatient(ask: Ask, rng: random.Random, latest_s: float) -> Ask:
    if rng.random() >= SHARE_LEAVE:
        return ask
    ways: list[Leaving] = ["leaves", "leaves", "cut off"]
    if ask.streamed:
        ways.append("stalls")
    after = math.exp(rng.uniform(math.log(SOONEST_S), math.log(latest_s)))
    return Ask(ask.kind, ask.path, ask.body, ask.statuses, rng.choice(ways), after)


def _chat(question: str, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL_NAME, "messages": [{"role": "user", "content": question}], **fields}


def _question(rng: random.Random) -> str:
    return f"What is {rng.randint(2, 99)}*{rng.randint(2, 99)}-{rng.randint(0, 99)}?"


def _plain(rng: random.Random) -> Ask:
    body = _chat(_question(rng), max_tokens=rng.randint(1, 60), n=rng.choice([1, 1, 1, 3]))
    if rng.random() < 0.3:
        body |= {"logprobs": True, "top_logprobs": 5}
    return Ask("plain" if body["n"] == 1 else "plain n=3", CHAT, body)


def _search(rng: random.Random) -> Ask:
    plan = random_plan(rng)
    choices = rng.choice([1, 1, 2])
    tokens = rng.randint(40, 80)  # beyond the probes
    body = _chat(_question(rng), max_tokens=tokens, n=choices, arrol=plan)
    return Ask("search", CHAT, body, (200, 504) if "deadline_s" in plan else (200,))


def random_plan(rng: random.Random) -> dict[str, Any]:
    """An ``arrol`` object that the server takes."""
    samples = rng.randint(2, 12)
    plan: dict[str, Any] = {
        "samples": samples,
        "vote": rng.choice(["uniform", "quality", "rank", "confidence", "best"]),
        "scorer": rng.choice(["head", "head", "confidence"]),
        "return": rng.choice(["none", "summary", "candidates"]),
    }
    keep = rng.uniform(0.1, (samples - 1) / samples)  # more would prune nobody, which is refused
    probes = sorted(rng.sample(range(2, 40), rng.randint(1, 3)))
    policies: list[dict[str, Any] | None] = [
        None,
        {"policy": "never", "probes": probes},
        {"keep": keep, "probes": probes, "min_survivors": rng.randint(1, min(2, samples - 1))},
        {"policy": "successive_halving", "probes": probes},
        {"policy": "random", "keep": keep, "probes": probes},
    ]
    if plan["scorer"] == "head":
        policies.append({"policy": "threshold", "threshold": rng.random(), "probes": probes})
    prune = rng.choice(policies)
    if prune is not None:
        plan["prune"] = prune
    if rng.random() < 0.3:
        plan |= {"early_stop": {"agreement": rng.uniform(0.6, 1.0)}}
        plan |= {"min_samples": rng.randint(1, samples - 1)}
    if rng.random() < 0.2:
        plan["max_total_tokens"] = rng.randint(1, 300)
    if rng.random() < 0.2:
        plan["deadline_s"] = rng.uniform(0.1, 20.0)
    if rng.random() < 0.2:
        plan["answer"] = {"extract": "regex", "regex": r"(-?\d+)\D*$", "equivalence": "exact"}
    return plan


def _structured(rng: random.Random) -> Ask:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    body = _chat(_question(rng), max_tokens=40, response_format=form)
    if rng.random() < 0.6:
        body["arrol"] = {"samples": rng.randint(2, 6), "answer": {"extract": "json"}}
    return Ask("structured", CHAT, body)


def _completion(rng: random.Random) -> Ask:
    prompt = _question(rng).removeprefix("What is ").replace("?", "=")
    body: dict[str, Any] = {"model": MODEL_NAME, "prompt": prompt, "max_tokens": 24}
    if rng.random() < 0.5:
        body["arrol"] = {"samples": rng.randint(2, 8), "vote": "uniform"}
    return Ask("completion", COMPLETIONS, body)


def _bad(rng: random.Random) -> Ask:
    good = _chat(_question(rng))
    wrong: list[tuple[int, dict[str, Any] | bytes]] = [
        (400, good | {"arrol": {"samples": -3}}),
        (400, good | {"arrol": {"sampels": 3}}),
        (400, good | {"arrol": {"samples": 4, "answer": {"extract": "regex", "regex": "("}}}),
        (400, good | {"arrol": {"samples": 4}, "n": 9}),
        (400, good | {"messages": "hello"}),
        (400, good | {"max_tokens": 10**6}),
        (400, json.dumps(good).encode()[:-9]),
        (404, good | {"model": "nobody"}),
        (413, b'{"model": "' + b"x" * (9 * 2**20) + b'"}'),
    ]
    if rng.random() < 0.1:
        return Ask("bad", CHAT, good, (401,), key="not-a-key")
    status, body = rng.choices(wrong, weights=[9] * (len(wrong) - 1) + [1])[0]
    return Ask("bad", CHAT, body, (status,))


_KINDS: dict[Callable[[random.Random], Ask], float] = {
    _plain: 0.3,
    _search: 0.4,
    _structured: 0.1,
    _completion: 0.1,
    _bad: 0.1,
}
