"""The soak's judges: what is a fault, and what is a leak."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arrol_serve.config import ServerConfig
from arrol_serve.sampling_plan import Selectors, resolve
from benchmarks.plots.soak import soak_plot
from benchmarks.record import write_result
from benchmarks.render.soak import soak as rendered
from benchmarks.soak import rows, verdict
from tests.soaking.asks import CHAT, Ask, known_ask, random_ask, random_plan
from tests.soaking.crowd import Crowd
from tests.soaking.faults import Reply, fault_of
from tests.soaking.rounds import Soaked
from tests.soaking.watch import HELD, Snapshot, gauge

SEARCH = Ask("search", CHAT, {"arrol": {"samples": 3, "return": "candidates"}})
STREAM = replace(SEARCH, body={**SEARCH.body, "stream": True})  # type: ignore[dict-item]
REPORT: dict[str, Any] = {
    "samples": {"started": 3, "finished": 1, "truncated": 0, "pruned": 2, "cancelled": 0},
    "candidates": [{"index": 0}, {"index": 1}, {"index": 2}],
}
WHOLE: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"content": "7"}, "finish_reason": "stop"}],
    "usage": {"completion_tokens": 9},
    "arrol": REPORT,
}
ERROR = {"error": {"message": "full", "type": "rate_limit_error", "param": None, "code": "x"}}


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status, headers, json.dumps(body).encode())


def changed(**parts: Any) -> dict[str, Any]:
    return {**WHOLE, **parts}


def stream(*events: dict[str, Any], done: str = "[DONE]") -> Reply:
    lines = [json.dumps(event) for event in events] + [done]
    return Reply(200, {}, "".join(f"data: {line}\n\n" for line in lines).encode())


def chunk(text: str, end: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": end}], **more}


def test_right_replies_have_no_fault() -> None:
    assert fault_of(SEARCH, reply(WHOLE), "7") is None
    assert fault_of(SEARCH, Reply(429, {"retry-after": "3"}, json.dumps(ERROR).encode())) is None
    whole = stream(chunk("he"), chunk("llo", "stop", arrol=REPORT))
    assert fault_of(STREAM, whole, "hello") is None
    assert whole.text == "hello"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(ERROR, 429), "Retry-After"),
        (reply(ERROR, 500), "status 500"),
        (reply({"detail": "no"}, 429, **{"retry-after": "1"}), "another form"),
        (reply(changed(choices=[])), "0 choices"),
        (reply(changed(usage={"completion_tokens": 0})), "no token"),
        (reply(changed(arrol=None)), "no arrol object"),
        (reply(changed(arrol={**REPORT, "candidates": [{"index": 0}]})), "one each"),
        (reply(changed(arrol={"samples": {**REPORT["samples"], "pruned": 1}})), "missing"),
    ],
)
def test_wrong_replies(answer: Reply, says: str) -> None:
    assert says in (fault_of(SEARCH, answer) or "")


def test_the_text_of_a_known_request_is_compared() -> None:
    assert "than when alone" in (fault_of(SEARCH, reply(WHOLE), "8") or "")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (stream(chunk("a", "stop", arrol=REPORT), done="{}"), "ends with"),
        (stream(chunk("a", arrol=REPORT)), "ended 0 times"),
        (stream(chunk("a", "stop")), "no arrol object"),
        (stream({"error": {**ERROR["error"], "code": "internal_error"}}), "an error in the stream"),
    ],
)
def test_wrong_streams(answer: Reply, says: str) -> None:
    assert says in (fault_of(STREAM, answer) or "")


def test_asks_follow_from_the_seed_and_are_of_all_kinds() -> None:
    asks = [random_ask(random.Random(number)) for number in range(400)]
    assert asks == [random_ask(random.Random(number)) for number in range(400)]
    assert {ask.leaving for ask in asks} == {"stays", "leaves", "cut off", "stalls"}
    assert {ask.kind for ask in asks} >= {"known", "plain", "search", "structured", "bad"}
    assert known_ask(1).known == 1


def test_random_plans_are_good_plans() -> None:
    config = ServerConfig(head="x", head_id="x")
    for number in range(500):
        assert resolve(Selectors(body=random_plan(random.Random(number))), config) is not None


def seen(**parts: Any) -> Snapshot:
    held = dict.fromkeys(HELD, 0.0)
    idle = Snapshot(60.0, 10**9, 10**9, 100, 50, 4, 12, 1, 0, held)
    return replace(idle, **parts)


def soaked(**last: Any) -> Soaked:
    crowd = Crowd("http://127.0.0.1:1", "key", 0)
    crowd.tally.outcomes["search", "200"] += 1100
    busy = (seen(held=dict.fromkeys(HELD, 3.0)), 9)
    return Soaked(crowd, [seen(), seen(**last)], [busy], [100, 1100])


def test_nothing_held_is_no_leak() -> None:
    assert verdict(soaked(memory=10**9 + 1000), "all is well") == []


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ({"tasks": 30}, "tasks grew from 12 to 30"),
        ({"descriptors": 120}, "descriptors grew"),
        ({"heads": 2}, "heads grew"),
        ({"groups": 1}, "1 rollout groups"),
        ({"memory": 10**9 + 2_000_000}, "2000 bytes a request"),
    ],
)
def test_what_stays_is_a_leak(last: dict[str, Any], says: str) -> None:
    (found,) = verdict(soaked(**last), "")
    assert says in found


def test_lost_requests_and_tracebacks_are_findings() -> None:
    bad = soaked()
    bad.crowd.tally.fault(SEARCH, "lost", "gone")
    assert verdict(bad, "Traceback (most recent call last):") == [
        "1 requests lost",
        "1 tracebacks in the log",
    ]


def test_the_result_is_drawn_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.record.RESULTS", tmp_path)
    settings = {"minutes": 3, "concurrent": 9, "wrong": [], "bytes_per_request": 1.0}
    path = write_result("soak", settings, rows(soaked()), seeds=[0], folder=tmp_path)
    assert soak_plot(path).stat().st_size > 10_000
    assert "| search | 1100 |" in rendered()


def test_gauges_are_summed_over_their_labels() -> None:
    metrics = 'a_b{engine="0"} 2.0\na_b{engine="1"} 1.5\na_b_total 9\na_c 4\n'
    assert (gauge(metrics, "a_b"), gauge(metrics, "a_c")) == (3.5, 4)
