"""Presets that really run, against the uniform vote of plain samples: ``python -m benchmarks presets``.

On questions that neither the head nor the tuner saw. One unpruned pass gives the uniform vote of any
number of samples, averaged over ties and subsets; each preset then runs on the same questions with the
same seeds, so that differences are paired. A run that is interrupted samples on where it stopped.

Presets belong to one model, task and temperature: for another setting give those that were tuned there,
``arrol-eval tune --data arithmetic:6,arithmetic:7 --temperature 1``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.presets import FILE, load_presets
from arrol_serve.quality.artifact import load_manifest
from arrol_serve.quality.calibration import expected_calibration_error
from benchmarks.record import write_result
from trainer.bundled import make_head
from trainer.evaluation.datasets import MOST_GENERATED, Item
from trainer.evaluation.reporting.statistics import bootstrap, paired
from trainer.evaluation.runs import open_folder
from trainer.evaluation.sampling import Settings
from trainer.evaluation.tuning.choose import Uniform, uniform_votes_of
from trainer.evaluation.tuning.live import LiveEngine
from trainer.evaluation.tuning.one_pass import sample_pass
from trainer.evaluation.tuning.run_presets import run_presets
from trainer.evaluation.tuning.sweep import Measured
from trainer.prompts.arithmetic import EVALUATION_SEED, held_out_questions

FRESH_SEED = 20_270_000
"""Seeds questions that nothing else in the repository uses."""
USUAL = 16
SPEC = AnswerSpec()


@dataclass(frozen=True, slots=True)
class Setting:
    """Questions of these levels in turns, sampled at this temperature."""

    levels: tuple[int, ...]
    temperature: float


SETTINGS = {
    "level 6, temperature 1.75": Setting((6,), 1.75),
    "levels 6 and 7, temperature 1": Setting((6, 7), 1.0),
}


def fresh_questions(count: int, levels: Sequence[int]) -> list[Item]:
    """Held-out questions that take turns through ``levels``, none of which the tuner or the head saw."""
    share = -(-count // len(levels))
    seen = {question.text for question in make_head.questions(2000, make_head.MIX, 1000)}
    per_level = []
    for level in levels:
        tuned = held_out_questions(EVALUATION_SEED, MOST_GENERATED, level)
        known = seen | {text for text, _ in tuned}
        drawn = held_out_questions(FRESH_SEED, share + 200, level)
        per_level.append([pair for pair in drawn if pair[0] not in known][:share])
    pairs = [pair for turn in zip(*per_level, strict=True) for pair in turn][:count]
    return [Item(f"fresh/{i}", question, gold) for i, (question, gold) in enumerate(pairs)]


def against(right: Sequence[float], vote: Uniform) -> dict[str, Any]:
    """The paired difference to a uniform vote."""
    difference, interval = paired(list(right), vote.right.tolist())
    return {"difference": difference, "interval": interval}


def vote_row(vote: Uniform, usual: Uniform) -> dict[str, Any]:
    """One number of plain samples."""
    right = vote.right.tolist()
    return {
        "method": f"{vote.samples} samples, uniform vote",
        "accuracy": float(vote.right.mean()),
        "interval": bootstrap(right),
        "tokens": float(vote.tokens.mean()),
        "tokens_relative": float(vote.tokens.mean() / usual.tokens.mean()),
    }


def preset_row(
    name: str, run: Measured, uniform: Mapping[int, Uniform], seconds: float
) -> dict[str, Any]:
    """One preset that was run; what it says of itself, and what was."""
    usual, most = uniform[USUAL], uniform[max(uniform)]
    stopped = run.by_rule == 1
    told = ~np.isnan(run.confidence)
    return {
        "method": name,
        "arrol": run.body,
        "accuracy": run.accuracy,
        "interval": bootstrap(run.right.tolist()),
        f"against_{usual.samples}": against(run.right.tolist(), usual),
        f"against_{most.samples}": against(run.right.tolist(), most),
        "tokens": run.cost,
        "tokens_relative": run.cost / float(usual.tokens.mean()),
        "tokens_relative_to_most": run.cost / float(most.tokens.mean()),
        "ece": expected_calibration_error(run.confidence[told], run.right[told]),
        "confidence": float(run.confidence[told].mean()),
        "stopped": float(stopped.mean()),
        "right_where_stopped": float(run.right[stopped].mean()) if stopped.any() else None,
        "right_where_stopped_interval": bootstrap(run.right[stopped].tolist())
        if stopped.any()
        else None,
        "seconds": seconds,
    }


def measure(name: str, setting: Setting, args: argparse.Namespace) -> list[dict[str, Any]]:
    """One setting: the pass, then every preset."""
    items = fresh_questions(args.questions, setting.levels)
    settings = Settings(samples=args.samples, temperature=setting.temperature)
    manifest = load_manifest(args.head)
    presets = load_presets(args.presets, head=(manifest.id, manifest.version))
    presets |= {"stop at 0.9": {**presets["balanced"], "early_stop": {"confidence": 0.9}}}
    server = {"head": str(args.head), "head_id": manifest.id, "belief": manifest.belief}
    folder = args.out / name.replace(" ", "-").replace(",", "")
    open_folder(folder, {"setting": name, "questions": args.questions, "samples": args.samples})
    pool = AnswerPool(workers=2, timeout_s=5.0)
    engine = LiveEngine(args.model, args.head, settings, items)
    try:
        kept = sample_pass(lambda some: engine.sample(some, ()), pool, items, folder, SPEC)
        uniform = uniform_votes_of(kept)
        rows = [vote_row(uniform[k], uniform[USUAL]) for k in (1, 4, USUAL, args.samples)]
        for preset, body in presets.items():
            began = time.perf_counter()
            found = run_presets(engine, items, {preset: body}, server, pool, SPEC)[preset]
            rows.append(preset_row(preset, found, uniform, time.perf_counter() - began))
    finally:
        engine.close()
        pool.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--head", type=Path, default=HEADS / MODEL_NAME)
    parser.add_argument("--presets", type=Path, default=HEADS / MODEL_NAME / FILE)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--setting", choices=SETTINGS, default=next(iter(SETTINGS)))
    parser.add_argument("--name", default="presets", help="of the result file")
    parser.add_argument("--out", type=Path, default=Path("runs/presets"), help="kept rollouts")
    parser.add_argument("--note", default="", help="what readers must know of this run")
    args = parser.parse_args()
    rows = measure(args.setting, SETTINGS[args.setting], args)
    settings = {"questions": args.questions, "samples": args.samples, "setting": args.setting}
    write_result(args.name, settings, rows, seeds=[FRESH_SEED], note=args.note)
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['method']:24s} {row['accuracy']:.3f} [{low:.3f}, {high:.3f}] "
            f"tokens {row['tokens_relative']:.3f}"
        )


if __name__ == "__main__":
    main()
