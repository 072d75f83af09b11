"""pass@k, maj@k and weighted@k for several k, all from the one unpruned sampling pass. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from arrol_serve.voting import VoteRule
from trainer.evaluation.methods import vote
from trainer.evaluation.records import Record
from trainer.evaluation.statistics import bootstrap, pass_at_k
from trainer.prompts.rows import DataError

Measure = Callable[[Record, int], float]


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

    pass@k is the unbiased estimate over all rollouts (arXiv 2107.03374, equation 1); the votes
    are of the first k rollouts. weighted@k is left out where no rollout has a quality.
    """
    measures: dict[str, Measure] = {"pass": _passed, "maj": _voted("uniform")}
    if any(s.quality is not None for r in records for s in r.samples):
        measures["weighted"] = _voted("quality")
    rows = []
    for name, measure in measures.items():
        for k in ks:
            right = [measure(record, k) for record in records]
            tokens = sum(s.tokens for r in records for s in r.samples[:k]) / len(records)
            rows.append(
                {
                    "measure": name,
                    "k": k,
                    "accuracy": sum(right) / len(right),
                    "interval": bootstrap(right),
                    "tokens": tokens,
                }
            )
    return rows


def _passed(record: Record, k: int) -> float:
    return pass_at_k(len(record.samples), sum(s.right is True for s in record.samples), k)


def _voted(rule: VoteRule) -> Measure:
    return lambda record, k: vote(record.samples[:k], rule)


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
