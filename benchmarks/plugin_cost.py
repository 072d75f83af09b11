"""What the plugin costs: ``python -m benchmarks.plugin_cost``.

Three engines, each in its own process: (a) plain vLLM, (b) the plugin loaded and idle, (c) every
request scored, none pruned. They take turns on the same prompts, so that the ratio is of one run.
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
from benchmarks.plots.plugin_cost import cost_plot
from benchmarks.record import write_result

ARMS = ("plain vLLM", "plugin idle", "scoring on")


def serve_arm(arm: str, pipe: Connection, sequences: int, tokens: int) -> None:
    """A process with one engine; each message is a seed, each reply (tokens, seconds)."""
    from trainer.engines.sampling import NEVER, GroupRequest, build_engine, member_plan

    plain: dict[str, Any] = {"worker_cls": "auto", "scheduler_cls": None} if arm == ARMS[0] else {}
    engine = build_engine(MODEL, HEADS / MODEL_NAME, sequences=sequences, **plain)
    from vllm import SamplingParams

    pipe.send("ready")
    while (seed := pipe.recv()) is not None:
        group = GroupRequest(f"{seed}", "", seed, policy=NEVER, signals=("quality",))
        params = [
            SamplingParams(
                temperature=1.0,
                max_tokens=tokens,
                ignore_eos=True,
                seed=seed + i,
                extra_args={"arrol": member_plan(group, i, sequences)} if arm == ARMS[2] else None,
            )
            for i in range(sequences)
        ]
        chats = [
            [{"role": "user", "content": f"What is {i + 12}*34-5+6?"}] for i in range(sequences)
        ]
        began = time.perf_counter()
        outputs = engine.chat(chats, params, use_tqdm=False)
        seconds = time.perf_counter() - began
        pipe.send((sum(len(o.outputs[0].token_ids) for o in outputs), seconds))


def run(rounds: int, sequences: int, tokens: int) -> dict[str, list[float]]:
    """Tokens per second of each arm in each round; the order rotates."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Any] = {}
    for arm in ARMS:
        ours, theirs = context.Pipe()
        context.Process(
            target=serve_arm, args=(arm, theirs, sequences, tokens), daemon=True
        ).start()
        assert ours.recv() == "ready"
        pipes[arm] = ours
    rates: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for turn in tqdm(range(rounds + 2), unit="round"):
        for arm in ARMS[turn % 3 :] + ARMS[: turn % 3]:
            pipes[arm].send(turn * 1000)
            count, seconds = pipes[arm].recv()
            if turn >= 2:  # the first rounds warm caches up
                rates[arm].append(count / seconds)
    for pipe in pipes.values():
        pipe.send(None)
    return rates


def summarise(rates: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Median rate, and the ratio to plain vLLM of the same round with its 95 % bootstrap interval."""
    plain = np.array(rates[ARMS[0]])
    rows = []
    rng = np.random.default_rng(0)
    for arm, values in rates.items():
        ratios = np.array(values) / plain
        draws = np.median(ratios[rng.integers(0, len(ratios), (10_000, len(ratios)))], axis=1)
        low, high = np.percentile(draws, [2.5, 97.5])
        rows.append(
            {
                "arm": arm,
                "tokens_per_second": float(np.median(values)),
                "ratio_to_plain": float(np.median(ratios)),
                "interval": [float(low), float(high)],
                "ratios": ratios.round(4).tolist(),
            }
        )
    return rows


def head_flops_share(hidden: int, width: int, parameters: float) -> float:
    """FLOPs of the head per token over those of the model, 2 per weight each."""
    return (hidden * width + width) / parameters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--sequences", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    rows = summarise(run(args.rounds, args.sequences, args.tokens))
    settings = vars(args) | {
        "head_flops_share_of_an_8B_model": head_flops_share(4096, 64, 8e9),
    }
    cost_plot(write_result("plugin_cost", settings, rows, seeds=[0]))
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['arm']:12s} {row['tokens_per_second']:7.0f} tokens/s, "
            f"{row['ratio_to_plain']:.3f} of plain [{low:.3f}, {high:.3f}]"
        )


if __name__ == "__main__":
    main()
