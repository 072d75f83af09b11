"""The head's card: figures in Markdown and two plots, written beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from arrol_serve.quality.artifact import HeadManifest
from arrol_serve.quality.head import QualityHead
from trainer.head_data import HeadData
from trainer.head_training import raw_logits

Report = Mapping[str, Mapping[str, float]]


def write_card(
    folder: Path,
    manifest: HeadManifest,
    ablation: Mapping[str, Report],
    head: QualityHead,
    test: HeadData,
    hidden_size: int,
) -> None:
    """``README.md``, ``auc.png`` and ``reliability.png`` in ``folder``."""
    _auc_plot(folder / "auc.png", ablation)
    logits = raw_logits(head, test, hidden_size) * float(head.scale) + float(head.shift)
    _reliability_plot(folder / "reliability.png", 1 / (1 + np.exp(-logits)), test)
    made = manifest.provenance
    lines = [
        f"# Quality head of {manifest.base_model.name}",
        "",
        f"Predicts whether a rollout of `{manifest.base_model.name}` will end with the right answer, "
        f"from {' and '.join(manifest.inputs)}. Version {manifest.version}, {manifest.license}.",
        "",
        f"Made by `{made['command']}` on {made['machine']}, {made['date']}: {made['questions']} "
        f"held-out questions of level@temperature {' '.join(made['mix'])} x {made['samples']} rollouts, "
        f"split by question ({made['split']}). Figures below are of the test part.",
        "",
        "| generated tokens | rollouts | right | AUC | AUC within group | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for position, row in manifest.metrics.items():
        lines.append(
            f"| {position} | {row['rollouts']:.0f} | {row['base_rate']:.2f} | {row['auc']:.3f} "
            f"| {row['auc_within_group']:.3f} | {row['ece']:.3f} |"
        )
    lines += [
        "",
        "AUC within group compares rollouts of the same question only: pruning and voting never "
        "compare others. 0.5 is chance.",
        "",
        "![AUC within group by position and inputs](auc.png)",
        "",
        "![Reliability](reliability.png)",
        "",
        "It reads this model's hidden states and is noise for any other; the server refuses it there.",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def _auc_plot(path: Path, ablation: Mapping[str, Report]) -> None:
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, table in ablation.items():
        names = list(table)
        axes.plot(names, [table[p]["auc_within_group"] for p in names], marker="o", label=name)
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.set_xlabel("generated tokens at the probe")
    axes.set_ylabel("AUC within group (test questions)")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _reliability_plot(path: Path, probabilities: np.ndarray, test: HeadData) -> None:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    for name, mask in (("at probes", ~test.final), ("final token", test.final)):
        p, y = probabilities[mask], test.correct[mask]
        place = np.minimum((p * 10).astype(int), 9)
        filled = [b for b in range(10) if (place == b).sum() >= 20]
        axes.plot(
            [p[place == b].mean() for b in filled],
            [y[place == b].mean() for b in filled],
            marker="o",
            label=name,
        )
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.set_xlabel("predicted probability of being right")
    axes.set_ylabel("share that was right")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
