"""Constants of P(the answer is right) for the bundled head, how reliable it and they are, what pruning saves.

    python -m trainer.bundled.make_belief --work runs/belief

Whoever has a head's rollouts gets all this from ``arrol-train head``. The bundled head's are not shipped, so
this samples its calibration and test questions again, by the split that it was made with.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.quality.artifact import load_head, save_head
from trainer.bundled.make_head import MIX, POSITIONS, questions
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import build_engine
from trainer.head.answers import read_answers, scored_groups
from trainer.head.belief import answer_reliability, fit_belief
from trainer.head.collect import collect
from trainer.head.fit import quality_reliability
from trainer.head.job import HeadJob
from trainer.head.made.redraw import redraw
from trainer.head.make import SPLIT
from trainer.head.saving import saving_table
from trainer.provenance import provenance

SEED, QUESTIONS = 1_000, 2_000
"""Those that the head was made with."""


def parts() -> tuple[list[int], list[int]]:
    """Numbers of the head's calibration and test questions."""
    order = np.arange(QUESTIONS)
    np.random.default_rng(SEED).shuffle(order)
    edges = (np.cumsum(SPLIT) * QUESTIONS).round().astype(int)
    calibrate, test = np.split(order, edges[:-1])[1:]
    return calibrate.tolist(), test.tolist()


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
        positions=POSITIONS,
        work=args.work,
        out=args.head,
        samples=args.samples,
        seed=SEED + 1,
    )
    head, manifest = load_head(args.head)
    data = collect(job.questions, job, lambda: LocalEngine(build_engine(MODEL)))
    answers = read_answers(job, range(len(job.questions)), AnswerSpec())
    hidden_size = manifest.base_model.hidden_size
    groups = scored_groups(head, data, hidden_size, answers)
    fitted_on = [group for group in groups if group.question < len(calibrate)]
    belief = fit_belief(fitted_on)
    believed = answer_reliability([g for g in groups if g.question >= len(calibrate)], belief)
    tested = data.where(data.group >= len(calibrate))
    made = {"questions": len(fitted_on), "samples": args.samples, "seed": job.seed}
    facts = {**manifest.provenance, "belief": provenance(made)}
    save_head(args.head, head, manifest.model_copy(update={"belief": belief, "provenance": facts}))
    path = args.head / "ablation.json"
    figures = json.loads(path.read_text()) | {
        "answers": believed,
        "reliability": quality_reliability(head, tested, hidden_size),
        "saving": saving_table(head, tested, hidden_size, POSITIONS),
    }
    path.write_text(json.dumps(figures, indent=2) + "\n")
    redraw(args.head)
    print(belief, believed["by_size"])


if __name__ == "__main__":
    main()
