"""A head on questions that it was not fitted on, of another task or from another time: told in its card."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arrol_serve.engine.setup import check_base_model
from arrol_serve.files import replacing
from arrol_serve.quality.artifact import load_head
from trainer.engines.base import RecordingSampler
from trainer.errors import ConfigError
from trainer.head.collect import collect
from trainer.head.fit import report
from trainer.head.job import HeadJob
from trainer.head.make import check_mixed, claim, usable_questions
from trainer.head.recompute import Recomputer
from trainer.head.told.card_parts import quality_table
from trainer.provenance import provenance

FILE, TITLE = "elsewhere.json", "## On questions that it was not fitted on"
SPARSE = 20
"""Questions with right and wrong rollouts, below which an AUC within group says little."""
Told = dict[str, Any]


def judge(job: HeadJob, data: str, open_sampler: Callable[[], RecordingSampler]) -> Path:
    """Sample ``job.questions``, verify them, and write what the head in ``job.out`` makes of them beside it.

    ``data``: what they are called; figures of the same name are replaced. Raises ``ConfigError`` where there
    is nothing to tell apart, ``HeadMismatch`` where the head is of another model.
    """
    head, manifest = load_head(job.out)
    check_base_model(manifest, str(job.model))
    questions, _ = usable_questions(job)
    claim(job)
    recompute = (lambda: Recomputer(job.model).features) if job.recompute else None
    found = collect(questions, job, open_sampler, recompute)
    check_mixed(data, found)
    table = report(head, found, manifest.base_model.hidden_size, job.positions)
    if not table:
        raise ConfigError(
            "No rollout came to a position with right and wrong ones: nothing to tell apart."
        )
    verdicts = [
        set(found.correct[found.final & (found.group == g)]) for g in set(found.group.tolist())
    ]
    mine = {
        "data": data,
        "head": manifest.version,
        "questions": len(questions),
        "mixed": sum(len(seen) == 2 for seen in verdicts),
        "samples": job.samples,
        "made": provenance({}),
        "table": table,
    }
    write(job.out, [*(one for one in told(job.out) if one["data"] != data), mine])
    return job.out / "README.md"


def told(folder: Path) -> list[Told]:
    """What the head in ``folder`` was judged on."""
    path = folder / FILE
    return list(json.loads(path.read_text())) if path.exists() else []


def write(folder: Path, judged: Sequence[Told]) -> None:
    """``elsewhere.json``, and the end of the card."""
    with replacing(folder / FILE) as part:
        part.write_text(json.dumps(judged, indent=2) + "\n")
    card = folder / "README.md"
    before = card.read_text().partition(TITLE)[0].rstrip() if card.exists() else ""
    with replacing(card) as part:
        part.write_text("\n\n".join([before, TITLE, *map(_section, judged)]).lstrip() + "\n")


def _section(one: Told) -> str:
    made = one["made"]
    lines = [
        f"**{one['data']}**: {one['questions']} questions x {one['samples']} rollouts, {one['mixed']} of the "
        f"questions with right and wrong ones; head {one['head']}. Made by `{made['command']}` on "
        f"{made['machine']}, {made['date']}.",
        "",
    ]
    if one["mixed"] < SPARSE:
        lines += [
            f"**Only {one['mixed']} questions tell anything**: AUC within group may be luck.",
            "",
        ]
    return "\n".join([*lines, *quality_table(one["table"])])
