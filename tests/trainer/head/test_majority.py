"""Which groups have a confident majority, and what becomes of the rows."""

import numpy as np

from trainer.head.data import HeadData
from trainer.head.majority import against_golds, majorities, relabelled


def given(text: str) -> dict[int, str | None]:
    return {i: None if a == "-" else a for i, a in enumerate(text)}


ANSWERS = {
    0: given("77775"),
    1: given("7755"),
    2: given("-----"),
    3: given("5555-7"),
    4: given("73"),
}


def rows() -> HeadData:
    keys = [(group, rollout) for group, row in ANSWERS.items() for rollout in row]
    size = len(keys)
    right = [ANSWERS[group][rollout] == "7" for group, rollout in keys]
    return HeadData(
        np.zeros((size, 1), np.float32),
        np.array(right),
        np.array([group for group, _ in keys], np.int32),
        np.array([rollout for _, rollout in keys], np.int32),
        np.full(size, 9, np.int32),
        np.ones(size, np.bool_),
    )


def test_a_majority_must_be_confident() -> None:
    assert majorities(ANSWERS) == {}  # 4 to 1 may be chance: 0.891
    assert majorities({0: given("7777-")}) == {0: "7"}
    assert majorities({0: given("77")}) == {}
    assert majorities({0: given("77777775")}) == {0: "7"}


def test_rows_say_what_the_majority_says_and_the_others_go() -> None:
    labels = {0: "7", 3: "5"}
    found = relabelled(rows(), labels, ANSWERS)
    assert found.group.tolist() == [0] * 5 + [3] * 6
    assert found.correct.tolist() == [True] * 4 + [False] + [True] * 4 + [False, False]
    about = against_golds(rows(), labels, ANSWERS, {0, 1, 3})
    assert about == {"questions": 5, "labelled": 2, "golds": 3, "labels_right": 0.5}
