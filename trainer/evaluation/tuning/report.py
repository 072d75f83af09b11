"""``report.md`` of a tuning, from ``tune.json`` alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.evaluation.tuning.choose import USUAL

Row = Mapping[str, Any]


def markdown(found: Mapping[str, Any]) -> str:
    """For people: the presets first, then what they were chosen from."""
    parts = [
        ["# Tuned search", "", *_what(found)],
        ["## Presets", "", *_presets(found)],
        ["## Reference: the uniform vote", "", *_reference(found["uniform"])],
        ["## The front", "", *_front(found)],
        ["## How it was found", "", *_how(found)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _what(found: Mapping[str, Any]) -> list[str]:
    s = found["settings"]
    return [
        f"Model {s['model']}, head {found['head']['id']} {found['head']['version']}; "
        f"{found['questions']} questions ({', '.join(found['sets'])}), {s['samples']} rollouts each, "
        f"temperature {s['temperature']:g}, top-p {s['top_p']:g}, top-k {s['top_k']}, at most "
        f"{s['max_tokens']} tokens, seed {s['seed']}. Chosen on {found['chosen_on']} questions, "
        f"reported on the other {found['reported_on']}; 95 % bootstrap intervals over questions. Tokens "
        f"and times are relative to {USUAL} plain samples. Alone: seconds to the answer on an idle engine, "
        f"median; busy: of the engine's time while {found['engine']['at_once']} questions share it. Both are "
        "computed from a replay and three figures of this engine (see the end).",
        *_cut_off(found),
    ]


def _cut_off(found: Mapping[str, Any]) -> list[str]:
    if found["truncated"] <= 0.01:
        return []
    return [
        "",
        f"**{found['truncated']:.1%} of the rollouts were cut off after {found['settings']['max_tokens']} "
        "tokens and hold no answer: raise --max-tokens.**",
    ]


def _presets(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "| preset | | accuracy | against uniform vote of 16 | tokens | alone | busy | says it is right "
        "| ECE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["presets"].items():
        lines.append(f"| `{name}` | replayed | {_cells(row)} |")
        if name in found["live"]:
            lines.append(f"| | really run | {_cells(found['live'][name])} |")
    lines += ["", "```json"]
    lines += [
        f"{json.dumps(name)}: {json.dumps(r['arrol'])}" for name, r in found["presets"].items()
    ]
    return [*lines, "```", "", *_reality(found["live"])]


def _cells(row: Row) -> str:
    low, high = row["difference_interval"]
    sure = row["confidence"]
    said = "-" if sure["mean"] is None else f"{sure['mean']:.3f}"
    ece = "-" if sure["ece"] is None else f"{sure['ece']:.3f}"
    return (
        f"{_accuracy(row)} | {row['difference']:+.3f} [{low:+.3f}, {high:+.3f}] "
        f"| {row['tokens_relative']:.2f} | {_times(row)} | {said} | {ece}"
    )


def _times(row: Row) -> str:
    values = row["alone_relative"], row["busy_relative"]
    return " | ".join("-" if value is None else f"{value:.2f}" for value in values)


def _accuracy(row: Row) -> str:
    low, high = row["interval"]
    return f"{row['accuracy']:.3f} [{low:.3f}, {high:.3f}]"


def _reality(live: Mapping[str, Row]) -> list[str]:
    if not live:
        return ["The presets were not run: --no-run."]
    lines = ["Really run, on the same questions with the same seeds, against the replay:", ""]
    for name, row in live.items():
        low, high = row["against_replay_interval"]
        tlow, thigh = row["tokens_against_replay_interval"]
        lines.append(
            f"- `{name}`: accuracy {row['against_replay']:+.3f} [{low:+.3f}, {high:+.3f}], tokens "
            f"{row['tokens_against_replay']:+.1%} [{tlow:+.1%}, {thigh:+.1%}], the same verdict on "
            f"{row['same_outcome']:.1%} of the questions"
        )
    return lines


def _reference(rows: Sequence[Row]) -> list[str]:
    lines = ["| samples | accuracy | tokens | alone | busy |", "|---|---|---|---|---|"]
    return lines + [
        f"| {r['samples']} | {_accuracy(r)} | {r['tokens_relative']:.2f} | {_times(r)} |"
        for r in rows
    ]


def _front(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "Plans that no other beats on the first half, and what became of them on the second:",
        "",
        "| accuracy, first half | accuracy | against uniform vote of 16 | tokens | alone | busy | plan |",
        "|---|---|---|---|---|---|---|",
    ]
    for before, row in zip(found["front_chosen"], found["front"], strict=True):
        low, high = row["difference_interval"]
        lines.append(
            f"| {before['accuracy']:.3f} | {_accuracy(row)} | {row['difference']:+.3f} [{low:+.3f}, "
            f"{high:+.3f}] | {row['tokens_relative']:.2f} | {_times(row)} "
            f"| `{json.dumps(row['arrol'])}` |"
        )
    return lines


def _how(found: Mapping[str, Any]) -> list[str]:
    e = found["engine"]
    return [
        f"{found['plans']} plans, {found['replays']} searches replayed by the code that serves. A replay "
        "cuts kept rollouts short where the plan would have ended them; it knows nothing of queues, and "
        "takes a decode step for one token of every candidate. Of this engine's time, measured while it did "
        f"nothing else: {1000 * e['step']:.3g} ms for a decode step, {1000 * e['token']:.3g} ms for each "
        f"candidate in it, {1000 * e['start']:.3g} ms to start one, at most {e['sequences']} in a step.",
    ]
