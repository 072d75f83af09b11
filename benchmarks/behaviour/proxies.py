"""The checks of a proxy, in front of the scripted upstream."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.behaviour.finding import (
    Finding,
    Verdict,
    content,
    graded,
    hang_up,
    post,
    stream,
)
from benchmarks.behaviour.upstream import COMPLETION_TOKENS, MODEL, PROMPT_TOKENS, Upstream

SAMPLES = 8
HALVES = ["The answer is 1/2.", "The answer is 0.5.", "The answer is \\frac{1}{2}."]
SENT: dict[str, Any] = {
    "max_tokens": 77,
    "temperature": 0.35,
    "top_p": 0.9,
    "seed": 123,
    "stop": ["STOP"],
}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"carry": {"type": "boolean"}}},
    },
}
CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "add", "arguments": '{"carry": true}'},
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy under test. ``search`` are the fields that ask it for so many samples."""

    name: str
    url: str
    upstream: Upstream
    model: str
    search: Callable[[int], dict[str, Any]]

    def body(
        self, samples: int = SAMPLES, said: str = "What is 3-2?", **more: Any
    ) -> dict[str, Any]:
        messages = [{"role": "user", "content": said}]
        return {"model": self.model, "messages": messages, **self.search(samples), **more}

    def ask(self, **more: Any) -> tuple[int, Any]:
        return post(self.url, self.body(**more))


def parameters(proxy: Proxy) -> Finding:
    script = proxy.upstream.play()
    proxy.ask(**SENT)
    bodies = [call.body for call in script.calls]
    met = {
        key: bool(bodies) and all(_same(b.get(key), v) for b in bodies) for key, v in SENT.items()
    }
    if bodies and all("seed" in body for body in bodies):
        met["seed"] = True  # a proxy that varies the seed from sample to sample does right
    return graded("parameters", met, f"{len(bodies)} upstream calls")


def _same(found: Any, sent: Any) -> bool:
    return bool(found == sent or [found] == sent)


def usage(proxy: Proxy) -> Finding:
    script = proxy.upstream.play()
    _, reply = proxy.ask()
    found = reply.get("usage") or {}
    paid, read = COMPLETION_TOKENS * script.choices(), PROMPT_TOKENS * len(script.calls)
    met = {
        "completion_tokens": found.get("completion_tokens") == paid,
        "prompt_tokens": found.get("prompt_tokens") == read,
        "total_tokens": found.get("total_tokens") == paid + read,
    }
    said = {key: found.get(key) for key in met}
    return graded("usage", met, f"says {_listed(said)}; the upstream says {paid} and {read}")


def _listed(said: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.split('_')[0]} {value}" for key, value in said.items())


def equivalence(proxy: Proxy) -> Finding:
    """Most of 5 or 8 samples are a half, in three spellings, none of which comes as often as 7."""
    sevens = ["The answer is 7."] * 3
    replies = [*HALVES, *sevens[:2], *HALVES[:2], sevens[2]]
    return _voted(proxy, "equivalence", replies, HALVES)


def no_answer(proxy: Proxy) -> Finding:
    """Most of 5 or 8 samples do not know; the others agree."""
    mute, sure = "I do not know.", "The answer is 7."
    return _voted(proxy, "no answer", [mute, mute, mute, sure, sure, mute, mute, sure], [sure])


def _voted(proxy: Proxy, check: str, replies: list[str], right: list[str]) -> Finding:
    """The vote must find one of ``right`` in either order: else the first sample might just win."""
    said = []
    for first in (0, 4):
        proxy.upstream.play(replies=[*replies[first:5], *replies[:first], *replies[5:]])
        said.append(content(proxy.ask()[1]))
    hits = sum(any(answer in text for answer in right) for text in said)
    verdict: Verdict = "yes" if hits == 2 else "partly" if hits else "no"
    return Finding(
        check, verdict, f"two orders of the samples, answers {said[0]!r} and {said[1]!r}"
    )


def disconnect(proxy: Proxy) -> Finding:
    script = proxy.upstream.play(delay_s=2.0)
    hang_up(proxy.url, proxy.body(), 0.7)
    time.sleep(4.0)
    done = script.choices()
    calls = len(script.calls)
    left = sum(call.state == "cancelled" for call in script.calls)
    proxy.upstream.play()
    seen = f"{left} of {calls} upstream calls were cancelled, {done} samples generated after all"
    time.sleep(2.0)
    return Finding("disconnect", "yes" if left and not done else "no", seen)


def bad_request(proxy: Proxy) -> Finding:
    reason = "max_tokens is too large for this model"
    script = proxy.upstream.play(refuse=reason)
    status, reply = proxy.ask()
    error = reply.get("error") if isinstance(reply, dict) else None
    met = {
        "status 400": status == 400,
        "the reason": reason in str(reply),
        "an error object": isinstance(error, dict) and "message" in error,
    }
    return graded("bad request", met, f"status {status} after {len(script.calls)} upstream calls")


def stream_form(proxy: Proxy) -> Finding:
    proxy.upstream.play(replies=["I thought about it for a while. The answer is 1."])
    return graded("stream form", stream(proxy.url, proxy.body()).form())


def keep_alive(proxy: Proxy) -> Finding:
    proxy.upstream.play(delay_s=2.0)
    found = stream(proxy.url, proxy.body())
    early = found.first_s < 1.5
    seen = f"first byte after {found.first_s / found.total_s:.0%} of the time"
    return Finding("keep-alive", "yes" if early else "no", seen)


def tools(proxy: Proxy) -> Finding:
    script = proxy.upstream.play(tool_calls=[CALL])
    _, reply = proxy.ask(tools=[TOOL])
    message = (
        reply["choices"][0]["message"] if isinstance(reply, dict) and reply.get("choices") else {}
    )
    calls = message.get("tool_calls") or []
    met = {
        "tools reach the model": any(call.body.get("tools") for call in script.calls),
        "the call comes back": bool(calls) and calls[0]["function"] == CALL["function"],
    }
    return graded("tools", met)


def isolation(proxy: Proxy) -> Finding:
    """Six searches at once, each of another size, whose answers are their own numbers."""
    script = proxy.upstream.play(delay_s=0.3, echo=True)
    sizes = list(range(2, 8))
    with ThreadPoolExecutor(len(sizes)) as pool:
        jobs = [pool.submit(proxy.ask, samples=n, said=f"Repeat: 90{n}") for n in sizes]
        replies = [job.result()[1] for job in jobs]
    met = {}
    for size, reply in zip(sizes, replies, strict=True):
        mine = [c for c in script.calls if str(c.body["messages"]).count(f"90{size}")]
        met[f"size {size}"] = sum(int(c.body.get("n") or 1) for c in mine) == size
        met[f"answer {size}"] = f"90{size}" in content(reply)
    return graded("isolation", met)


PROXY_CHECKS: dict[str, Callable[[Proxy], Finding]] = {
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


def check_proxy(proxy: Proxy) -> list[Finding]:
    """Every check; one that the proxy answers with something unreadable is a "no" that says so."""
    findings = []
    for name, check in PROXY_CHECKS.items():
        try:
            findings.append(check(proxy))
        except Exception as error:  # noqa: BLE001  # whatever a proxy sends must not end the run
            seen = f"no usable reply: {type(error).__name__}: {error}"
            findings.append(Finding(name, "no", seen))
    return findings


def model_of(approach: str) -> str:
    """optillm takes the approach as a prefix of the model's name."""
    return f"{approach}-{MODEL}"
