"""Replays beside searches that really run: the same seeds, the same decisions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evaluation.tuning.apart_live import BODIES, LATE, PROBES
from tests.warm.command import PYTHON, run

LIMIT_S = 500
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    done = run([*PYTHON, "tests.evaluation.tuning.apart_live"], LIMIT_S)
    assert done.returncode == 0, done.stderr[-3000:]
    body: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return body


def test_the_pass_keeps_every_rollout_with_its_scores(found: dict[str, Any]) -> None:
    for question in found["questions"]:
        assert len(question["tokens"]) == 12
        for tokens, probes in zip(question["tokens"], question["probes"], strict=True):
            assert probes == [probe for probe in PROBES if probe < tokens]


@pytest.mark.parametrize("number", range(len(BODIES) + len(LATE)))
def test_a_search_that_runs_does_what_its_replay_did(number: int, found: dict[str, Any]) -> None:
    plan = found["plans"][number]
    for place, expected in enumerate(plan["replayed"]):
        assert plan["right"][place] == expected["right"]
        assert plan["by_rule"][place] == expected["by_rule"]
        assert plan["confidence"][place] == pytest.approx(expected["confidence"], abs=1e-3)
        kept = found["questions"][place]["tokens"]
        for index, tokens in plan["finished"][place].items():
            assert tokens == kept[int(index)]
        if not expected["by_rule"]:
            assert plan["started"][place] == expected["started"]
        if number < len(BODIES):
            # Who comes to a probe first generates on until its siblings are there, and what is called
            # off ends some steps before or after the moment of the decision.
            slack = (5 if expected["by_rule"] else 2) * expected["started"]
            assert plan["tokens"][place] == pytest.approx(expected["tokens"], abs=slack)


def test_both_kinds_of_end_are_seen(found: dict[str, Any]) -> None:
    ends = [r["by_rule"] for plan in found["plans"] for r in plan["replayed"]]
    assert 0 < sum(ends) < len(ends)
