"""Every figure that the plugin makes, of one engine, to be compared with those of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from arrol_serve.engine.plugin.wire import KEY
from trainer.engines.sampling import GroupRequest, member_plan, sample_groups, sampled_rollout

FIGURES = ("tokens", "ends", "probes", "quality", "confidence", "logprobs", "recorded")
QUESTIONS = ("17*23+4-9+88 = ?", "What is 12*34+5-6?", "What is 48*37-29+5-61?")
PROBES = (12, 24)
RECORDED = (5, 20)
SHORT = (22, 23, 24)
"""Lengths at which rollouts are cut off besides."""
PLANS: tuple[dict[str, Any], ...] = (
    {"probes": PROBES, "policy": {"name": "random", "keep": 0.5}},
    {},
)


def all_figures(engine: Any, temperature: float, *, records: bool = True) -> dict[str, Any]:
    """Of pruned and unpruned groups, and, if asked for, of what they recorded."""
    import vllm

    engine.collective_rpc("arrol_take_features")  # what others left

    requests = [
        GroupRequest(
            f"figures-{temperature}-{place}-{number}",
            question,
            seed=7,
            temperature=temperature,
            signals=("quality", "confidence"),
            record=RECORDED if records else None,
            **plan,
        )
        for place, plan in enumerate(PLANS)
        for number, question in enumerate(QUESTIONS)
    ]
    core = engine.llm_engine.engine_core.engine_core
    names = [request.name for request in requests]
    with observed(core.scheduler) as runs:
        groups = sample_groups(engine, requests, 4, max_tokens=120, logprobs=True)
        for length in SHORT:
            cut = [replace(r, name=f"{r.name}-{length}") for r in requests[-len(QUESTIONS) :]]
            names += [request.name for request in cut]
            groups += sample_groups(engine, cut, 4, max_tokens=length, logprobs=True)
    (record,) = engine.collective_rpc("arrol_take_features")
    rollouts = [rollout for group in groups for rollout in group]
    order = sorted(
        range(len(record.tokens)),
        key=lambda i: (names.index(record.groups[i]), record.indices[i], record.tokens[i]),
    )
    return {
        "vllm": vllm.__version__,
        "scheduler": type(core.scheduler).__name__,
        "steps_at_once": core.batch_queue_size,
        "runs": runs,
        "prompts": [list(r.prompt_ids) for r in rollouts],
        "tokens": [list(r.token_ids) for r in rollouts],
        "ends": [[r.finish_reason, r.stop_reason] for r in rollouts],
        "probes": [[list(probe) for probe in r.report["probes"]] for r in rollouts],
        "quality": [r.report["quality"] for r in rollouts],
        "confidence": [r.report["confidence"] for r in rollouts],
        "logprobs": [list(r.logprobs) for r in rollouts],
        "recorded": [[record.tokens[i], *record.features[i].tolist()] for i in order],
    }


STOP = "*"
"""Stands in every reply, two or three tokens from its start."""


def stopped(engine: Any, kind: str) -> dict[str, Any]:
    """Greedy rollouts that end at ``STOP``, as a token or as a string: how each ended, and its signals."""
    from vllm import SamplingParams

    (token,) = engine.get_tokenizer().encode(STOP, add_special_tokens=False)
    end: dict[str, Any] = {"stop_token_ids": [token]} if kind == "token" else {"stop": [STOP]}
    group = GroupRequest(f"stop-{kind}", "", seed=0, signals=("quality", "confidence"))
    plan = {KEY: member_plan(group, 0, 1)}
    params = SamplingParams(temperature=0, max_tokens=60, extra_args=plan, **end)
    core = engine.llm_engine.engine_core.engine_core
    with observed(core.scheduler) as runs:
        outputs = engine.chat(
            [[{"role": "user", "content": question}] for question in QUESTIONS],
            params,
            use_tqdm=False,
        )
    rollouts = [sampled_rollout("", 0, output) for output in outputs]
    return {
        "runs": runs,
        "texts": [r.text for r in rollouts],
        "tokens": [list(r.token_ids) for r in rollouts],
        "ends": [[r.finish_reason, r.stop_reason] for r in rollouts],
        "quality": [r.report["quality"] for r in rollouts],
        "confidence": [r.report["confidence"] for r in rollouts],
    }


@contextmanager
def observed(scheduler: Any) -> Iterator[list[tuple[int, int]]]:
    """(tokens before, tokens after) of each request in each step, as the model sampled them."""
    original = scheduler.update_from_output
    runs: list[tuple[int, int]] = []

    def update(scheduled: Any, sampled: Any) -> Any:
        for req_id, tokens in zip(sampled.req_ids, sampled.sampled_token_ids, strict=True):
            if (request := scheduler.requests.get(req_id)) is not None:
                before = request.num_output_tokens
                runs.append((before, before + len(tokens)))
        return original(scheduled, sampled)

    scheduler.update_from_output = update
    try:
        yield runs
    finally:
        del scheduler.update_from_output
