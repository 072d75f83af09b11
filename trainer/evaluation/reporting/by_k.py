"""pass@k, maj@k and weighted@k for several k, all from the one unpruned sampling pass. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trainer.errors import DataError
from trainer.evaluation.records import Record
from trainer.evaluation.reporting.methods import blind, vote
from trainer.evaluation.reporting.statistics import bootstrap, pass_at_k
from trainer.evaluation.reporting.uniform_vote import uniform_votes
from trainer.seeds import seed_for

SUBSETS = 64
"""Random subsets that a weighted vote of k of N rollouts is averaged over."""
Measure = Callable[[Record, Sequence[int]], list[float]]
"""(record, rising ks) -> how right, 0 to 1, for each k."""


def parse_k(text: str | None, samples: int) -> list[int]:
    """``"1,4,16"`` to a rising list; None: 1, 2, 4, ... and ``samples``. Raises ``DataError``."""
    if text is None:
        return sorted({2**i for i in range(samples.bit_length())} | {samples})
    try:
        ks = sorted({int(word) for word in text.split(",")})
    except ValueError as error:
        raise DataError(f"--k {text}: whole numbers split by commas, as in 1,4,16") from error
    if ks[0] < 1 or ks[-1] > samples:
        raise DataError(f"--k {text}: each k must be 1 to --samples, which is {samples}")
    return ks


def by_k(records: Sequence[Record], ks: Sequence[int]) -> list[dict[str, Any]]:
    """One row per measure and k: ``measure``, ``k``, ``accuracy``, ``interval``, mean ``tokens``.

    All are means over subsets of k of the rollouts, so that any measure's k = 1 is pass@1: pass@k
    (arXiv 2107.03374, equation 1) and maj@k over all subsets, weighted@k over ``SUBSETS`` random ones.
    weighted@k is left out where no rollout has a quality.
    """
    each = sum(s.tokens for r in records for s in r.samples) / sum(len(r.samples) for r in records)
    return [
        {
            "measure": name,
            "k": k,
            "accuracy": sum(right) / len(right),
            "interval": bootstrap(right),
            "tokens": each * k,
        }
        for (name, k), right in means_by_k(records, ks).items()
    ]


def means_by_k(
    records: Sequence[Record], ks: Sequence[int]
) -> dict[tuple[str, int], tuple[float, ...]]:
    """(measure, k) -> how right each question is, 0 to 1; see ``by_k``."""
    measures: dict[str, Measure] = {"pass": _passed, "maj": _majority}
    if any(s.quality is not None for r in records for s in r.samples):
        measures["weighted"] = _weighted
    found: dict[tuple[str, int], tuple[float, ...]] = {}
    for name, measure in measures.items():
        columns = zip(*(measure(record, ks) for record in records), strict=True)
        found |= {(name, k): tuple(right) for k, right in zip(ks, columns, strict=True)}
    return found


def _passed(record: Record, ks: Sequence[int]) -> list[float]:
    right = sum(s.right is True for s in record.samples)
    return [pass_at_k(len(record.samples), right, k) for k in ks]


def _majority(record: Record, ks: Sequence[int]) -> list[float]:
    found = uniform_votes(*blind(record.samples))
    return [found[k - 1] for k in ks]


def _weighted(record: Record, ks: Sequence[int]) -> list[float]:
    return [_mean_vote(record, k) for k in ks]


def _mean_vote(record: Record, k: int) -> float:
    """The quality vote's mean: exact for k = 1 and for all rollouts, else over random subsets."""
    samples = record.samples
    if k == 1:
        return sum(vote([s], "quality") for s in samples) / len(samples)
    if k == len(samples):
        return vote(samples, "quality")
    rng = np.random.default_rng(seed_for("subsets", record.id, k))
    orders = rng.permuted(np.tile(np.arange(len(samples)), (SUBSETS, 1)), axis=1)[:, :k]
    return sum(vote([samples[i] for i in order], "quality") for order in orders) / SUBSETS


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown lines: a row per k, a column per measure."""
    names = list(dict.fromkeys(row["measure"] for row in rows))
    cells = {(row["measure"], row["k"]): _cell(row) for row in rows}
    lines = [
        f"| k | {' | '.join(f'{name}@k' for name in names)} |",
        "|" + "---|" * (len(names) + 1),
    ]
    ks = dict.fromkeys(row["k"] for row in rows)
    return lines + [f"| {k} | {' | '.join(cells[name, k] for name in names)} |" for k in ks]


def _cell(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['accuracy']:.3f} [{low:.3f}, {high:.3f}]"
