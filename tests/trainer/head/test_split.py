"""Equal questions are on one side of every split."""

from __future__ import annotations

import numpy as np

from trainer.head.data import HeadData
from trainer.head.fit import split_groups
from trainer.prompts.equals import first_of_equals


def test_the_first_of_equals_whatever_their_spaces_and_case() -> None:
    assert first_of_equals(["What is 2?", "three", "what  is 2?\n", "Three!"]) == [0, 1, 0, 3]


def test_no_text_is_in_two_parts() -> None:
    """60 questions, each four times in the file."""
    texts = [f"question {i % 60}" for i in range(240)]
    group = np.repeat(np.arange(240, dtype=np.int32), 2)
    ones = np.ones(480, np.int32)
    data = HeadData(np.zeros((480, 1), np.float32), ones > 0, group, ones, ones, ones > 0)
    parts = split_groups(data, (0.7, 0.15, 0.15), 0, first_of_equals(texts))
    inside = [{texts[i] for i in part.group} for part in parts]
    assert [len(part) for part in inside] == [42, 9, 9]
    assert sum(len(part.group) for part in parts) == 480
    assert not inside[0] & inside[1]
    assert not (inside[0] | inside[1]) & inside[2]
