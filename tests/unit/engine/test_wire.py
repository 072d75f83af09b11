"""Plans as text: what a candidate's engine reads is what was planned for it, and nothing else is a plan."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from arrol_serve.engine.plugin.wire import KEY, LONGEST_KEPT, GroupPlan, packed, plan_of

GROUP = GroupPlan("s", 3, 3, probes=(4, 8), earlier=([0.5], []), signals=("quality",), record=(4,))


def read(text: Any) -> Any:
    return plan_of(SimpleNamespace(extra_args={KEY: text}))


@pytest.mark.parametrize("search", ["s", "a/b", "x" * LONGEST_KEPT])
def test_every_candidate_gets_its_own_plan(search: str) -> None:
    group = GroupPlan(search, 3, 3, probes=(4, 8), record=(4,))
    for index in (2, 0, 1, 0):
        assert read(packed(group.member(index))) == group.member(index)


def test_a_plan_that_is_changed_changes_no_siblings() -> None:
    first = read(packed(GROUP.member(0)))
    first["search"] = "other"
    assert read(packed(GROUP.member(1))) == GROUP.member(1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "0/" + "[" * 50_000,
        "1/",
        "1/{",
        "1/[]",
        "1/3",
        "1/{}",
        "x/{}",
        '{"index": 1}',
        7,
        None,
        [1],
    ],
)
def test_what_is_no_plan_is_none(text: Any) -> None:
    assert read(text) is None


def test_a_plan_without_an_index_is_none() -> None:
    assert read(packed(GROUP.member(0)).partition("/")[2]) is None
    assert read("x" + packed(GROUP.member(0))) is None
