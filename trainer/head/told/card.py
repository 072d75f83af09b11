"""The head's card: its figures in Markdown beside the weights, with the plots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arrol_serve.quality.artifact import HeadManifest
from trainer.head.told.card_parts import (
    GOLD,
    answers_section,
    labels_section,
    licence,
    quality_table,
    warnings,
)
from trainer.head.told.plots import answer_plot, auc_plot, reliability_plot, saving_plot

Report = Mapping[str, Mapping[str, float]]


def write_card(
    folder: Path, manifest: HeadManifest, figures: Mapping[str, Any], questions: int
) -> None:
    """``README.md`` and its pictures in ``folder``, of the ``figures`` in ``ablation.json`` and nothing else.

    ``questions``: of the test part. What heads made by older versions have no figures of is left out.
    """
    ablation, alone, saving = (figures[name] for name in ("inputs", "statistics alone", "saving"))
    auc_plot(folder / "auc.png", ablation, manifest.probes[0], questions)
    saving_plot(folder / "saving.png", saving, questions)
    made = manifest.provenance
    lines = [
        f"# Quality head of {manifest.base_model.name}",
        "",
        f"Predicts whether a rollout of `{manifest.base_model.name}` will end with the right answer, "
        f"from {' and '.join(manifest.inputs)}. Version {manifest.version}. "
        f"{licence(manifest.license)}",
        "",
        f"Made by `{made['command']}` on {made['machine']}, {made['date']}: {made['questions']} "
        f"questions ({made['data']}) x {made['samples']} rollouts, split by question "
        f"({made['split']}), {questions} in the test part. Figures below are of the test "
        "part; intervals are 95 % bootstrap ones.",
        "",
        *_again(made),
        *warnings(manifest.probes[0], ablation, alone, questions),
        *labels_section(made.get("labels", GOLD)),
        *quality_table(manifest.metrics),
    ]
    lines += [
        "",
        "AUC within group compares rollouts of the same question only: pruning and voting never "
        "compare others. 0.5 is chance.",
        "",
        "![AUC within group by position and inputs](auc.png)",
        "",
        *_inputs_table(manifest.probes[0], ablation, alone),
        "",
        *_reliability(folder, figures.get("reliability")),
        *_answers(folder, manifest, figures.get("answers")),
        "What keeping the best part at one probe would have spent, and what would have survived:",
        "",
        "| probe | keep | tokens | right before | right among survivors | solvable questions kept |",
        "|---|---|---|---|---|---|",
        *(_saving_line(row) for row in saving),
        "",
        "![Right among survivors against tokens](saving.png)",
        "",
        "`ablation.json` has the figures of every set of inputs and of each statistic by itself.",
        "",
        "It reads this model's hidden states and is noise for any other; the server refuses it there.",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def _again(made: Mapping[str, Any]) -> list[str]:
    if (again := made.get("belief")) is None:
        return []
    return [
        "Reliability, P(the answer is right) and what pruning saves are of rollouts of these questions that "
        f"`{again['command']}` sampled anew, {again['machine']}, {again['date']}.",
        "",
    ]


def _reliability(folder: Path, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    reliability_plot(folder / "reliability.png", found)
    return ["![Reliability](reliability.png)", ""]


def _answers(folder: Path, manifest: HeadManifest, believed: Mapping[str, Any] | None) -> list[str]:
    if believed is None:
        return []
    answer_plot(folder / "answers.png", believed["bins"])
    return answers_section(manifest, believed)


def _inputs_table(probe: int, ablation: Mapping[str, Report], alone: Report) -> list[str]:
    """AUC within group of each set of inputs as a head, and of each statistic by itself."""
    places = [
        place for place in (str(probe), "final") if all(place in t for t in ablation.values())
    ]
    lines = [
        "AUC within group of heads on each set of inputs, and of each statistic as it is (below 0.5: "
        "the right ones have less of it):",
        "",
        "| input | " + " | ".join(f"at {p}" if p.isdigit() else p for p in places) + " |",
        "|---" * (1 + len(places)) + "|",
    ]
    for name, report in ablation.items():
        cells = [
            f"{report[p]['auc_within_group']:.3f} ({report[p]['auc_within_group_low']:.3f} to "
            f"{report[p]['auc_within_group_high']:.3f})"
            for p in places
        ]
        lines.append(f"| {' | '.join([name, *cells])} |")
    for name, row in alone.items():
        lines.append(f"| {' | '.join([f'`{name}` alone', *(f'{row[p]:.3f}' for p in places)])} |")
    return lines


def _saving_line(row: Mapping[str, Any]) -> str:
    solvable = "" if row["solvable"] is None else f"{row['solvable']:.3f}"
    return (
        f"| {row['probe']} | {row['keep']:g} | {row['tokens']:.2f} | {row['right_unpruned']:.3f} "
        f"| {row['right']:.3f} | {solvable} |"
    )
