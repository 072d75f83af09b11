"""Records of an evaluation to the figures of a step. Pure: the measures are those of ``arrol-eval``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from arrol_serve.rollout import Fate
from trainer.evaluation.records import Record
from trainer.evaluation.reporting.by_k import means_by_k

Figures = dict[str, float | None]
PREFIX = "eval/"


def figures_of(records: Sequence[Record], measures: Sequence[str]) -> Figures:
    """One set's ``measures``, the standard error of ``pass@1`` over questions, and its replies.

    A vote is None where no reply of the whole set holds an answer, or none has a score.
    """
    ks = sorted({int(name.partition("@")[2]) for name in measures})
    means = means_by_k(records, ks)
    each = [sample for record in records for sample in record.samples]
    found: Figures = {}
    for name in measures:
        measure, _, k = name.partition("@")
        silent = measure != "pass" and all(sample.answer is None for sample in each)
        values = None if silent else means.get((measure, int(k)))
        found[name] = None if values is None else float(np.mean(values))
    first = means["pass", 1]
    found["pass@1_error"] = (
        float(np.std(first, ddof=1) / len(first) ** 0.5) if len(first) > 1 else None
    )
    found["truncated"] = float(np.mean([s.fate == Fate.TRUNCATED.value for s in each]))
    found["length"] = float(np.mean([s.tokens for s in each]))
    return found


def named(sets: Mapping[str, Figures]) -> Figures:
    """As they are logged: ``eval/pass@1``; of several sets ``eval/NAME/pass@1``, and the mean of the sets'
    means without a name.

    The mean has an error where all have one: the sets' questions are independent.
    """
    if len(sets) == 1:
        (only,) = sets.values()
        return {PREFIX + key: value for key, value in only.items()}
    found: Figures = {
        f"{PREFIX}{name}/{key}": value
        for name, figures in sets.items()
        for key, value in figures.items()
    }
    for key in next(iter(sets.values())):
        values = [figures[key] for figures in sets.values()]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        if key == "pass@1_error":
            found[PREFIX + key] = float(np.hypot.reduce(known) / len(known)) if whole else None
        else:
            found[PREFIX + key] = float(np.mean(known)) if whole else None
    return found
