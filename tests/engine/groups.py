"""Runs rollout groups on the session's engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from arrol_serve.engine.plugin.wire import KEY, GroupPlan
from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.engines.sampling import GroupRequest, SampledRollout, sample_groups, sampled_rollout

_names = iter(range(10**9))


def ask(engine: Any, question: str, **options: Any) -> list[list[SampledRollout]]:
    """One group on one question, scored by the head."""
    return ask_many(engine, [{"question": question, **options}])


def ask_many(engine: Any, plans: Sequence[Mapping[str, Any]]) -> list[list[SampledRollout]]:
    """Several groups of the same size at once, each with its own plan."""
    sizes = {plan["size"] for plan in plans}
    assert len(sizes) == 1
    requests = [
        GroupRequest(
            name=f"test-{next(_names)}",
            question=plan["question"],
            seed=plan.get("seed", 0),
            probes=plan.get("probes", ()),
            policy=_policy(plan.get("policy")),
            signals=plan.get("signals", ("confidence", "quality")),
            record=plan.get("record"),
            to_end=plan.get("to_end", True),
        )
        for plan in plans
    ]
    return sample_groups(engine, requests, sizes.pop(), max_tokens=plans[0].get("tokens", 200))


def _policy(short: tuple[str, float | None] | None) -> dict[str, Any] | None:
    if short is None:
        return None
    name, keep = short
    return {"name": name} if keep is None else {"name": name, "keep": keep}


def start(
    engine: Any,
    question: str,
    *,
    size: int,
    probes: Sequence[int],
    policy: tuple[str, float | None] | None,
    tokens: int = 64,
    cap: int | None = None,
    groups: int = 1,
) -> list[str]:
    """Add groups that never stop by themselves, without stepping the engine; return request ids."""
    from vllm import SamplingParams

    tokenizer = engine.get_tokenizer()
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=True
    )
    ids = prompt["input_ids"] if isinstance(prompt, Mapping) else prompt
    started = []
    for _ in range(groups):
        name = f"test-{next(_names)}"
        for index in range(size):
            plan = GroupPlan(
                search=name,
                size=size,
                candidates=size,
                probes=probes,
                policy=_policy(policy) or {"name": "never"},
                seed=5,
                max_total_tokens=cap,
                signals=["quality"],
            ).member(index)
            params = SamplingParams(
                temperature=1.0,
                max_tokens=tokens,
                ignore_eos=True,
                seed=index,
                extra_args={KEY: plan},
            )
            engine.llm_engine.add_request(f"{name}-{index}", {"prompt_token_ids": ids}, params)
            started.append(f"{name}-{index}")
    return started


def drain(engine: Any, each_step: Callable[[], object] | None = None) -> list[Any]:
    """Step the engine until it is idle; return the finished outputs."""
    done = []
    while engine.llm_engine.has_unfinished_requests():
        done += [output for output in engine.llm_engine.step() if output.finished]
        if each_step is not None:
            each_step()
    engine.llm_engine.step()
    return done


def run_fixed(
    engine: Any,
    *,
    groups: int,
    size: int,
    tokens: int,
    probe: int | tuple[int, ...],
    policy: tuple[str, float | None] | None,
    cap: int | None = None,
    each_step: Callable[[], object] | None = None,
) -> list[list[SampledRollout]]:
    """Groups of rollouts that would all be ``tokens`` long if nothing ended them."""
    probes = (probe,) if isinstance(probe, int) else probe
    ids = start(
        engine,
        "What is 12*3+5?",
        size=size,
        probes=probes,
        policy=policy,
        tokens=tokens,
        cap=cap,
        groups=groups,
    )
    outputs = {output.request_id: output for output in drain(engine, each_step)}
    assert set(outputs) == set(ids)
    rollouts = [sampled_rollout("", i % size, outputs[name]) for i, name in enumerate(ids)]
    return [rollouts[i : i + size] for i in range(0, len(rollouts), size)]


def pruned(rollout: SampledRollout) -> bool:
    return rollout.stop_reason == PRUNED_STOP_REASON


def free_blocks(scheduler: Any) -> int:
    count: int = scheduler.kv_cache_manager.block_pool.get_num_free_blocks()
    return count
