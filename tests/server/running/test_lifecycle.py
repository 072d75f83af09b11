"""The end of a server: drained on SIGTERM, or failed with its engine. Each has processes of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.server.conftest import Server, start
from tests.server.leaving import LONG, check_nothing_is_left
from tests.server.running.processes import engines

SHORT: dict[str, Any] = LONG | {"max_tokens": 60, "arrol": {"samples": 4}}
ENDLESS: dict[str, Any] = LONG | {"arrol": {"samples": 256, "prune": {"policy": "never"}}}


SMALL = 4096
"""Bytes that files may have on the full disk."""


@pytest.fixture(scope="module")
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def wait_busy(server: Server, number: int, metric: str = "vllm:num_requests_running") -> None:
    end = time.monotonic() + 60
    while server.metric(metric) < number:
        assert time.monotonic() < end, f"{metric} did not get to {number}"
        time.sleep(0.1)


def last_data(stream: httpx.Response) -> tuple[str, str]:
    """The last two data lines of a stream."""
    *_, error, done = [line for line in stream.text.splitlines() if line.startswith("data: ")]
    return error, done


def test_full_disk_few_blocks_and_sigterm(tmp_path: Path, crowd: ThreadPoolExecutor) -> None:
    """One server with all three: its log cannot grow, and its KV cache holds 3 sequences."""
    log = tmp_path / "server.log"
    # The grace period outlasts a slow machine: the second SIGTERM ends it.
    patient = tmp_path / "arrol.toml"
    patient.write_text("max_queue_s = 36000.0  # with so few blocks everything queues\n")
    few = ["--num-gpu-blocks-override", "13", "--arrol-config", str(patient)]
    process, server = start(log, *few, "--shutdown-timeout", "200")
    try:
        fill_disk(process.pid, log)
        check_few_blocks(server)
        assert log.stat().st_size == SMALL, "the log still grew: the test tests nothing"
        check_drain(process.pid, server, crowd)
        assert process.wait(30) == 0
    finally:
        process.kill()


def test_a_server_on_a_full_disk_serves_and_killed_leaves_no_engine() -> None:
    """Not one line of log can be written, from the start; and nobody can clean up at the end."""
    process, server = start(Path("/dev/full"))
    try:
        reply = server.post(SHORT)
        assert reply.status_code == 200, reply.text
        left = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        assert engines(process.pid)
        process.kill()
        process.wait(10)
        _, alive = psutil.wait_procs(left, timeout=30)
        assert alive == []
    finally:
        process.kill()


def test_a_stopped_server_does_not_free_its_memory_piece_by_piece(tmp_path: Path) -> None:
    """Python's own end would take a fourth of the processor seconds of the start, vLLM's takes an eighth."""
    log = tmp_path / "server.log"
    process, _ = start(log)
    try:
        tree = [psutil.Process(process.pid), *engines(process.pid)]
        before = {one: one.cpu_times().user for one in tree}
        process.terminate()
        after = watched_to_the_end(tree)
        assert process.wait(30) == 0
    finally:
        process.kill()
    assert len(tree) == 2
    assert [one for one in tree if after[one] > 1.19 * before[one]] == []
    said = log.read_text(errors="replace")
    assert "Shutting down" in said
    assert "nanobind: leaked" not in said  # by Triton's bindings, where they are


def watched_to_the_end(processes: list[psutil.Process]) -> dict[psutil.Process, float]:
    """The last that was seen of each one's processor seconds."""
    seen: dict[psutil.Process, float] = {}
    running, end = set(processes), time.monotonic() + 60
    while running:
        assert time.monotonic() < end
        for one in list(running):
            try:
                seen[one] = one.cpu_times().user
            except psutil.NoSuchProcess:
                running.remove(one)
            else:
                if one.status() == psutil.STATUS_ZOMBIE:
                    running.remove(one)
        time.sleep(0.01)
    return seen


def fill_disk(pid: int, log: Path) -> None:
    """From now on every write to the log fails, as on a full disk."""
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        process.rlimit(psutil.RLIMIT_FSIZE, (SMALL, SMALL))
    with log.open("r+b") as file:
        file.truncate(SMALL)


def check_few_blocks(server: Server) -> None:
    """Every candidate is generated to its end, although most of them are preempted on the way."""
    reply = server.post(LONG | {"seed": 3, "arrol": {"samples": 12, "prune": {"policy": "never"}}})
    assert reply.status_code == 200, reply.text
    assert reply.json()["usage"]["completion_tokens"] == 12 * LONG["max_tokens"]
    assert server.metric("vllm:num_preemptions_total") > 0, "the cache was not too small"
    check_nothing_is_left(server)


def check_drain(pid: int, server: Server, crowd: ThreadPoolExecutor) -> None:
    short = [crowd.submit(server.post, SHORT | {"stream": i > 1}) for i in range(4)]
    wait_busy(server, len(short), "arrol_searches_in_flight")  # ahead of the endless ones
    endless = [
        crowd.submit(server.post, ENDLESS | {"stream": streams}) for streams in (False, True)
    ]
    wait_busy(server, len(short) + len(endless), "arrol_searches_in_flight")
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.5)
    refused = server.post(SHORT)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "shutting_down"
    assert refused.headers["connection"] == "close"
    assert int(refused.headers["retry-after"]) > 0
    assert httpx.get(f"{server.url}/health").status_code == 503
    assert server.metric("vllm:num_requests_running") > 0
    check_short_ones_end_well(short)
    os.kill(pid, signal.SIGTERM)  # in a hurry: what is left is cut off, and told so
    whole, stream = (future.result(30) for future in endless)
    assert whole.status_code == 503
    assert whole.json()["error"]["code"] == "shutting_down"
    error, done = last_data(stream)
    assert '"shutting_down"' in error
    assert done == "data: [DONE]"


def check_short_ones_end_well(short: list[Future[httpx.Response]]) -> None:
    for number, future in enumerate(short):
        reply = future.result(120)
        assert reply.status_code == 200
        if number <= 1:
            assert reply.json()["arrol"]["samples"]["started"] == 4
        else:
            assert reply.text.rstrip().endswith("data: [DONE]")
            assert '"error"' not in reply.text


def test_two_engines_then_one_is_killed(tmp_path: Path, crowd: ThreadPoolExecutor) -> None:
    log = tmp_path / "server.log"
    process, server = start(log, "--data-parallel-size", "2")
    try:
        assert len(engines(process.pid)) == 2
        check_groups_stay_together(server, crowd)
        check_engine_death(process.pid, server, crowd)
        assert process.wait(30) == 1
        assert "The engine has died" in log.read_text(errors="replace")
    finally:
        process.kill()


def by_engine(server: Server, name: str) -> dict[str, float]:
    """A counter of vLLM's by engine."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    found: dict[str, float] = {}
    for line in lines:
        if line.startswith(name + "{"):
            engine = line.split('engine="')[1].split('"')[0]
            found[engine] = found.get(engine, 0.0) + float(line.rsplit(" ", 1)[1])
    return found


def check_groups_stay_together(server: Server, crowd: ThreadPoolExecutor) -> None:
    """Half of each group is pruned, which needs all its members in one scheduler."""
    before = by_engine(server, "vllm:generation_tokens_total")
    plan = {"samples": 8, "prune": {"keep": 0.5, "probes": [8]}}
    body = SHORT | {"arrol": plan, "ignore_eos": True}
    replies = list(crowd.map(server.post, [body | {"seed": i} for i in range(8)]))
    assert [r.json()["arrol"]["samples"]["pruned"] for r in replies] == [4] * 8
    spent = {
        engine: total - before[engine]
        for engine, total in by_engine(server, "vllm:generation_tokens_total").items()
    }
    assert sum(spent.values()) == sum(r.json()["usage"]["completion_tokens"] for r in replies)
    assert min(spent.values()) > 0.25 * max(spent.values()), f"the load was not spread: {spent}"
    one, other = (server.post(body | {"seed": 5}).json() for _ in range(2))
    assert one["choices"][0]["message"] == other["choices"][0]["message"]
    check_nothing_is_left(server)


def check_engine_death(pid: int, server: Server, crowd: ThreadPoolExecutor) -> None:
    plain = {k: v for k, v in LONG.items() if k != "arrol"} | {"n": 64}
    bodies = [ENDLESS, ENDLESS | {"stream": True}, plain, plain | {"stream": True}]
    asked = [crowd.submit(server.post, body) for body in bodies]
    wait_busy(server, 64)
    time.sleep(0.5)
    engines(pid)[0].send_signal(signal.SIGKILL)
    for body, future in zip(bodies, asked, strict=True):
        reply = future.result(30)
        if body.get("stream"):
            error, done = last_data(reply)
            assert '"engine_unavailable"' in error
            assert done == "data: [DONE]"
        else:
            assert reply.status_code == 503, reply.text
            assert reply.json()["error"]["code"] == "engine_unavailable"
    assert httpx.get(f"{server.url}/health").status_code == 503
    assert server.post(SHORT).status_code == 503
