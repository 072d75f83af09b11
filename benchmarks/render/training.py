"""What pruning saves in training, and what it does to what is learned."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.record import read_result
from benchmarks.training import RECIPE
from trainer.config import load_config


def training(name: str = "training") -> str:
    """What pruning saves in training, and what it does to what is learned."""
    result = read_result(name)
    settings = result.settings
    changes = settings["changes"]
    prompts = changes.get("rollout.prompts", load_config(RECIPE).rollout.prompts)
    before = [value for row in result.rows for value in row["pass@1_before"]]
    lines = [
        f"Training the bundled model on level 6 at temperature {changes['rollout.temperature']:g}, "
        f"{prompts} prompts a step, {settings['steps']} steps, seeds {settings['seeds']}, "
        f"{changes['optim.minibatches']} optimizer steps a step, pruned from step "
        f"{changes['prune.cold_start'] + 1} on; GRPO, keep 0.5 and the "
        f"probe at 32 tokens unless named. Before training pass@1 is {min(before):.3f}. Differences are "
        f"paired by seed, with the lowest and highest. {result.where()}.",
        "",
        "| rollouts pruned by | seeds | s/step | generate | log-probs | update | speed | pass@1 "
        "| against none, equal steps | against none, equal seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result.rows:
        phases = " | ".join(f"{row[f'seconds_{p}']:.2f}" for p in ("generate", "logprob", "update"))
        gains = " | ".join(_spread(row[k]) for k in ("gain_over_none", "gain_at_equal_seconds"))
        lines.append(
            f"| {row['arm']} | {len(row['seeds'])} | {row['seconds_per_step']:.2f} | {phases} "
            f"| {row['speedup']:.2f}x | {_mean(row['pass@1']):.3f} | {gains} |"
        )
    return "\n".join([*lines, "", f"![Training](benchmarks/results/{name}.png)"])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread(values: Sequence[float]) -> str:
    return f"{_mean(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"
