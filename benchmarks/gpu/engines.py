"""Engines that take turns in one run, each in a process of its own: plain vLLM, the plugin idle, scoring."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from arrol_serve.engine.plugin.wire import KEY, packed

PLAIN, IDLE, SCORING = "plain vLLM", "plugin idle", "scoring on"
START_S = 300
"""Seconds that an engine may take to start: it compiles and captures its graphs."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What an engine is built with."""

    model: Path
    head: Path
    sequences: int
    context: int
    share: float
    """Share of the GPU's memory."""
    sizes: tuple[int, ...]
    """Batch sizes that CUDA graphs are captured for."""


@dataclass(frozen=True, slots=True)
class Job:
    """Groups to sample to a fixed length. ``keep``: None prunes nobody."""

    groups: int
    samples: int
    tokens: int
    seed: int
    score: bool = True
    keep: float | None = None
    probe: int = 32


def served(arm: str, engine: Engine, pipe: Connection) -> None:
    """In a process: each message is a ``Job``, each reply what it took."""
    import torch

    llm = _build(arm, engine)
    pipe.send("ready")
    while (job := pipe.recv()) is not None:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        generated = _generate(llm, job, arm)
        pipe.send({"tokens": generated, "seconds": time.perf_counter() - began, **_memory()})


def _build(arm: str, engine: Engine) -> Any:
    import torch

    from trainer.engines.sampling import build_engine

    on_gpu = torch.cuda.is_available()
    plain: dict[str, Any] = {"worker_cls": "auto", "scheduler_cls": None} if arm == PLAIN else {}
    graphs: dict[str, Any] = {"compilation_config": {"cudagraph_capture_sizes": list(engine.sizes)}}
    return build_engine(
        engine.model,
        engine.head,
        sequences=engine.sequences,
        load_format="dummy",
        dtype="bfloat16" if on_gpu else "float32",
        max_model_len=engine.context,
        gpu_memory_utilization=engine.share,
        **(graphs if on_gpu else {}),
        **plain,
    )


def _generate(llm: Any, job: Job, arm: str) -> int:
    from vllm import SamplingParams

    from trainer.engines.sampling import NEVER, GroupRequest, member_plan

    policy = NEVER if job.keep is None else {"name": "top_fraction", "keep": job.keep}
    prompts, params = [], []
    for number in range(job.groups):
        seed = job.seed + number * job.samples
        group = GroupRequest(
            f"{job.seed}/{number}",
            "",
            seed,
            policy=policy,
            signals=("quality",),
            probes=(job.probe,),
        )
        for index in range(job.samples):
            plan = member_plan(group, index, job.samples)
            wanted = arm == SCORING and job.score
            prompts.append([{"role": "user", "content": f"What is {number + 12}*34-5+6?"}])
            params.append(
                SamplingParams(
                    temperature=1.0,
                    max_tokens=job.tokens,
                    ignore_eos=True,
                    seed=seed + index,
                    extra_args={KEY: packed(plan)} if wanted else None,
                )
            )
    outputs = llm.chat(prompts, params, use_tqdm=False)
    return sum(len(o.outputs[0].token_ids) for o in outputs)


def _memory() -> dict[str, float]:
    """Peak of what the process holds, in MiB."""
    import torch

    if torch.cuda.is_available():
        return {"peak_mib": torch.cuda.max_memory_allocated() / 2**20}
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10}


@contextmanager
def turns(engines: Mapping[str, Engine]) -> Iterator[dict[str, Any]]:
    """Arm -> pipe to its engine. They start one after another: each looks at what memory is free."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Any] = {}
    processes = []
    try:
        for arm, engine in engines.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=served, args=(arm, engine, theirs), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            if not ours.poll(START_S):
                raise SystemExit(f"the engine of {arm!r} did not start in {START_S} s")
            try:
                ours.recv()
            except EOFError:
                raise SystemExit(f"the engine of {arm!r} did not start: see above") from None
            pipes[arm] = ours
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.send(None)
        for process in processes:
            process.join(20)
            process.kill()
