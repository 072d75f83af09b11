"""Engines that need a process of their own; each command prints one JSON object as its last line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.engine.drafting import Drafting, drafting
from tests.engine.figures import all_figures, stopped
from tests.engine.groups import free_blocks, run_fixed
from tests.paths import HEAD, MODEL
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import build_engine
from trainer.engines.weight_transfer import sync_options

ON_GPU: dict[str, Any] = {
    "gpu_memory_utilization": 0.1,
    "kv_cache_memory_bytes": 2**30,
    "compilation_config": {"mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY"},
}
"""Room for several of these engines on one GPU, and graphs without minutes of compiling."""
GIB = 2**30
QUESTIONS = ["What is 12*34+5-6?", "Compute 99-12+7.", "hello", "17*23+4-9+88 = ?"]


def tokens(engine: Any) -> list[list[int]]:
    """Greedy and seeded tokens of a few plain requests."""
    from vllm import SamplingParams

    params = [SamplingParams(temperature=0, max_tokens=60)]
    params += [SamplingParams(temperature=1.0, seed=s, max_tokens=60) for s in range(3)]
    chats = [[{"role": "user", "content": q}] for q in QUESTIONS for _ in params]
    outputs = engine.chat(chats, params * len(QUESTIONS), use_tqdm=False)
    return [list(output.outputs[0].token_ids) for output in outputs]


def surest(engine: Any) -> list[list[list[int]]]:
    """Tokens of samplers that leave no choice but the likeliest one, and of the greedy one last."""
    from vllm import SamplingParams

    ways: list[dict[str, Any]] = [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-3}]
    chats = [[{"role": "user", "content": question}] for question in QUESTIONS]
    found = []
    for way in (*ways, {"temperature": 0.0}):
        params = SamplingParams(**{"temperature": 1.0, "seed": 3, "max_tokens": 60} | way)
        outputs = engine.chat(chats, params, use_tqdm=False)
        found.append([list(output.outputs[0].token_ids) for output in outputs])
    return found


def plain() -> dict[str, Any]:
    """vLLM without the plugin."""
    from vllm import LLM

    engine = LLM(str(MODEL), dtype="float32", max_model_len=512, seed=0, max_num_seqs=64, **_here())
    return {"tokens": tokens(engine), "scheduler": _scheduler_name(engine)}


def idle() -> dict[str, Any]:
    """The plugin loaded and not asked for anything."""
    engine = build_engine(MODEL, HEAD, sequences=64, **_here())
    return {"tokens": tokens(engine), "scheduler": _scheduler_name(engine)}


def tight() -> dict[str, Any]:
    """A KV cache of 24 blocks: groups are preempted all the time."""
    engine = build_engine(MODEL, HEAD, sequences=32, num_gpu_blocks_override=24, block_size=32)
    scheduler = engine.llm_engine.engine_core.engine_core.scheduler
    preempted = 0
    original = scheduler._preempt_request

    def count(*args: Any, **kwargs: Any) -> Any:
        nonlocal preempted
        preempted += 1
        return original(*args, **kwargs)

    scheduler._preempt_request = count
    before = free_blocks(scheduler)
    groups = run_fixed(engine, groups=3, size=8, tokens=120, probe=40, policy=("top_fraction", 0.5))
    return {
        "preempted": preempted,
        "counts": sorted(r.token_count for group in groups for r in group),
        "leaked_blocks": before - free_blocks(scheduler),
        "groups": len(scheduler.arrol_groups),
    }


def fixed() -> dict[str, Any]:
    """Four groups of 16 rollouts of 64 tokens, half of them pruned at 16."""
    engine = build_engine(MODEL, HEAD, sequences=64, **_here())
    scheduler = engine.llm_engine.engine_core.engine_core.scheduler
    before = free_blocks(scheduler)
    groups = run_fixed(engine, groups=4, size=16, tokens=64, probe=16, policy=("random", 0.5))
    rollouts = [rollout for group in groups for rollout in group]
    return {
        "scheduler": _scheduler_name(engine),
        "counts": sorted(r.token_count for r in rollouts),
        "scores": [r.report.get("quality") for r in rollouts],
        "leaked_blocks": before - free_blocks(scheduler),
        "groups": len(scheduler.arrol_groups),
    }


def twice() -> dict[str, Any]:
    """Two engines one after the other, both of which score."""
    found = []
    for _ in range(2):
        engine = build_engine(MODEL, HEAD, sequences=64, **_here())
        ((one, *_),) = run_fixed(
            engine, groups=1, size=2, tokens=8, probe=4, policy=("never", None)
        )
        found.append([list(one.token_ids), one.report["quality"], one.report["probes"]])
        engine.llm_engine.engine_core.shutdown()
        del engine
    return {"first": found[0], "second": found[1]}


def lagging() -> dict[str, Any]:
    """As on a GPU, the next step is under way when a step's tokens are looked at."""
    from vllm.config import VllmConfig

    VllmConfig.max_concurrent_batches = 2
    scheduler = "arrol_serve.engine.plugin.scheduler.AsyncPruningScheduler"
    return figures(scheduler_cls=scheduler)


def figures(**options: Any) -> dict[str, Any]:
    """Every figure that the plugin makes: of a pruned group, an unpruned one and what they recorded."""
    return all_figures(build_engine(MODEL, HEAD, sequences=64, **_here(), **options), 1.0)


def greedy() -> dict[str, Any]:
    """The same of the likeliest tokens, one at a time."""
    engine = build_engine(MODEL, HEAD, sequences=64, **_here())
    return {"greedy": all_figures(engine, 0.0), **_stops(engine)}


def ngrams() -> dict[str, Any]:
    """With drafts looked up in what was said: the likeliest tokens, and sampled ones."""
    engine = _drafting(drafting("ngram"))
    found = {"greedy": _figures(engine, 0.0), "sampled": _figures(engine, 1.0)}
    return found | _stops(engine) | {"sure": surest(engine)}


def with_drafts(method: str, folder: str) -> dict[str, Any]:
    """The likeliest tokens with drafts of a drafter that is made in ``folder``, where it is not there yet."""
    return _figures(_drafting(drafting(method, Path(folder))), 0.0)


def without_drafts(method: str, folder: str) -> dict[str, Any]:
    """The same model without them."""
    parts = drafting(method, Path(folder))
    return _figures(build_engine(parts.model, parts.head, sequences=64, **_here()), 0.0)


def _drafting(parts: Drafting) -> Any:
    here = _here() | {"speculative_config": parts.speculative_config, "records": _records()}
    return build_engine(parts.model, parts.head, sequences=64, **here)


def _figures(engine: Any, temperature: float) -> dict[str, Any]:
    return all_figures(engine, temperature, records=_records())


def _records() -> bool:
    """Whether an engine that drafts records features here."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def asleep() -> dict[str, Any]:
    """For a GPU: memory while the engine sleeps, and what it samples before and after, weights sent anew."""
    import torch

    here = _here() | {"kv_cache_memory_bytes": 2 * GIB, "enable_sleep_mode": True}
    llm = build_engine(MODEL, HEAD, sequences=64, **here, **sync_options("path"))
    engine = LocalEngine(llm, sleeps=True)
    engine.client.init_weight_transfer_engine({})
    before, free = tokens(llm), [torch.cuda.mem_get_info()[0]]
    engine.sleep()
    free.append(torch.cuda.mem_get_info()[0])
    with engine.updating("again"):
        engine.start_weight_update()
        engine.update_weights({"path": str(MODEL)})
        engine.finish_weight_update()
    free.append(torch.cuda.mem_get_info()[0])
    return {
        "wanted": 2 * GIB,
        "freed": free[1] - free[0],
        "taken_again": free[1] - free[2],
        "before": before,
        "after": tokens(llm),
    }


def _stops(engine: Any) -> dict[str, Any]:
    return {kind: stopped(engine, kind) for kind in ("token", "string")}


def _here() -> dict[str, Any]:
    from vllm.platforms import current_platform

    return ON_GPU if current_platform.is_cuda() else {"enforce_eager": True}


def _scheduler_name(engine: Any) -> str:
    return type(engine.llm_engine.engine_core.engine_core.scheduler).__name__


if __name__ == "__main__":
    commands = (
        *(plain, idle, tight, fixed, figures, twice, lagging, asleep),
        *(greedy, ngrams, with_drafts, without_drafts),
    )
    named: dict[str, Any] = {command.__name__: command for command in commands}
    print(json.dumps(named[sys.argv[1]](*sys.argv[2:])))
