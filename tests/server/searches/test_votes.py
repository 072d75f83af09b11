"""Who scores the candidates, and how they vote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., Any]


@pytest.mark.parametrize("vote", ["quality", "uniform", "rank", "confidence", "best"])
def test_every_vote_rule_answers(ask: Ask, vote: str) -> None:
    found = ask("What is 12*3+5?", arrol={"samples": 6, "vote": vote}, seed=1).arrol
    assert found["answer"] == "41"
    assert 0 < found["confidence"] <= 1


def test_the_confidence_scorer_prunes_without_a_head(ask: Ask) -> None:
    arrol = {"samples": 8, "scorer": "confidence", "prune": {"keep": 0.5, "probes": [10]}}
    found = ask(arrol=arrol, seed=1).arrol
    assert found["samples"]["pruned"] == 4
    assert found["head"] is None


def test_without_a_scorer_each_candidate_has_one_vote(ask: Ask) -> None:
    arrol = {"samples": 6, "return": "candidates"}
    counted = ask("What is 12*3+5?", arrol={**arrol, "scorer": "none"}, seed=1).arrol
    scored = ask("What is 12*3+5?", arrol={**arrol, "vote": "uniform"}, seed=1).arrol
    assert (counted["vote"], counted["scorer"], counted["head"]) == ("uniform", "none", None)
    assert counted["confidence"] == counted["agreement"], "the share of the votes"
    assert {c["quality"] for c in counted["candidates"]} == {None}
    assert None not in {c["quality"] for c in scored["candidates"]}
    kept = [
        [(c["answer"], c["tokens"]) for c in found["candidates"]] for found in (counted, scored)
    ]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(("scorer", "which"), [("none", "first"), ("head", "best-scored")])
def test_it_says_which_candidate_is_returned_without_a_vote(
    ask: Ask, scorer: str, which: str
) -> None:
    found = ask(arrol={"samples": 3, "scorer": scorer}, max_tokens=4, seed=1).arrol
    assert found["votable"] is False
    assert f"the {which} one is returned" in found["note"]
