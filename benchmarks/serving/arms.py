"""The arms: what is sent where for one question, and what is made of the reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from arrol_serve.bundled import MODEL_NAME
from benchmarks.peers import ITS_HUB, OPTILLM
from benchmarks.serving.votes import deepconf, majority

SERVER = "arrol-serve"
"""The engine's own server, ours and plain vLLM's in one: without ``arrol`` a request is plain vLLM."""
UNIFORM = "arrol-serve, uniform vote"
"""The arm that accuracy is compared with."""
PRESETS = ("fast", "balanced", "best")
Choose = Callable[[Sequence[Mapping[str, Any]]], str]


def only(choices: Sequence[Mapping[str, Any]]) -> str:
    """The text of the one choice."""
    return str(choices[0]["message"]["content"] or "")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to answer. ``at`` is the server that is asked, ``fields`` what is added to the body."""

    name: str
    at: str
    fields: Mapping[str, Any]
    choose: Choose = only
    model: str = MODEL_NAME
    """What the request calls the model."""

    def body(self, question: str, seed: int, sampling: Mapping[str, Any]) -> dict[str, Any]:
        messages = [{"role": "user", "content": question}]
        return {"model": self.model, "messages": messages, "seed": seed, **sampling, **self.fields}


def search(samples: int, vote: str, **more: Any) -> dict[str, Any]:
    return {"arrol": {"samples": samples, "vote": vote, **more}}


def arms(samples: int, probe: int = 32, model: str = MODEL_NAME) -> list[Arm]:
    """All arms; the second is what the others are measured against. ``probe`` is in tokens."""
    half = {"keep": 0.5, "probes": [probe]}
    quarter = {"keep": 0.25, "probes": [probe, 2 * probe]}
    early = {"early_stop": {"agreement": 0.95}}
    confident = {"n": samples, "logprobs": True, "top_logprobs": 20}
    voting, consistent = (f"{a}-{model}" for a in ("majority_voting", "self_consistency"))
    found = [
        Arm("one sample", SERVER, {}),
        Arm(f"vLLM n={samples}, client votes", SERVER, {"n": samples}, majority),
        Arm(f"vLLM n={samples}, DeepConf offline", SERVER, confident, deepconf),
        Arm(UNIFORM, SERVER, search(samples, "uniform")),
        Arm("arrol-serve, quality vote", SERVER, search(samples, "quality")),
        Arm("arrol-serve, keep 0.5", SERVER, search(samples, "quality", prune=half)),
        Arm("arrol-serve, keep 0.25", SERVER, search(samples, "quality", prune=quarter)),
        Arm(
            "arrol-serve, keep 0.25, early stop",
            SERVER,
            search(samples, "quality", prune=quarter, **early),
        ),
        *(Arm(f"arrol-serve, {name}", SERVER, {"arrol": {"preset": name}}) for name in PRESETS),
        Arm(f"{ITS_HUB} self-consistency", ITS_HUB, {"budget": samples}),
    ]
    return [replace(arm, model=model) for arm in found] + [
        Arm(f"{OPTILLM} majority_voting", OPTILLM, {"k": samples}, model=voting),
        Arm(f"{OPTILLM} self_consistency", OPTILLM, {}, model=consistent),
    ]


BASELINE = 1
"""Index of the arm that goodput is relative to."""
