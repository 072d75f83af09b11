"""Several k from one sampling pass, against worked numbers."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.errors import DataError
from trainer.evaluation.records import Record, Sample
from trainer.evaluation.reporting.by_k import by_k, parse_k, table


def record(answers: str, qualities: list[float] | None = None) -> Record:
    """The gold is 7; each character is one rollout's answer."""
    samples = tuple(
        Sample(i, 10, "finished", a, a == "7", qualities[i] if qualities else None)
        for i, a in enumerate(answers)
    )
    return Record("unpruned", answers, "7", samples)


def found(records: list[Record], ks: list[int]) -> dict[tuple[str, int], float]:
    return {(row["measure"], row["k"]): row["accuracy"] for row in by_k(records, ks)}


def test_every_measure_is_a_mean_over_subsets() -> None:
    rows = by_k([record("7557", [0.9, 0.1, 0.1, 0.9])], [1, 3, 4])
    accuracy = {(row["measure"], row["k"]): row["accuracy"] for row in rows}
    assert [accuracy["pass", k] for k in (1, 3, 4)] == pytest.approx([0.5, 1, 1])
    assert [accuracy["maj", k] for k in (1, 3, 4)] == pytest.approx([0.5, 0.5, 0.5])
    # Of two sevens, or of one worth 0.9 against two worth 0.1 each: always right, but alone.
    assert [accuracy["weighted", k] for k in (1, 3, 4)] == pytest.approx([0.5, 1, 1])
    assert [row["tokens"] for row in rows[:3]] == [10, 30, 40]
    assert table(rows)[0] == "| k | pass@k | maj@k | weighted@k |"


def test_a_majority_does_not_see_the_head() -> None:
    """F1: ties that the head settled made maj@2 0.30 where it is 0.175, and equal to weighted@2."""
    answers, rng = "75", np.random.default_rng(0)
    records = []
    for i in range(40):
        text = "".join(rng.choice(list(answers), 4))
        best = [0.9 if a == "7" else 0.1 for a in text]
        one = record(text, best)
        records.append(Record(one.arm, str(i), one.gold, one.samples))
    got = found(records, [1, 2, 4])
    assert got["maj", 1] == got["weighted", 1] == pytest.approx(got["pass", 1])
    assert got["maj", 2] == pytest.approx(
        got["pass", 1]
    )  # of two, a majority is a lot or unanimous
    assert got["weighted", 2] > got["maj", 2] + 0.1
    without = [
        Record(r.arm, r.id, r.gold, tuple(replace(s, quality=None) for s in r.samples))
        for r in records
    ]
    assert [found(without, [2, 4])["maj", k] for k in (2, 4)] == [got["maj", 2], got["maj", 4]]


def test_the_order_of_the_rollouts_does_not_matter() -> None:
    assert found([record("7557")], [2, 3]) == pytest.approx(found([record("7755")], [2, 3]))


def test_without_qualities_there_is_no_weighted_row() -> None:
    assert {row["measure"] for row in by_k([record("75")], [1])} == {"pass", "maj"}


def test_k_is_read_and_checked() -> None:
    assert parse_k("8,1,8", 16) == [1, 8]
    assert parse_k(None, 12) == [1, 2, 4, 8, 12]
    for bad in ("0", "1,17", "a", ""):
        with pytest.raises(DataError, match="--k"):
            parse_k(bad, 16)
