"""Progress streams on the real server: what each candidate does, while it does it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from arrol_serve.api.reply.progress import ProgressEvent
from tests.progress_events import added, check_sum
from tests.server.conftest import Server
from tests.server.leaving import LONG, check_nothing_is_left, leave

HARD = "What is 947*83-17+29-64?"
PROBE = 24
PRUNED: dict[str, Any] = {"keep": 0.5, "probes": [PROBE]}
ASK = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": HARD}]},
    "/v1/completions": {"prompt": "947*83-17+29-64=", "max_tokens": 200},
    "/v1/responses": {"input": HARD},
    "/v1/messages": {"messages": [{"role": "user", "content": HARD}], "max_tokens": 200},
}


@dataclass(frozen=True)
class Seen:
    """A stream as it came."""

    bodies: list[dict[str, Any]]
    events: list[dict[str, Any]]
    """Of progress."""
    times: list[float]
    """When they came, in seconds."""

    @property
    def report(self) -> dict[str, Any]:
        """The whole one: some places have it without its candidates."""
        found = (report for body in self.bodies for report in reports(body))
        return next(report for report in found if "candidates" in report)


def reports(body: Any) -> list[dict[str, Any]]:
    """Every ``arrol`` object of a finished search in an event."""
    if isinstance(body, list):
        return [report for part in body for report in reports(part)]
    if not isinstance(body, dict):
        return []
    own = [body["arrol"]] if isinstance(body.get("arrol"), dict) and "stop" in body["arrol"] else []
    return own + [report for part in body.values() for report in reports(part)]


def watch(server: Server, path: str = "/v1/chat/completions", **body: Any) -> Seen:
    arrol = {"samples": 8, "return": "candidates", "stream": "progress", **body.pop("arrol", {})}
    asked = {"model": "arrol-tiny", "stream": True, "arrol": arrol, **ASK[path], **body}
    headers = {"authorization": f"Bearer {server.key}"}
    seen = Seen([], [], [])
    with httpx.stream(
        "POST", f"{server.url}{path}", json=asked, headers=headers, timeout=120
    ) as reply:
        assert reply.status_code == 200, reply.read()
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                seen.bodies.append(json.loads(line.removeprefix("data: ")))
                told = seen.bodies[-1].get("arrol") or {}
                if "progress" in told:
                    seen.events.append(told["progress"])
                    seen.times.append(time.monotonic())
    return seen


@pytest.fixture(scope="module")
def race(server: Server) -> Seen:
    """64 candidates, half of them pruned."""
    arrol = {"samples": 64, "prune": PRUNED}
    return watch(server, arrol=arrol, seed=5, temperature=1.2)


def test_the_first_event_is_what_a_client_needs_to_start(race: Seen) -> None:
    first = race.events[0]
    assert first["plan"]["samples"] == first["plan"]["first"] == 64
    assert first["plan"]["probes"] == [PROBE]
    assert first["plan"]["prune"] == {"name": "top_fraction", "keep": 0.5}
    assert [row["index"] for row in first["candidates"]] == list(range(64))
    assert {row["wave"] for row in first["candidates"]} == {0}
    assert not any("plan" in event for event in race.events[1:])


def test_at_most_ten_come_in_any_second(race: Seen) -> None:
    elapsed = [event["elapsed_ms"] for event in race.events]
    assert elapsed == sorted(elapsed)
    assert len(elapsed) > 5
    for start in elapsed:
        assert sum(start <= moment < start + 1000 for moment in elapsed) <= 10


def test_candidates_are_seen_while_they_run(race: Seen) -> None:
    assert race.times[-1] - race.times[0] > 0.3  # not all at the end
    alive = [event for event in race.events if event["running"]]
    tokens = [event["tokens"] for event in race.events]
    assert tokens == sorted(tokens)
    assert len({event["tokens"] for event in alive}) > 3
    steps: dict[int, list[int]] = {}
    for event in race.events:
        for row in event.get("candidates", []):
            if "tokens" in row:
                steps.setdefault(row["index"], []).append(row["tokens"])
    assert max(len(seen) for seen in steps.values()) > 3
    assert all(seen == sorted(seen) for seen in steps.values())
    before = {row["fate"] for row in added(race.events[:-1])[0].values()}
    assert before >= {"pruned", "running"} or before >= {"pruned", "finished"}


def test_pruning_is_seen_with_its_probe_when_it_happens(race: Seen) -> None:
    candidates, _ = added(race.events)
    pruned = [row for row in candidates.values() if row["fate"] == "pruned"]
    assert len(pruned) == 32
    assert all(row["pruned_at"] == PROBE == row["probes"][-1]["tokens"] for row in pruned)
    assert all("answer" not in row for row in pruned)
    at = next(i for i, event in enumerate(race.events) if event["pruned"])
    assert race.events[at]["running"]
    survivors = [
        row for row in added(race.events[: at + 1])[0].values() if row["fate"] == "running"
    ]
    assert any(row["probes"] for row in survivors)  # their scores are known while they run


def test_all_events_together_are_the_report(race: Seen) -> None:
    check_sum(race.events, race.report)
    assert [event.get("stop") for event in race.events[:-1]] == [None] * (len(race.events) - 1)
    assert all(row["text"] for row in added(race.events)[0].values())


def test_events_are_as_documented(race: Seen) -> None:
    shape = TypeAdapter(ProgressEvent)
    for event in race.events:
        assert shape.validate_python(event, strict=True, extra="forbid") == event


def test_only_what_changed_is_told(race: Seen) -> None:
    known: dict[int, dict[str, Any]] = {}
    for event in race.events:
        for row in event.get("candidates", []):
            before = known.setdefault(row["index"], {})
            assert all(
                before.get(name, ...) != value for name, value in row.items() if name != "index"
            )
            before.update(row)
    whole = len(json.dumps(race.report["candidates"]))
    assert len(json.dumps(race.events)) < 4 * whole


def test_waves_are_seen_as_they_start(server: Server) -> None:
    arrol = {
        "samples": 12,
        "min_samples": 2,
        "wave_samples": 2,
        "prune": PRUNED,
        "early_stop": {"confidence": 0.9999},
    }
    seen = watch(server, arrol=arrol, seed=5, temperature=1.8)
    assert seen.events[0]["plan"]["early_stop"] == {"confidence": 0.9999}
    assert len(seen.events[0]["candidates"]) == 2
    assert [event["waves"] for event in seen.events] == sorted(e["waves"] for e in seen.events)
    assert {row["wave"] for row in added(seen.events)[0].values()} == set(range(6))
    check_sum(seen.events, seen.report)


def test_an_early_stop_says_who_does_not_count(server: Server) -> None:
    arrol = {"samples": 16, "min_samples": 8, "early_stop": {"confidence": 0.6}}
    seen = watch(server, arrol=arrol, seed=3)
    assert seen.events[-1]["stop"] == seen.report["stop"]
    check_sum(seen.events, seen.report)


@pytest.mark.parametrize("path", ASK)
def test_every_route_tells_the_same(server: Server, path: str) -> None:
    seen = watch(server, path, arrol={"prune": PRUNED})
    assert seen.events[0]["plan"]["probes"] == [PROBE]
    check_sum(seen.events, seen.report)
    at = [i for i, body in enumerate(seen.bodies) if "progress" in (body.get("arrol") or {})]
    spoken = json.dumps(seen.bodies[at[-1] + 1 :])
    assert seen.report["answer"] in spoken or "boxed" in spoken  # the reply comes after the race


def test_several_choices_come_after_one_race(server: Server) -> None:
    seen = watch(server, arrol={"samples": 16}, seed=2, temperature=1.6, n=2)
    check_sum(seen.events, seen.report)
    ended = [c["index"] for b in seen.bodies for c in b["choices"] if c["finish_reason"]]
    assert ended in ([0], [0, 1])


def test_to_watch_changes_nothing(server: Server) -> None:
    plain = {"samples": 8, "return": "candidates"}
    body = {"model": "arrol-tiny", **ASK["/v1/chat/completions"], "seed": 6, "arrol": plain}
    whole = server.post(body).json()["arrol"]
    seen = watch(server, arrol=plain, seed=6)
    assert seen.report | {"latency_ms": None} == whole | {"latency_ms": None}


def test_texts_are_sent_only_where_candidates_are_asked_for(server: Server) -> None:
    seen = watch(server, arrol={"return": "summary"})
    rows = added(seen.events)[0].values()
    assert len(rows) == 8
    assert not any("text" in row for row in rows)


def test_who_leaves_a_race_ends_it(server: Server) -> None:
    arrol = {"samples": 64, "stream": "progress", "return": "candidates"}
    leave(server, LONG | {"stream": True, "arrol": arrol}, 0.6)
    check_nothing_is_left(server)


def test_a_deadline_ends_the_race_with_its_reason(server: Server) -> None:
    arrol = {"samples": 64, "deadline_s": 1.0}
    seen = watch(server, arrol=arrol, seed=5, temperature=1.2)
    error = next((body["error"] for body in seen.bodies if "error" in body), None)
    if error is None:
        assert seen.events[-1]["stop"] == seen.report["stop"]
        check_sum(seen.events, seen.report)
    else:
        assert error["code"] == "deadline_exceeded"
    server.wait_idle()
