"""The README's results, written from the JSON files: ``python -m benchmarks.table``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from benchmarks.record import RESULTS
from benchmarks.render.serving import headline
from benchmarks.training import RECIPE
from trainer.config import load_config

README = RESULTS.parent.parent / "README.md"
MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)


METHODS = (
    "one sample (pass@1)",
    "unpruned, uniform vote",
    "unpruned, quality vote",
    "keep 0.5, quality vote",
    "two probes to 0.25, quality vote",
    "random 0.5, quality vote",
    "24 samples, keep 0.5, quality vote",
)
"""The README's; docs/benchmarks.md has all."""
ARMS = ("none", "random", "arrol", "arrol, keep 0.75")
"""The README's."""


def load(name: str) -> dict[str, Any]:
    """One result file."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def _where(result: dict[str, Any]) -> str:
    made = result["provenance"]
    return f"{made['machine']}, {made['date']}, `{made['command']}`"


def accuracy(methods: Sequence[str] = ()) -> str:
    """Accuracy, cost and speed of ``methods``, or of all."""
    result = load("accuracy")
    settings = result["settings"]
    lines = [
        f"{settings['questions']} held-out questions of levels {settings['levels']}, "
        f"N = {settings['samples']}, temperature {settings['temperature']:g}, "
        f"probe at {settings['probe']} tokens ({settings['probe_share_of_mean_length']:.0%} of the "
        f"mean length of {settings['mean_length']:.0f}). Tokens and speed are relative to "
        f"{settings['samples']} unpruned samples; differences are paired by question. {_where(result)}.",
        "",
        "| method | accuracy | 95 % interval | against uniform vote | tokens | speed |",
        "|---|---|---|---|---|---|",
    ]
    for row in _chosen(result["rows"], "method", methods):
        low, high = row["interval"]
        gain, (worst, best) = row["difference_to_uniform"], row["difference_interval"]
        speed = f"{row['speedup']:.2f}x" if row["speedup"] else ""
        lines.append(
            f"| {row['method']} | {row['accuracy']:.3f} | {low:.3f} to {high:.3f} "
            f"| {gain:+.3f} ({worst:+.3f} to {best:+.3f}) "
            f"| {row['tokens_relative']:.2f} | {speed} |"
        )
    return "\n".join([*lines, "", "![Accuracy against tokens](benchmarks/results/accuracy.png)"])


def limits() -> str:
    """Where none of it helps."""
    result = load("accuracy_t1")
    settings, rows = result["settings"], {row["method"]: row for row in result["rows"]}
    single, uniform = rows["one sample (pass@1)"], rows["unpruned, uniform vote"]
    quality, pruned = rows["unpruned, quality vote"], rows["keep 0.5, quality vote"]
    low, high = quality["difference_interval"]
    return (
        f"**Where it does not help.** At temperature {settings['temperature']:g} on levels "
        f"{' and '.join(map(str, settings['levels']))} this small model repeats its own mistakes: "
        f"pass@1 is {single['accuracy']:.3f}, the uniform vote {uniform['accuracy']:.3f}, the quality "
        f"vote {quality['accuracy']:.3f} (difference {low:+.3f} to {high:+.3f}). Pruning still saves: "
        f"keep 0.5 is right {pruned['accuracy']:.3f} of the time for {pruned['tokens_relative']:.0%} of "
        f"the tokens, {pruned['speedup']:.2f}x as fast. {_where(result)}."
    )


def cost() -> str:
    """What the plugin costs."""
    result = load("plugin_cost")
    lines = [
        f"{result['settings']['sequences']} sequences at once, {_where(result)}. On an 8B model the "
        f"head is {result['settings']['head_flops_share_of_an_8B_model']:.4%} of the FLOPs per token "
        "(counted, not measured).",
        "",
        "| engine | tokens/s | of plain vLLM | 95 % interval |",
        "|---|---|---|---|",
    ]
    for row in result["rows"]:
        low, high = row["interval"]
        lines.append(
            f"| {row['arm']} | {row['tokens_per_second']:.0f} | {row['ratio_to_plain']:.3f} "
            f"| {low:.3f} to {high:.3f} |"
        )
    return "\n".join(lines)


def latency() -> str:
    """What a plain request pays."""
    result = load("latency")
    rows = {row["arm"]: row for row in result["rows"]}
    ours, plain = rows["arrol-serve"], rows["vLLM"]
    return (
        f"A plain request takes {ours['p50_ms']:.1f} ms at the median here and {plain['p50_ms']:.1f} ms "
        f"on vLLM's own server beside it; the median difference of the rounds is "
        f"{result['settings']['added_p50_ms']:+.2f} ms. The server is ready {ours['ready_s']:.0f} s after "
        f"it starts, vLLM's after {plain['ready_s']:.0f} s. {_where(result)}."
    )


def training(arms: Sequence[str] = (), name: str = "training") -> str:
    """What pruning saves in training, and what it does to what is learned: ``arms``, or all."""
    result = load(name)
    settings = result["settings"]
    changes = settings["changes"]
    prompts = changes.get("rollout.prompts", load_config(RECIPE).rollout.prompts)
    before = [value for row in result["rows"] for value in row["pass@1_before"]]
    lines = [
        f"Training the bundled model on level 6 at temperature {changes['rollout.temperature']:g}, "
        f"{prompts} prompts a step, {settings['steps']} steps, seeds {settings['seeds']}, "
        f"{changes['optim.minibatches']} optimizer steps a step, pruned from step "
        f"{changes['prune.cold_start'] + 1} on; GRPO, keep 0.5 and the "
        f"probe at 32 tokens unless named. Before training pass@1 is {min(before):.3f}. Differences are "
        f"paired by seed, with the lowest and highest. {_where(result)}.",
        "",
        "| rollouts pruned by | seeds | s/step | generate | log-probs | update | speed | pass@1 "
        "| against none, equal steps | against none, equal seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in _chosen(result["rows"], "arm", arms):
        phases = " | ".join(f"{row[f'seconds_{p}']:.2f}" for p in ("generate", "logprob", "update"))
        gains = " | ".join(_spread(row[k]) for k in ("gain_over_none", "gain_at_equal_seconds"))
        lines.append(
            f"| {row['arm']} | {len(row['seeds'])} | {row['seconds_per_step']:.2f} | {phases} "
            f"| {row['speedup']:.2f}x | {_mean(row['pass@1']):.3f} | {gains} |"
        )
    return "\n".join([*lines, "", f"![Training](benchmarks/results/{name}.png)"])


def _chosen(
    rows: Sequence[dict[str, Any]], key: str, names: Sequence[str]
) -> Sequence[dict[str, Any]]:
    by_name = {row[key]: row for row in rows}
    return [by_name[name] for name in names] if names else rows


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread(values: Sequence[float]) -> str:
    return f"{_mean(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"


def block() -> str:
    """Everything between the README's marks."""
    parts = (accuracy(METHODS), headline(), limits(), cost(), latency(), training(ARMS))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    text = README.read_text()
    README.write_text(MARKS.sub(lambda found: found[1] + block() + found[2], text))


if __name__ == "__main__":
    main()
