"""In a process of its own, since vLLM leaves its sockets to the end of one: plans replayed and really run.

Prints one JSON object: the kept tokens and scores of each question, and for each plan both outcomes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.pipeline import SearchOutcome
from arrol_serve.rollout import Fate
from tests.evaluation.tuning.replay_cases import plan_of
from trainer.evaluation.datasets import Source, load
from trainer.evaluation.grading import grade
from trainer.evaluation.sampling import Settings
from trainer.evaluation.tuning.live import LiveEngine
from trainer.evaluation.tuning.one_pass import ARM, recorded
from trainer.evaluation.tuning.replay import WaveCache, replay
from trainer.evaluation.tuning.run_presets import measured

ITEMS = load(["arithmetic:6"], Source(limit=6))
SETTINGS = Settings(samples=12, temperature=1.75, max_tokens=200)
PROBES = (16, 24, 32, 48)
BODIES: list[dict[str, Any]] = [
    {"samples": 12, "prune": {"keep": 0.5, "probes": [24]}},
    {"samples": 8, "prune": {"keep": 0.25, "probes": [16, 32, 48]}, "vote": "evidence"},
    {"samples": 12, "min_samples": 3, "early_stop": {"confidence": 0.8}},
    {
        "samples": 12,
        "min_samples": 4,
        "wave_samples": 2,
        "early_stop": {"confidence": 0.9},
        "prune": {"keep": 0.5, "probes": [32]},
        "vote": "evidence",
    },
    {
        "samples": 12,
        "min_samples": 2,
        "early_stop": {"confidence": 0.99},
        "prune": {"keep": 0.5, "probes": [24, 48]},
    },
]
LATE = [dict(body) for body in BODIES]
"""Run once more, with siblings that come apart."""


class Late:
    """The engine's client on a busy machine: siblings come to the engine some steps apart."""

    def __init__(self, client: Any) -> None:
        self._client, self._delays = client, itertools.cycle([0.0, 0.02, 0.005, 0.01])

    async def generate(self, *args: Any, **options: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(next(self._delays))
        async for output in self._client.generate(*args, **options):
            yield output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def main() -> None:
    pool = AnswerPool(workers=1, timeout_s=60.0)
    engine = LiveEngine(MODEL, HEADS / MODEL_NAME, SETTINGS, ITEMS)
    groups = zip(ITEMS, engine.sample(ITEMS, PROBES), strict=True)
    kept = [recorded(grade(pool, ARM, item, group, AnswerSpec())) for item, group in groups]
    plans = []
    for body in (*BODIES, *LATE):
        if body is LATE[0]:
            engine.client = Late(engine.client)
        plan = plan_of(body)
        outcomes = engine.search(ITEMS, plan, pool)
        live = measured(body, ITEMS, outcomes, pool, AnswerSpec())
        plans.append(
            {
                "replayed": [asdict(replay(plan, WaveCache(question))) for question in kept],
                "right": live.right.tolist(),
                "by_rule": live.by_rule.tolist(),
                "confidence": live.confidence.tolist(),
                "tokens": live.tokens.tolist(),
                "finished": [finished(outcome) for outcome in outcomes],
                "started": [len(outcome.rollouts) for outcome in outcomes],
            }
        )
    engine.close()
    pool.close()
    questions = [{"tokens": q.tokens, "probes": [list(s) for s in q.scores]} for q in kept]
    print("\n" + json.dumps({"questions": questions, "plans": plans}), flush=True)


def finished(outcome: SearchOutcome) -> dict[int, int]:
    """Tokens of the candidates that vote."""
    return {r.index: r.token_count for r in outcome.rollouts if r.fate is Fate.FINISHED}


if __name__ == "__main__":
    main()
