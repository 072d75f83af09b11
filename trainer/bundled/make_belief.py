"""Constants of P(the answer is right) for the bundled head: ``python -m trainer.bundled.make_belief``.

Whoever has a head's rollouts gets them from ``arrol-train head``. The bundled head's are not shipped, so this
samples its calibration questions again, and half of its test questions, by the split that it was made with.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.quality.artifact import HeadManifest, load_head, save_head
from trainer.bundled.make_head import MIX, questions
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import build_engine
from trainer.head.answers import read_answers, scored_groups
from trainer.head.belief import answer_reliability, fit_belief
from trainer.head.collect import collect
from trainer.head.job import HeadJob
from trainer.head.make import SPLIT
from trainer.head.told.card_parts import answers_section
from trainer.head.told.plots import answer_plot
from trainer.provenance import provenance

SEED, QUESTIONS = 1_000, 2_000
"""Those that the head was made with."""
MARK = "What keeping the best part at one probe"
"""Before this the card has the section."""


def parts() -> tuple[list[int], list[int]]:
    """Numbers of the head's calibration questions, and of half of its test questions."""
    order = np.arange(QUESTIONS)
    np.random.default_rng(SEED).shuffle(order)
    edges = (np.cumsum(SPLIT) * QUESTIONS).round().astype(int)
    calibrate, test = np.split(order, edges[:-1])[1:]
    return calibrate.tolist(), test[: len(test) // 2].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the sampled shards")
    parser.add_argument("--head", type=Path, default=HEADS / MODEL_NAME)
    parser.add_argument("--samples", type=int, default=16)
    args = parser.parse_args()
    asked, (calibrate, test) = questions(QUESTIONS, MIX, SEED), parts()
    job = HeadJob(
        model=MODEL,
        name=MODEL_NAME,
        questions=[asked[i] for i in (*calibrate, *test)],
        positions=(),
        work=args.work,
        out=args.head,
        samples=args.samples,
        seed=SEED + 1,
    )
    head, manifest = load_head(args.head)
    data = collect(job.questions, job, lambda: LocalEngine(build_engine(MODEL)))
    answers = read_answers(job, range(len(job.questions)), AnswerSpec())
    groups = scored_groups(head, data, manifest.base_model.hidden_size, answers)
    fitted_on = [group for group in groups if group.question < len(calibrate)]
    belief = fit_belief(fitted_on)
    believed = answer_reliability([g for g in groups if g.question >= len(calibrate)], belief)
    made = {"questions": len(fitted_on), "samples": args.samples, "seed": job.seed}
    facts = {**manifest.provenance, "belief": provenance(made)}
    manifest = manifest.model_copy(update={"belief": belief, "provenance": facts})
    save_head(args.head, head, manifest)
    write_section(args.head, manifest, believed)
    print(belief, believed["by_size"])


def write_section(folder: Path, manifest: HeadManifest, believed: dict[str, Any]) -> None:
    """Put the answers' reliability into the card, in place of what was there."""
    answer_plot(folder / "answers.png", believed["bins"])
    card = folder / "README.md"
    before, mark, after = card.read_text().partition(MARK)
    before = before.partition("Searches stop by P(")[0]
    section = "\n".join(answers_section(manifest, believed))
    card.write_text(f"{before}{section}\n{mark}{after}")


if __name__ == "__main__":
    main()
