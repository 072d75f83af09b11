"""The bundled model's head: ``python -m trainer.bundled.make_head --work DIR``.

``trainer.head.make`` on held-out questions of the arithmetic that the model was trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from trainer.head.job import HeadJob, Question
from trainer.head.make import make_head
from trainer.prompts.arithmetic import EVALUATION_SEED, held_out_questions

POSITIONS = (8, 16, 24, 28, 32, 36, 40, 48, 64, 80, 96)
MIX = ((5, 1.5), (5, 1.8), (6, 1.0), (6, 1.3), (6, 1.6), (6, 1.6), (6, 1.8), (7, 1.0))
"""Level and temperature. This model is sharp: at temperature 1 siblings mostly agree, right or wrong,
and show a ranking little. Mixed temperatures give groups with both, and a head that knows all."""


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
    args = parser.parse_args()
    job = HeadJob(
        model=args.model,
        name=MODEL_NAME if args.model == MODEL else args.model.name,
        questions=questions(args.questions, args.mix, args.seed),
        positions=POSITIONS,
        work=args.work,
        out=args.out,
        samples=args.samples,
        probe=args.probe,
        seed=args.seed,
        license="Apache-2.0",
    )
    mix = " ".join(f"{level}@{temperature:g}" for level, temperature in args.mix)
    make_head(job, {"data": f"held-out arithmetic, level@temperature {mix}"})


if __name__ == "__main__":
    main()
