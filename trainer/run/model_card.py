"""The card of an exported model: what it is, how it was made, how good it was found to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = """---
library_name: transformers
pipeline_tag: text-generation
tags:
- grpo
- arrol-serve
---
"""


def model_card(
    name: str, base: str, made: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, head: bool
) -> str:
    """Markdown. ``made``: the export's provenance; ``rows``: the run's ``metrics.jsonl``; ``head``: whether
    one lies beside it.
    """
    step, config = made["step"], made["config"]
    lines = [
        f"# {name}",
        "",
        f"`{base}`, trained by reinforcement learning with arrol-serve to step {step}: questions of "
        f"`{config['data']['source']}`, {config['rollout']['samples']} rollouts each, {_pruned(config)}. "
        f"Exported by `{made['command']}`, {made['date']}; `provenance.json` has all settings and versions.",
        "",
        *_evaluated(rows, step),
        f"`arrol-serve FOLDER` serves it{', and prunes and votes by the head in `heads/`' * head}; "
        "transformers and vLLM load it as any other.",
        "",
        f"Its licence is yours to name; that of `{base}` holds for what was made of it.",
    ]
    return HEADER + "\n".join(lines) + "\n"


def _pruned(config: Mapping[str, Any]) -> str:
    prune = config["prune"]
    if prune["mode"] == "none":
        return "unpruned"
    return f"of which `{prune['mode']}` keeps {prune['keep']:g}"


def _evaluated(rows: Sequence[Mapping[str, Any]], step: int) -> list[str]:
    """Figures of the held-out questions, before training and at ``step``."""
    found = {row["step"]: row for row in rows if "eval/pass@1" in row}
    if step not in found:
        return []
    names = [key for key in found[step] if key.startswith("eval/") and "_error" not in key]
    shown = [0, step] if 0 in found and step else [step]
    lines = [
        "On held-out questions (`docs/training.md` of arrol-serve says what the figures are):",
        "",
        f"| | {' | '.join(f'step {at}' for at in shown)} |",
        "|---" * (1 + len(shown)) + "|",
    ]
    for key in names:
        values = (found[at].get(key) for at in shown)
        cells = " | ".join("" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"| {key.removeprefix('eval/')} | {cells} |")
    return [*lines, ""]
