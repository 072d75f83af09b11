"""Fit, judge and export the bundled model's head: ``python -m trainer.bundled.make_head --work DIR``.

Samples held-out questions with the serving engine, which records the head's inputs at several
positions; splits by question into fit, calibration and test; compares the inputs; writes the head,
its manifest and its card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.engine.setup import weights_sha256
from arrol_serve.quality.artifact import BaseModelFacts, HeadManifest, save_head
from arrol_serve.quality.head import QualityHead
from trainer.bundled.arithmetic import held_out_questions
from trainer.bundled.head_card import write_card
from trainer.head_data import HeadData, Question, collect
from trainer.head_training import FitOptions, fit_head, report, split_groups
from trainer.provenance import provenance

POSITIONS = (8, 16, 24, 28, 32, 36, 40, 48, 64, 80, 96)
EVALUATION_SEED = 20_260_000
"""Of ``benchmarks.accuracy``: its questions must not be seen here."""
MIX = ((5, 1.5), (5, 1.8), (6, 1.0), (6, 1.3), (6, 1.6), (6, 1.6), (6, 1.8), (7, 1.0))
"""Level and temperature. This model is sharp: at temperature 1 siblings mostly agree, right or wrong,
and show a ranking little. Mixed temperatures give groups with both, and a head that knows all."""
INPUT_SETS = {
    "hidden and statistics": ("hidden", "statistics"),
    "hidden only": ("hidden",),
    "statistics only": ("statistics",),
}


def questions(count: int, mix: Sequence[tuple[int, float]], seed: int) -> list[Question]:
    """``count`` questions that take turns through ``mix``, none of them an evaluation question."""
    share = -(-count // len(mix))
    parts = []
    for place, (level, temperature) in enumerate(mix):
        reserved = dict(held_out_questions(EVALUATION_SEED, 1000, level))
        drawn = held_out_questions(seed + place, share + 200, level)
        kept = [pair for pair in drawn if pair[0] not in reserved][:share]
        parts.append([Question(text, gold, temperature) for text, gold in kept])
    return [question for turn in zip(*parts, strict=True) for question in turn][:count]


def level_and_temperature(text: str) -> tuple[int, float]:
    """``6@1.5`` of the command line."""
    level, _, temperature = text.partition("@")
    return int(level), float(temperature)


def build(args: argparse.Namespace) -> None:
    """The whole recipe; the sampled shards in ``--work`` are reused when they are there."""
    from trainer.rollouts import build_engine

    asked = questions(args.questions, args.mix, args.seed)
    engine = build_engine(args.model)
    data = collect(
        engine, asked, samples=args.samples, positions=POSITIONS, seed=args.seed, folder=args.work
    )
    hidden_size = engine.llm_engine.model_config.get_hidden_size()
    facts = base_model_facts(engine, args.model)
    fit, calibrate, test = split_groups(data, (0.7, 0.15, 0.15), args.seed)
    ablation, head = compare(fit, calibrate, test, hidden_size, args.seed)
    table = ablation["hidden and statistics"]
    manifest = HeadManifest(
        id=f"{MODEL_NAME}-head",
        version=datetime.now(UTC).strftime("%Y%m%d"),
        base_model=facts,
        inputs=head.inputs,
        width=head.width,
        probes=(args.probe,),
        metrics=table,
        provenance=provenance(
            {
                "questions": args.questions,
                "samples": args.samples,
                "mix": [f"{level}@{temperature:g}" for level, temperature in args.mix],
                "seed": args.seed,
                "split": "70 % fit, 15 % calibration, 15 % test",
            }
        ),
    )
    save_head(args.out, head, manifest)
    (args.out / "ablation.json").write_text(json.dumps(ablation, indent=2) + "\n")
    write_card(args.out, manifest, ablation, head, test, hidden_size)
    print(json.dumps(ablation, indent=1))


def compare(
    fit: HeadData, calibrate: HeadData, test: HeadData, hidden_size: int, seed: int
) -> tuple[dict[str, dict[str, dict[str, float]]], QualityHead]:
    """Fit one head for each set of inputs; return the test reports and the head to ship."""
    reports, heads = {}, {}
    options = FitOptions(seed=seed)
    for name, inputs in INPUT_SETS.items():
        heads[name] = fit_head(fit, calibrate, hidden_size, replace(options, inputs=inputs))
        reports[name] = report(heads[name], test, hidden_size, POSITIONS)
    plain = replace(options, rank_weight=0.0)
    without = fit_head(fit, calibrate, hidden_size, plain)
    reports["hidden and statistics, no ranking term"] = report(
        without, test, hidden_size, POSITIONS
    )
    return reports, heads["hidden and statistics"]


def base_model_facts(engine: Any, model: Path) -> BaseModelFacts:
    """What a served model is compared with."""
    config = engine.llm_engine.model_config
    return BaseModelFacts(
        name=MODEL_NAME if model == MODEL else model.name,
        architecture=config.architecture,
        hidden_size=config.get_hidden_size(),
        num_layers=config.hf_text_config.num_hidden_layers,
        vocab_size=config.get_vocab_size(),
        weights_sha256=weights_sha256(str(model)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the sampled shards")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=HEADS / MODEL_NAME)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument(
        "--mix",
        type=level_and_temperature,
        nargs="+",
        default=MIX,
        metavar="LEVEL@TEMPERATURE",
        help="what is sampled, in turns",
    )
    parser.add_argument("--probe", type=int, default=32, help="the server's default probe")
    parser.add_argument("--seed", type=int, default=1_000)
    build(parser.parse_args())


if __name__ == "__main__":
    main()
