"""Several k from one sampling pass, against worked numbers."""

import pytest

from trainer.evaluation.by_k import by_k, parse_k, table
from trainer.evaluation.records import Record, Sample
from trainer.prompts.rows import DataError


def record(answers: str, qualities: list[float] | None = None) -> Record:
    """The gold is 7; each character is one rollout's answer."""
    samples = tuple(
        Sample(i, 10, "finished", a, a == "7", qualities[i] if qualities else None)
        for i, a in enumerate(answers)
    )
    return Record("unpruned", answers, "7", samples)


def test_votes_are_of_the_first_k_and_pass_at_k_of_all() -> None:
    rows = by_k([record("7557", [0.9, 0.1, 0.1, 0.9])], [1, 3, 4])
    found = {(row["measure"], row["k"]): row["accuracy"] for row in rows}
    assert [found["pass", k] for k in (1, 3, 4)] == pytest.approx([0.5, 1, 1])
    assert [found["maj", k] for k in (1, 3)] == [1, 0]
    assert [found["weighted", k] for k in (1, 3)] == [1, 1]
    assert [row["tokens"] for row in rows[:3]] == [10, 30, 40]
    assert table(rows)[0] == "| k | pass@k | maj@k | weighted@k |"


def test_without_qualities_there_is_no_weighted_row() -> None:
    assert {row["measure"] for row in by_k([record("75")], [1])} == {"pass", "maj"}


def test_k_is_read_and_checked() -> None:
    assert parse_k("8,1,8", 16) == [1, 8]
    assert parse_k(None, 12) == [1, 2, 4, 8, 12]
    for bad in ("0", "1,17", "a", ""):
        with pytest.raises(DataError, match="--k"):
            parse_k(bad, 16)
