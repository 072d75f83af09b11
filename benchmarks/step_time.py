"""What scoring and group bookkeeping cost a step: ``python -m benchmarks step_time``.

The worker's scorer and the scheduler's step are called as vLLM calls them, on made-up rows, against the
rows of a step, the hidden size and the vocabulary. From the largest ones the overhead on an 8B model on a
GPU is projected; that is arithmetic, not a measurement.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.rows import StepRows
from arrol_serve.engine.plugin.scheduler import PruningMixin
from arrol_serve.engine.plugin.scorer import RowScorer
from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.wire import GroupPlan, MemberPlan, StepScores
from arrol_serve.quality.head import QualityHead
from benchmarks.plots.step_time import step_time_plot
from benchmarks.record import write_result

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
HIDDEN = (128, 512, 1024, 2048, 4096, 8192)
GROUP = 16
AT_ROWS = 128
"""Held while the hidden size varies."""
WIDTH = 64
"""Width of the head."""
MODELS = {"arrol-tiny": (128, 353), "Qwen3-8B": (4096, 151_936)}
"""Hidden size and vocabulary; the statistics read the whole distribution."""


def member_plan(row: int) -> MemberPlan:
    """Member ``row`` of groups of sixteen, far from its probe."""
    plan = GroupPlan(
        search=f"g{row // GROUP}",
        size=GROUP,
        candidates=GROUP,
        probes=[1_000_000],
        policy={"name": "top_fraction", "keep": 0.5},
        signals=["quality"],
    )
    return plan.member(row % GROUP)


def scoring(
    rows: int, hidden: int, vocabulary: int, *, at_probe: bool = False
) -> Callable[[], StepScores]:
    """One step's work in the worker: statistics of the sampled tokens, and the head for rows at a probe.

    ``at_probe``: all rows are at one; otherwise none is, as in most steps.
    """
    torch.manual_seed(0)
    scorer = RowScorer(rows, torch.device("cpu"))
    scorer.heads.current = NamedHead(QualityHead(hidden, width=WIDTH).eval(), "1")
    ends = Ends((1_000_000,), NEVER, anywhere=at_probe, stops=())
    for row in range(rows):
        scorer.admit(f"r{row}", member_plan(row), ends)
    states = torch.randn(rows, hidden)
    step = StepRows([f"r{row}" for row in range(rows)], states, None)
    logits = torch.randn(rows, vocabulary)
    sampled = torch.randint(0, vocabulary, (rows, 1), dtype=torch.int32)

    def work() -> StepScores:
        with torch.inference_mode():
            selection = scorer.select(step)
            assert selection is not None
            scorer.before_sampling(selection, logits)
            scorer.after_sampling(selection, sampled)
            scores = scorer.scores(selection, states)
            assert isinstance(scores, StepScores)  # as on every CPU
            return scores

    return work


class _Scheduler(PruningMixin):
    vllm_config = SimpleNamespace(num_speculative_tokens=0)


def bookkeeping(rows: int) -> Callable[[], object]:
    """One step's work in the scheduler: every member's score reaches its group."""
    from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs

    scheduler: Any = _Scheduler()
    for row in range(rows):
        params = SimpleNamespace(stop=None)
        request = SimpleNamespace(request_id=f"r{row}", num_output_tokens=5, sampling_params=params)
        scheduler._arrol_join(request, member_plan(row))
    written = [EngineCoreOutput(request_id=f"r{row}", new_token_ids=[7]) for row in range(rows)]
    outputs = {0: EngineCoreOutputs(outputs=written)}
    names = [f"r{row}" for row in range(rows)]
    scores = StepScores(names, [[[0.5, 0.0, 0.0]]] * rows, ["1"] * rows)
    return lambda: scheduler._arrol_step(outputs, scores)


def seconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median and 95th percentile of one call."""
    for _ in range(max(3, repeats // 10)):
        work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times)), float(np.percentile(times, 95))


def projection(rows: int, context: int = 2048) -> dict[str, Any]:
    """Bytes that a decoding step moves on Qwen3-8B in bfloat16, which is what bounds it on a GPU.

    The model's: its weights once and the KV cache of every row. Ours: the head's weights once, and every
    row's logits in bfloat16 once, by the kernel ``distribution``.
    """
    hidden, vocabulary = MODELS["Qwen3-8B"]
    layers, kv_heads, head_size, weights = 36, 8, 128, 8.2e9
    cache = 2 * 2 * layers * kv_heads * head_size * context
    model = 2 * weights + rows * cache
    ours = 4 * (hidden * WIDTH + WIDTH) + rows * vocabulary * 2
    return {"rows": rows, "context": context, "model_bytes": model, "our_bytes": ours,
            "overhead": ours / model}  # fmt: skip


def jobs() -> Iterator[tuple[str, dict[str, int], Callable[[], Callable[[], object]]]]:
    """Every point: its part, where it is, and how its work is made."""
    for rows in ROWS:
        yield "scheduler", {"rows": rows}, partial(bookkeeping, rows)
        for name, (hidden, vocabulary) in MODELS.items():
            where = {"rows": rows, "hidden": hidden, "vocabulary": vocabulary}
            work = partial(scoring, rows, hidden, vocabulary)
            yield f"scoring, {name}", where, work
            yield f"at a probe, {name}", where, partial(work, at_probe=True)
    for hidden in HIDDEN:
        vocabulary = MODELS["arrol-tiny"][1]
        where = {"rows": AT_ROWS, "hidden": hidden, "vocabulary": vocabulary}
        yield (
            "scoring by hidden size",
            where,
            partial(scoring, AT_ROWS, hidden, vocabulary, at_probe=True),
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks step_time", description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--note", default="", help="what readers must know of this run")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for part, where, make in tqdm(list(jobs()), unit="point"):
        heavy = where.get("vocabulary", 0) * where["rows"] > 1_000_000
        middle, high = seconds(make(), max(10, args.repeats // 10) if heavy else args.repeats)
        found.append({"part": part, **where, "seconds_p50": middle, "seconds_p95": high})
    settings = {
        "repeats": args.repeats,
        "threads": 1,
        "projection": [projection(rows) for rows in (1, 32, 128, 512)],
    }
    step_time_plot(write_result("step_time", settings, found, seeds=[0], note=args.note))


if __name__ == "__main__":
    main()
