"""What the plugin costs: ``python -m benchmarks plugin_cost``.

Two engines, each in its own process: plain vLLM, and one with the plugin, which is idle in one arm and
scores every request in the other, where groups of 16 are judged at a probe and nobody is pruned. The arms
take turns on the same prompts. Two processes that run the same code can differ by some per cent for as long
as they live: so each pair lives for a part of the rounds only, and scoring is compared with the idle plugin
of the same process. Engines of one thread in their own process: what counts is CPU seconds, which a busy
machine changes little.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from tqdm import tqdm

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.engine.plugin.wire import KEY, packed
from benchmarks.plots.plugin_cost import cost_plot
from benchmarks.record import write_result
from trainer.evaluation.reporting.statistics import bootstrap

PLAIN, IDLE, SCORING = ARMS = ("plain vLLM", "plugin idle", "scoring on")
PROBE, GROUP = 32, 16
WARM_UP = 2
"""Rounds of each pair of processes that are thrown away."""


def serve_engine(plugin: bool, pipe: Connection, sequences: int, tokens: int) -> None:
    """A process with one engine; each message is an arm and a seed, each reply tokens per CPU second."""
    from trainer.engines.sampling import build_engine

    plain: dict[str, Any] = {} if plugin else {"worker_cls": "auto", "scheduler_cls": None}
    engine = build_engine(MODEL, HEADS / MODEL_NAME, sequences=sequences, **plain)
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        arm, seed = asked
        params = sampling(arm, seed, sequences, tokens)
        chats = [
            [{"role": "user", "content": f"What is {i + 12}*34-5+6?"}] for i in range(sequences)
        ]
        began = time.process_time()
        outputs = engine.chat(chats, params, use_tqdm=False)
        seconds = time.process_time() - began
        pipe.send(sum(len(o.outputs[0].token_ids) for o in outputs) / seconds)


def sampling(arm: str, seed: int, sequences: int, tokens: int) -> list[Any]:
    """Sampling parameters of each sequence; where they are scored, in groups."""
    from vllm import SamplingParams

    from trainer.engines.sampling import GroupRequest, member_plan

    policy = {"name": "top_fraction", "keep": 1.0}
    groups = [
        GroupRequest(f"{seed}-{i}", "", seed, probes=(PROBE,), policy=policy, signals=("quality",))
        for i in range(sequences // GROUP)
    ]
    return [
        SamplingParams(
            temperature=1.0,
            max_tokens=tokens,
            ignore_eos=True,
            seed=seed + i,
            extra_args={KEY: packed(member_plan(groups[i // GROUP], i % GROUP, GROUP))}
            if arm == SCORING
            else None,
        )
        for i in range(sequences)
    ]


class Pair:
    """The two processes; used as a context."""

    def __init__(self, sequences: int, tokens: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: dict[bool, Any] = {}
        for plugin in (False, True):
            ours, theirs = context.Pipe()
            arguments = (plugin, theirs, sequences, tokens)
            context.Process(target=serve_engine, args=arguments, daemon=True).start()
            assert ours.recv() == "ready"
            self._pipes[plugin] = ours

    def rate(self, arm: str, seed: int) -> float:
        pipe = self._pipes[arm != PLAIN]
        pipe.send((arm, seed))
        return float(pipe.recv())

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes.values():
            pipe.send(None)


def run(lives: int, rounds: int, sequences: int, tokens: int) -> dict[str, list[float]]:
    """Tokens per second of each arm in each of ``lives * rounds`` rounds; the order rotates."""
    rates: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for life in range(lives):
        with Pair(sequences, tokens) as pair:
            for turn in tqdm(range(rounds + WARM_UP), desc=f"pair {life + 1}", unit="round"):
                for arm in ARMS[turn % 3 :] + ARMS[: turn % 3]:
                    rate = pair.rate(arm, (life * rounds + turn) * 1000)
                    if turn >= WARM_UP:
                        rates[arm].append(rate)
    return rates


def summarise(rates: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Median rate of each arm, and its ratios in the same round to plain vLLM and to the idle plugin."""
    return [
        {
            "arm": arm,
            "tokens_per_second": float(np.median(values)),
            "to_plain": ratio(values, rates[PLAIN]),
            "to_idle": ratio(values, rates[IDLE]),
        }
        for arm, values in rates.items()
    ]


def ratio(values: list[float], others: list[float]) -> dict[str, Any]:
    """Median of the ratios, its 95 % bootstrap interval, and all of them."""
    ratios = np.array(values) / np.array(others)
    return {
        "median": float(np.median(ratios)),
        "interval": bootstrap(ratios, of=np.median),
        "all": ratios.round(4).tolist(),
    }


def head_flops_share(hidden: int, width: int, parameters: float) -> float:
    """FLOPs of the head per token over those of the model, 2 per weight each."""
    return (hidden * width + width) / parameters


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks plugin_cost", description=__doc__)
    parser.add_argument("--lives", type=int, default=4, help="pairs of processes")
    parser.add_argument("--rounds", type=int, default=12, help="of each pair")
    parser.add_argument("--sequences", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--note", default="", help="what readers must know of this run")
    args = parser.parse_args()
    rows = summarise(run(args.lives, args.rounds, args.sequences, args.tokens))
    settings = {name: value for name, value in vars(args).items() if name != "note"} | {
        "probe": PROBE,
        "head_flops_share_of_an_8B_model": head_flops_share(4096, 64, 8e9),
    }
    cost_plot(write_result("plugin_cost", settings, rows, seeds=[0], note=args.note))
    for row in rows:
        low, high = row["to_idle"]["interval"]
        print(
            f"{row['arm']:12s} {row['tokens_per_second']:7.0f} tokens/s, "
            f"{row['to_plain']['median']:.3f} of plain, "
            f"{row['to_idle']['median']:.3f} of idle [{low:.3f}, {high:.3f}]"
        )


if __name__ == "__main__":
    main()
