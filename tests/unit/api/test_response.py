"""What a response says about its search."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from urllib.parse import unquote

import pytest

from arrol_serve.api.reply.response import arrol_object, headers, mirror_reasoning, usage
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.rollout import Fate
from tests.unit.api.searches import ROLLOUTS, ended, outcome, plan


def test_the_summary_says_what_happened() -> None:
    report = arrol_object(ended(SearchTicket(plan())), "x-v1")
    assert report == {
        "applied": True,
        "answer": "1/2",
        "confidence": 0.835,  # 9 / (9 + 3/7 + exp 0.3)
        "agreement": 0.5,
        "vote": "quality",
        "scorer": "head",
        "votable": True,
        "samples": {
            "requested": 4,
            "started": 4,
            "finished": 3,
            "truncated": 0,
            "pruned": 1,
            "cancelled": 0,
            "no_answer": 1,
        },
        "votes": [
            {"answer": "1/2", "count": 1, "weight": 0.9, "probability": 0.835},
            {"answer": "7", "count": 1, "weight": 0.3, "probability": 0.03976},
        ],
        "tokens": {"prompt": 20, "generated": 100, "winner": 30, "saved_estimate": 11},
        "stop": "all_done",
        "waves": 1,
        "head": {"id": "x-v1", "version": "1"},
        "verifier_timeouts": 0,
        "latency_ms": 12,
    }


def test_none_says_nothing_and_candidates_say_everything() -> None:
    assert arrol_object(ended(SearchTicket(plan(**{"return": "none"}))), None) is None
    report = arrol_object(ended(SearchTicket(plan(**{"return": "candidates"}))), None)
    assert report is not None
    assert report["candidates"][2] == {
        "index": 2,
        "wave": 0,
        "text": "hm",
        "answer": None,
        "kind": None,
        "canonical": None,
        "read": None,
        "fate": "pruned",
        "tokens": 24,
        "quality": 0.1,
        "confidence": None,
        "probes": [{"tokens": 24, "score": -1.235, "survival": 0.5}],
    }
    assert [c["answer"] for c in report["candidates"]] == ["1/2", "7", None, None]
    read = [(c["kind"], c["canonical"], c["read"]) for c in report["candidates"][:2]]
    assert read == [("fraction", "1/2", "box"), ("integer", "7", "box")]


def test_free_text_says_that_nobody_voted() -> None:
    ticket = SearchTicket(plan())
    ticket.outcome = outcome(plan(), answers={0: None, 1: None, 3: None})
    report = arrol_object(ticket, None)
    assert report is not None
    assert (report["votable"], report["answer"], report["confidence"]) == (False, None, None)
    assert "best-scored" in report["note"]
    assert "x-arrol-confidence" not in headers(ticket)


def test_the_confidence_scorer_names_no_head() -> None:
    report = arrol_object(ended(SearchTicket(plan(scorer="confidence"))), "x-v1")
    assert report is not None
    assert (report["scorer"], report["head"]) == ("confidence", None)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_json_cannot_say_becomes_null(bad: float) -> None:
    ticket = SearchTicket(plan(**{"return": "candidates"}))
    rollouts = (replace(ROLLOUTS[0], confidence=bad), *ROLLOUTS[1:])
    ticket.outcome = outcome(ticket.plan, rollouts=rollouts)
    report = arrol_object(ticket, None)
    assert report is not None
    assert report["candidates"][0]["confidence"] is None
    json.dumps(report, allow_nan=False)


def test_usage_counts_the_prompt_once_and_every_generated_token() -> None:
    reported = {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50, "x": 1}
    true = {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120, "x": 1}
    assert usage(ended(SearchTicket(plan())), reported) == true
    assert usage(SearchTicket(plan()), reported) == reported


def test_headers_before_and_after_the_outcome() -> None:
    ticket = SearchTicket(plan())
    assert headers(ticket) == {"x-arrol-applied": "true", "x-arrol-samples": "4"}
    assert headers(ended(ticket)) == {
        "x-arrol-applied": "true",
        "x-arrol-confidence": "0.8350",
        "x-arrol-samples": "4",
        "x-arrol-pruned": "1",
        "x-arrol-generated-tokens": "100",
        "x-arrol-stop": "all_done",
        "x-arrol-votes": "1/2",
        "x-arrol-answer": "1/2",
    }
    assert ROLLOUTS[2].fate is Fate.PRUNED


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ("42", "42"),
        ("x = 3\n", "x = 3%0A"),
        ("50%", "50%25"),
        ("\u03c0/2", "%CF%80/2"),
        ('{"a": [1]}', '{"a": [1]}'),
        ("7" * 1025, None),
    ],
)
def test_answers_in_headers_are_ascii(answer: str, sent: str | None) -> None:
    ticket = SearchTicket(plan())
    ticket.outcome = outcome(ticket.plan, answers={0: answer, 1: answer, 3: None})
    found = headers(ticket)
    assert found.get("x-arrol-answer") == sent
    assert sent is None or unquote(sent) == answer
    assert found["x-arrol-votes"] == "2/2"


def test_what_was_changed_is_said() -> None:
    ticket = ended(SearchTicket(plan(), temperature=0.7, notes=["Nothing was pruned."]))
    report = arrol_object(ticket, "x-v1")
    assert report is not None
    assert (report["temperature"], report["note"]) == (0.7, "Nothing was pruned.")


def test_both_spellings_of_reasoning() -> None:
    message = {"reasoning": "so", "content": "1"}
    mirror_reasoning(message)
    assert message["reasoning_content"] == "so"
    silent: dict[str, object] = {"reasoning": None, "content": "1"}
    mirror_reasoning(silent)
    assert "reasoning_content" not in silent
