"""Records to ``report.json`` and ``report.md``. The same records give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arrol_serve.quality.calibration import expected_calibration_error, within_group_auc
from arrol_serve.rollout import Fate
from trainer.evaluation.datasets import Item, set_of
from trainer.evaluation.records import Record
from trainer.evaluation.reporting.by_k import by_k
from trainer.evaluation.reporting.methods import METHODS, uniform_curve
from trainer.evaluation.reporting.statistics import bootstrap, paired, tokens_at
from trainer.evaluation.reporting.text import markdown
from trainer.evaluation.sampling import UNPRUNED
from trainer.head.told.reliability import reliability

BASELINE = "uniform"


def summarise(
    settings: Mapping[str, Any],
    items: Sequence[Item],
    arms: Mapping[str, Sequence[Record]],
    methods: Sequence[str],
    unusable: Mapping[str, str],
    ks: Sequence[int],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The report. ``arms`` holds the records of each arm, in the order of ``items``."""
    curve = uniform_curve(arms[UNPRUNED])
    base = [METHODS[BASELINE].apply(r) for r in arms[UNPRUNED]]
    full = sum(o.tokens for o in base)
    rows = []
    for name in methods:
        outcomes = [METHODS[name].apply(r) for r in arms[METHODS[name].arm]]
        right = [o.right for o in outcomes]
        tokens = sum(o.tokens for o in outcomes)
        accuracy = sum(right) / len(right)
        difference, interval = paired(right, [o.right for o in base])
        rows.append(
            {
                "method": name,
                "accuracy": accuracy,
                "interval": bootstrap(right),
                "difference_to_uniform": difference,
                "difference_interval": interval,
                "tokens_per_question": tokens / len(right),
                "tokens_relative": tokens / full if full else None,
                "uniform_tokens_at_equal_accuracy": tokens_at(accuracy, *curve),
                "right": right,
                "tokens": [o.tokens for o in outcomes],
            }
        )
    return {
        "settings": dict(settings),
        "questions": [{"id": item.id, "sha256": item.sha256} for item in items],
        "unusable_golds": dict(unusable),
        "notes": list(notes),
        "timeouts": {arm: sum(r.timeouts for r in records) for arm, records in arms.items()},
        "truncated": {arm: _truncated(records) for arm, records in arms.items()},
        "methods": rows,
        "sets": _sets(items, rows),
        "by_k": by_k(arms[UNPRUNED], ks),
        "uniform_curve": {"tokens": curve[0], "accuracy": curve[1]},
        "quality": _quality(arms[UNPRUNED]),
    }


def _truncated(records: Sequence[Record]) -> float:
    """Share of the rollouts that ended because they had no tokens left."""
    fates = [sample.fate for record in records for sample in record.samples]
    return fates.count(Fate.TRUNCATED.value) / len(fates)


def _sets(items: Sequence[Item], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each data set by itself; the rows of all together are the total."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(set_of(item.id), []).append(place)
    return {
        name: {
            "questions": len(mine),
            "methods": {
                row["method"]: {
                    "accuracy": sum(row["right"][i] for i in mine) / len(mine),
                    "interval": bootstrap([row["right"][i] for i in mine]),
                    "tokens_per_question": sum(row["tokens"][i] for i in mine) / len(mine),
                }
                for row in rows
            },
        }
        for name, mine in places.items()
    }


def _quality(records: Sequence[Record]) -> dict[str, Any] | None:
    """How well the head tells right from wrong; None where there is no head."""
    scored = [
        (sample.quality, sample.right, place)
        for place, record in enumerate(records)
        for sample in record.samples
        if sample.quality is not None and sample.right is not None
    ]
    if not scored:
        return None
    quality, right, group = zip(*scored, strict=True)
    groups = np.array(group)
    within = within_group_auc(quality, right, groups)
    body: dict[str, Any] = {
        "ece": expected_calibration_error(quality, right),
        "bins": reliability(quality, right, groups),
        "auc_within_group": None,
    }
    if within.mixed_groups:
        body["auc_within_group"] = {
            "value": within.value,
            "interval": [within.low, within.high],
            "groups": within.mixed_groups,
        }
    return body


def write(report: Mapping[str, Any], folder: Path) -> None:
    """``report.json`` and ``report.md`` in ``folder``."""
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "report.md").write_text(markdown(report))
