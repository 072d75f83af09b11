"""After which tokens a score may be asked for, by a request's own parameters."""

from __future__ import annotations

from typing import Any

import pytest

from arrol_serve.engine.plugin.scoring.ends import NEVER, STOPS, Ends, ends_of
from arrol_serve.engine.plugin.wire import GroupPlan


class Params:
    """The fields of vLLM's ``SamplingParams`` that end a request."""

    def __init__(self, **changed: Any) -> None:
        self.stop_token_ids: list[int] | None = None
        self.eos_token_id: int | None = 4
        self.stop: list[str] = []
        self.repetition_detection: object = None
        self.max_tokens: int | None = 50
        vars(self).update(changed)


def ends(prompt: int | None = 10, cap: int | None = None, **changed: Any) -> Ends:
    plan = GroupPlan("s", 1, 1, probes=(24, 12), max_total_tokens=cap).member(0)
    return ends_of(plan, Params(**changed), prompt, 100)


def test_a_plain_request_ends_at_its_stop_token_or_its_length() -> None:
    assert ends() == Ends((12, 24), 50, False, (4,))


def test_where_last_tokens_are_not_asked_for_only_probes_matter() -> None:
    plan = GroupPlan("s", 1, 1, probes=(24, 12), record=(30,), to_end=False).member(0)
    found = ends_of(plan, Params(stop=["x"]), 10, 100)
    assert found == Ends((12, 24, 30), NEVER, False, ())


def test_the_context_may_end_first() -> None:
    assert ends(prompt=70).longest == 30


def test_without_a_limit_only_the_context_ends_it() -> None:
    assert ends(max_tokens=None).longest == 90


@pytest.mark.parametrize(
    "reason",
    [
        {"stop": ["x"]},
        {"cap": 100},
        {"repetition_detection": object()},
        {"prompt": None},
        {"stop_token_ids": list(range(10, 10 + STOPS))},
    ],
)
def test_what_only_others_know_may_end_it_anywhere(reason: dict[str, Any]) -> None:
    assert ends(**reason).anywhere


def test_a_request_that_ignores_its_end_of_text_has_no_stop() -> None:
    assert ends(eos_token_id=None, max_tokens=None, prompt=0).stops == ()
    assert ends(prompt=None, max_tokens=None).longest == NEVER
