"""What a progress stream tells: changes alone, which add up to how the search stands."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from arrol_serve.api.reply.progress import Changes, Clusters, plan_shown
from arrol_serve.api.reply.response import arrol_object
from arrol_serve.api.reply.rows import rounded
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from tests.progress_events import check_sum
from tests.unit.api.searches import Race, outcome, plan

PROBES = (8, 16)


def race(samples: int = 4, **options: Any) -> Race:
    options = {"prune": {"keep": 0.5, "probes": list(PROBES)}, "return": "candidates", **options}
    return Race(plan(samples=samples, **options))


def finished(index: int, answer: str, quality: float = 0.8, tokens: int = 20) -> Rollout:
    return Rollout(index, rf"so \boxed{{{answer}}}", tokens, Fate.FINISHED, quality, 3.0)


def test_the_first_event_says_all_and_the_next_what_is_new() -> None:
    found, changes = race(), Changes(plan())
    found.state.launched(range(4))
    first = changes.since_last(found.now(0))
    assert [row["index"] for row in first["candidates"]] == [0, 1, 2, 3]
    assert first["plan"]["samples"] == 4
    found.tokens[1] = 3
    second = changes.since_last(found.now(125))
    assert second["candidates"] == [{"index": 1, "fate": "running", "tokens": 3}]
    assert "plan" not in second
    assert "votes" not in second
    assert (second["tokens"], second["running"]) == (3, 4)
    assert changes.since_last(found.now(250)).keys() == second.keys() - {"candidates"}


def test_a_pruned_candidate_says_at_which_probe() -> None:
    found, changes = race(), Changes(plan())
    found.state.launched(range(2))
    changes.since_last(found.now())
    probes = (ProbeScore(8, 0.4, 1.0), ProbeScore(16, -1.23456, 0.25))
    found.ends(Rollout(1, "hm", 17, Fate.PRUNED, 0.2, 1.0, probes))
    (row,) = changes.since_last(found.now())["candidates"]
    assert row == {
        "index": 1,
        "fate": "pruned",
        "pruned_at": 16,
        "tokens": 17,
        "quality": 0.2,
        "confidence": 1.0,
        "probes": [
            {"tokens": 8, "score": 0.4, "survival": 1.0},
            {"tokens": 16, "score": -1.235, "survival": 0.25},
        ],
    }


def test_texts_go_to_those_who_ask_for_candidates() -> None:
    found = race()
    found.state.launched(range(1))
    found.ends(finished(0, "7"))
    assert "text" not in changes_of(found, plan())
    assert changes_of(found, found.of)["text"] == r"so \boxed{7}"


def changes_of(found: Race, of: Any) -> dict[str, Any]:
    (row,) = Changes(of).since_last(found.now())["candidates"]
    return dict(row)


def test_what_was_not_read_has_no_answer_yet_and_what_holds_none_has_null() -> None:
    found = race()
    found.state.launched(range(2))
    found.ends(finished(0, "7"))
    found.book.answers.clear()
    found.book.readings.clear()
    found.ends(replace(finished(1, ""), text="I do not know"))
    first, second = Changes(plan()).since_last(found.now())["candidates"]
    assert not {"answer", "cluster", "kind", "read"} & first.keys()
    assert (second["answer"], second["cluster"]) == (None, None)
    assert second["read"]


def test_another_spelling_changes_names_but_no_number() -> None:
    found, changes = race(), Changes(plan())
    found.state.launched(range(4))
    found.ends(finished(1, "0.5"))
    found.ends(finished(2, "7"))
    changes.since_last(found.now())
    found.ends(finished(0, "1/2"))
    found.book.answers |= {0: "1/2", 1: "1/2"}
    event = changes.since_last(found.now())
    rows = {row["index"]: row for row in event["candidates"]}
    assert rows[0]["cluster"] == 0
    assert rows[1] == {"index": 1, "answer": "1/2"}
    votes = {row["cluster"]: row for row in event["votes"]}
    assert (votes[0]["answer"], votes[0]["count"]) == ("1/2", 2)


def test_clusters_that_merge_or_come_apart() -> None:
    numbers = Clusters()
    assert numbers.of({0: "a", 1: "b", 2: "c"}) == {"a": 0, "b": 1, "c": 2}
    assert numbers.of({0: "a", 1: "a", 2: "c", 3: None}) == {"a": 0, "c": 2}
    assert numbers.of({0: "a", 1: "b", 2: "c"}) == {"a": 0, "b": 3, "c": 2}


def test_a_vote_that_nobody_holds_any_more_is_taken_back() -> None:
    found, changes = race(), Changes(plan())
    found.state.launched(range(2))
    found.ends(finished(0, "7"))
    found.ends(finished(1, "9"))
    changes.since_last(found.now())
    found.state.uncount(frozenset((0,)))
    event = changes.since_last(found.now(stop="confidence"))
    assert {"index": 1, "fate": "cancelled", "answer": None, "cluster": None} in event["candidates"]
    assert {"cluster": 1, "count": 0} in event["votes"]
    assert event["stop"] == "confidence"


def events_of(found: Race, seed: int) -> Iterator[Any]:
    """A race that goes as chance has it, waves and all."""
    draw = random.Random(seed)
    changes, samples = Changes(found.of), found.of.samples
    while found.state.live or len(found.state.wave_of) < samples:
        begun = len(found.state.wave_of)
        if begun < samples and (not found.state.live or draw.random() < 0.1):
            found.state.launched(range(begun, min(samples, begun + draw.randint(1, samples))))
        for index in list(found.state.live):
            steps(found, draw, index)
        if draw.random() < 0.4:
            yield changes.since_last(found.now())
    found.state.uncount(frozenset(draw.sample(range(samples), samples - 1)))
    yield changes.since_last(found.now(stop="all_done"))


def steps(found: Race, draw: random.Random, index: int) -> None:
    found.tokens[index] += draw.randint(0, 5)
    tokens, probes = found.tokens[index], found.state.probes.get(index, ())
    if len(probes) < 2 and tokens >= PROBES[len(probes)]:
        probes = (*probes, ProbeScore(PROBES[len(probes)], draw.gauss(0, 1), draw.random()))
        found.state.probes[index] = probes
        if draw.random() < 0.3:
            found.ends(Rollout(index, "cut", tokens, Fate.PRUNED, 0.1, 1.0, probes))
    elif tokens > 30:
        answer = draw.choice(["7", "8", "9"])
        ended = replace(finished(index, answer, draw.random(), tokens), probes=probes)
        found.ends(replace(ended, text="none") if draw.random() < 0.2 else ended)


@pytest.mark.parametrize("seed", range(20))
def test_the_sum_of_all_events_is_the_report(seed: int) -> None:
    found = race(12)
    events = [json.loads(json.dumps(event)) for event in events_of(found, seed)]
    told = replace(
        outcome(
            found.of,
            tuple(found.state.rollouts[i] for i in range(12)),
            {i: found.state.answer(r) for i, r in found.state.rollouts.items() if r.votes},
        ),
        readings=found.book.readings,
        wave_of=tuple(found.state.wave_of),
        saved_estimate=found.state.saved_estimate,
    )
    report = arrol_object(SearchTicket(found.of, outcome=told), None)
    assert report is not None
    check_sum(events, report)


def test_the_plan_is_shown_as_it_is() -> None:
    shown = plan_shown(
        plan(
            samples=8,
            min_samples=2,
            wave_samples=3,
            early_stop={"confidence": 0.8},
            prune={"keep": 0.5, "probes": [8, 16]},
            deadline_s=5,
        )
    )
    assert shown["early_stop"] == {"confidence": 0.8}
    assert (shown["samples"], shown["first"], shown["then"]) == (8, 2, 3)
    assert shown["probes"] == [8, 16]
    assert shown["prune"] == {"name": "top_fraction", "keep": 0.5}
    assert (shown["deadline_s"], shown["scorer"], shown["preset"]) == (5, "head", None)
    plain = plan_shown(plan(samples=8))
    assert (plain["first"], plain["prune"], plain["early_stop"]) == (8, None, None)
    by_votes = plan_shown(plan(samples=8, early_stop={"agreement": 0.9}))
    assert by_votes["early_stop"] == {"agreement": 0.9}


def test_what_json_cannot_say_is_null() -> None:
    assert rounded(float("nan")) is None
    assert rounded(float("-inf")) is None
