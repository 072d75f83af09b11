"""The same checks of arrol-serve, which has no upstream: the bundled model really samples.

What the scripted upstream does for a proxy, structured outputs do here: they force the model to choose
among given replies, and chance spreads its samples over them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from arrol_serve.bundled import MODEL, MODEL_NAME
from benchmarks.behaviour.finding import Finding, content, graded, hang_up, post, stream
from benchmarks.behaviour.proxies import HALVES, SAMPLES, TOOL

QUESTION = "What is 83*46-17+29?"
LONG = {"max_tokens": 400, "ignore_eos": True, "temperature": 1.0}
"""A search that takes some seconds."""
PATIENCE_S = 20.0
SEEDS = 40
"""Tried until one mixes the replies as a check needs them."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A running arrol-serve."""

    url: str

    def body(self, arrol: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": more.pop("said", QUESTION)}]
        options = {"samples": SAMPLES, "return": "candidates", **(arrol or {})}
        return {"model": MODEL_NAME, "messages": messages, "arrol": options, **more}

    def ask(self, arrol: dict[str, Any] | None = None, **more: Any) -> Any:
        return post(self.url, self.body(arrol, **more))[1]

    def texts(self, **more: Any) -> list[str]:
        """The text of every candidate."""
        return [c["text"] for c in self.ask(**more)["arrol"]["candidates"]]

    def metric(self, name: str) -> float:
        """The sum of a metric of the engine's own over its labels."""
        lines = httpx.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        found = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def parameters(ours: Ours) -> Finding:
    """By their effects on the candidates' texts."""
    hot = {"temperature": 1.75, "max_tokens": 30}
    first, again, other = (ours.texts(**hot, seed=seed) for seed in (5, 5, 6))
    cold = ours.texts(temperature=0.01, max_tokens=30)
    narrow = ours.texts(**hot, top_p=0.001)
    short = ours.ask(max_tokens=7, ignore_eos=True)["arrol"]["candidates"]
    stopped = ours.texts(**hot, seed=5, stop=["="])
    met = {
        "max_tokens": all(c["tokens"] == 7 for c in short),
        "temperature": len(set(cold)) == 1 < len(set(first)),
        "top_p": len(set(narrow)) == 1,
        "seed": first == again != other,
        "stop": any("=" in t for t in first) and not any("=" in t for t in stopped),
    }
    return graded("parameters", met, f"{len(set(first))} distinct texts of {SAMPLES} at 1.75")


def usage(ours: Ours) -> Finding:
    """Against the engine's own counters, with pruning."""
    names = ("vllm:generation_tokens_total", "vllm:prompt_tokens_total")
    before = [ours.metric(name) for name in names]
    reply = ours.ask({"prune": {"keep": 0.5, "probes": [32]}}, max_tokens=200)
    made, read = (ours.metric(name) - b for name, b in zip(names, before, strict=True))
    said = reply["usage"]
    met = {
        "completion_tokens": said["completion_tokens"] == made,
        "prompt_tokens": said["prompt_tokens"] * SAMPLES == read,
        "total_tokens": said["total_tokens"] == said["completion_tokens"] + said["prompt_tokens"],
    }
    return graded("usage", met, f"{said['completion_tokens']} generated, {made:.0f} by the engine")


def _among(replies: list[str]) -> dict[str, Any]:
    """Fields that make every sample one of ``replies``, behind a number that the model picks.

    At a high temperature one digit is nearly as good to it as another.
    """
    choice = [f"{i}. {reply}" for i, reply in enumerate(replies, 1)]
    return {"structured_outputs": {"choice": choice}, "temperature": 2.0, "max_tokens": 60}


def equivalence(ours: Ours) -> Finding:
    """A seed whose samples hold two spellings or more, and every half in one count."""
    for seed in range(SEEDS):
        found = ours.ask({"vote": "uniform"}, **_among([*HALVES, "The answer is 7."]), seed=seed)
        texts = [c["text"].partition(". ")[2] for c in found["arrol"]["candidates"]]
        halves = [t for t in texts if t in HALVES]
        if len(set(halves)) > 1:
            counts = {v["answer"]: v["count"] for v in found["arrol"]["votes"]}
            together = len(halves) in counts.values() and len(counts) <= 2
            seen = f"{len(halves)} halves in {len(set(halves))} spellings; counts {counts}"
            return Finding("equivalence", "yes" if together else "no", seen)
    return Finding("equivalence", "no", "the model never mixed its spellings")


def no_answer(ours: Ours) -> Finding:
    """A seed with more mute samples than answers, and an answer all the same."""
    replies = ["I do not know.", "The answer is 7."]
    for seed in range(SEEDS):
        order = replies if seed % 2 else replies[::-1]
        found = ours.ask({"vote": "uniform"}, **_among(order), seed=seed)
        mute = found["arrol"]["samples"]["no_answer"]
        if SAMPLES / 2 < mute < SAMPLES:
            right = "7" in content(found) and found["arrol"]["answer"] == "7"
            seen = f"{mute} of {SAMPLES} without answer, answers {content(found)!r}"
            return Finding("no answer", "yes" if right else "no", seen)
    return Finding("no answer", "no", "the model never mixed answers with none")


def disconnect(ours: Ours) -> Finding:
    before = ours.metric("vllm:generation_tokens_total")
    hang_up(ours.url, ours.body({"samples": 64}, **LONG), 0.7)
    end = time.monotonic() + PATIENCE_S
    while ours.metric("vllm:num_requests_running") and time.monotonic() < end:
        time.sleep(0.1)
    made = ours.metric("vllm:generation_tokens_total") - before
    time.sleep(1.0)
    after = ours.metric("vllm:generation_tokens_total") - before
    whole = 64 * LONG["max_tokens"]
    seen = f"{after:.0f} of {whole} tokens generated, {after - made:.0f} of them after the abort"
    return Finding("disconnect", "yes" if after < whole and after == made else "no", seen)


def bad_request(ours: Ours) -> Finding:
    status, reply = post(ours.url, ours.body(max_tokens=100_000))
    error = reply.get("error", {}) if isinstance(reply, dict) else {}
    met = {
        "status 400": status == 400,
        "the reason": "max" in str(error.get("message", "")),
        "an error object": {"message", "type", "param", "code"} <= set(error),
    }
    return graded("bad request", met, f"status {status}")


def stream_form(ours: Ours) -> Finding:
    return graded("stream form", stream(ours.url, ours.body(max_tokens=200)).form())


def keep_alive(ours: Ours) -> Finding:
    found = stream(ours.url, ours.body({"samples": 64}, **LONG))
    beats = sum(line.startswith(":") for line in found.lines)
    early = found.first_s < found.total_s / 2
    seen = f"first byte after {found.first_s / found.total_s:.0%} of the time, {beats} keep-alives"
    return Finding("keep-alive", "yes" if early and beats else "no", seen)


def tools(ours: Ours) -> Finding:
    """A forced call, since the bundled model has never seen one."""
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    # The grammar allows any white space, and this model, which knows no JSON, would write no end.
    bias = {str(vocabulary[blank]): -100 for blank in "ĉĊčĠ"}
    strict: dict[str, Any] = json.loads(json.dumps(TOOL["function"])) | {"strict": True}
    strict["parameters"] |= {"required": ["carry"], "additionalProperties": False}
    reply = ours.ask(
        {"answer": {"extract": "json"}},
        tools=[{"type": "function", "function": strict}],
        tool_choice={"type": "function", "function": {"name": "add"}},
        logit_bias=bias, max_tokens=120, seed=1,
    )  # fmt: skip
    calls = reply["choices"][0]["message"].get("tool_calls") or []
    made = calls[0]["function"] if calls else {}
    met = {
        "tools reach the model": bool(calls) and made["name"] == "add",
        "the call comes back": bool(calls) and "carry" in json.loads(made["arguments"]),
    }
    return graded("tools", met, f"{sum(v['count'] for v in reply['arrol']['votes'])} calls voted")


def isolation(ours: Ours) -> Finding:
    """Six searches at once, each of another size, with the answers that they give alone."""
    sizes = list(range(2, 8))

    def ask(size: int) -> Any:
        return ours.ask({"samples": size}, said=f"What is 90{size}+11?", seed=size, max_tokens=60)

    alone = [ask(size) for size in sizes]
    with ThreadPoolExecutor(len(sizes)) as pool:
        together = list(pool.map(ask, sizes))
    met = {}
    for size, one, many in zip(sizes, alone, together, strict=True):
        met[f"size {size}"] = many["arrol"]["samples"]["started"] == size
        met[f"answer {size}"] = content(one) == content(many)
    return graded("isolation", met)


CHECKS_OF_OURS: dict[str, Callable[[Ours], Finding]] = {
    "parameters": parameters,
    "usage": usage,
    "equivalence": equivalence,
    "no answer": no_answer,
    "disconnect": disconnect,
    "bad request": bad_request,
    "stream form": stream_form,
    "keep-alive": keep_alive,
    "tools": tools,
    "isolation": isolation,
}


def check_ours(ours: Ours) -> list[Finding]:
    """Every check. An unexpected reply is an error here: our own server has no excuse."""
    return [check(ours) for check in CHECKS_OF_OURS.values()]
