"""One worker, and two that share one model: the same answers, pruned by the same scores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from arrol_serve.engine.setup import few_cores
from tests.server.conftest import Server, start
from tests.server.leaving import check_nothing_is_left, leave
from tests.server.running.processes import engines
from tests.starting import stop

PRUNED = {"samples": 8, "prune": {"keep": 0.5, "probes": [8]}, "return": "candidates"}
PLANS: list[dict[str, Any]] = [
    {},
    {"arrol": PRUNED},
    {"arrol": PRUNED | {"scorer": "confidence", "vote": "confidence"}},
    {"arrol": {"samples": 6, "vote": "rank", "return": "candidates"}, "n": 2},
]


def body(number: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"What is {31 + number}*{17 + number}-8?"}]
    common = {"model": "arrol-tiny", "messages": messages, "seed": number, "max_tokens": 80}
    return common | PLANS[number % len(PLANS)]


def answers(server: Server) -> list[dict[str, Any]]:
    replies = [server.post(body(number)) for number in range(3 * len(PLANS))]
    assert [reply.status_code for reply in replies] == [200] * len(replies)
    return [reply.json() for reply in replies]


def workers(server: Server) -> int:
    names = [p.name() for p in psutil.Process(server.pid).children(recursive=True)]
    return sum("Worker" in name for name in names)


def test_one_worker_is_in_its_engine_where_cores_are_few(server: Server) -> None:
    """Whose other threads have more cores than the worker's own."""
    if not few_cores():
        assert workers(server) == 1
        return
    assert workers(server) == 0
    (engine,) = engines(server.pid)
    cores, allowed = set(engine.cpu_affinity() or ()), os.sched_getaffinity(0)
    assert cores <= allowed
    assert len(cores) > 1 or len(allowed) == 1


@pytest.mark.slow  # workers that share a core wait for each other
@pytest.mark.timeout(1800)
def test_two_workers_answer_as_one(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answers(server)
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # else each wants a NUMA node
    process, split = start(tmp_path / "server.log", "--tensor-parallel-size", "2")
    try:
        assert workers(split) == 2
        for reply, known in zip(answers(split), expected, strict=True):
            check_same(reply, known)
        leave(split, body(1) | {"max_tokens": 400, "ignore_eos": True}, 0.5)
        check_nothing_is_left(split)
        stop(process, split.log)
    finally:
        process.kill()


def check_same(reply: dict[str, Any], known: dict[str, Any]) -> None:
    if "arrol" not in known:
        said = [[c["message"]["content"] for c in found["choices"]] for found in (reply, known)]
        assert said[0] == said[1]
        return
    found, expected = reply["arrol"], known["arrol"]
    assert found["samples"]["pruned"] == expected["samples"]["pruned"]
    for one, other in zip(found["candidates"], expected["candidates"], strict=True):
        check_candidate(one, other)


def check_candidate(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Which ones are pruned is a matter of rounding among candidates that begin with the same text."""
    assert one["text"].startswith(other["text"]) or other["text"].startswith(one["text"])
    for probe, known in zip(one["probes"], other["probes"], strict=True):
        assert probe == pytest.approx(known, abs=0.01)
    if (one["fate"], one["text"]) == (other["fate"], other["text"]):
        for signal in ("quality", "confidence"):
            assert one[signal] == pytest.approx(other[signal], abs=0.01)
