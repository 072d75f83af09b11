"""A small engine filled to the brim: who is let in, who waits, and who is told to come back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.server.conftest import OTHER_KEY, Server, start
from tests.server.leaving import LONG, leave
from tests.server.running.traces import Receiver, receiving
from tests.starting import stop

QUEUE_S = 20.0
AT_ONCE = 60
BIG: dict[str, Any] = LONG | {
    "max_tokens": 200,
    "arrol": {"samples": 8, "vote": "uniform", "prune": {"policy": "never"}},
}
PLAIN = {key: value for key, value in LONG.items() if key != "arrol"} | {"max_tokens": 10}
LIMITS = f"max_load = 1.0\nmax_queue_s = {QUEUE_S}\nconcurrent_per_key = {AT_ONCE}\n"


@pytest.fixture(scope="module")
def spans() -> Iterator[Receiver]:
    with pytest.MonkeyPatch.context() as patch, receiving() as receiver:
        patch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")  # ms
        yield receiver


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, spans: Receiver) -> Iterator[Server]:
    """Eight candidates at once: one big group fills it. It logs JSON, sends traces and has no page."""
    folder = tmp_path_factory.mktemp("small")
    config = folder / "arrol.toml"
    config.write_text(LIMITS)
    options = ["--arrol-config", str(config), "--max-num-seqs", "8", "--no-page"]
    options += ["--logging-config.formatter", "json", "--otlp-traces-endpoint", spans.url]
    process, running = start(folder / "server.log", *options)
    yield running
    stop(process, running.log)


async def post(server: Server, body: dict[str, Any]) -> tuple[httpx.Response, float]:
    headers = {"authorization": f"Bearer {server.key}"}
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=120, headers=headers) as http:
        reply = await http.post(f"{server.url}/v1/chat/completions", json=body)
    return reply, time.monotonic() - began


async def at_once(*requests: tuple[Server, dict[str, Any]]) -> list[tuple[httpx.Response, float]]:
    return await asyncio.gather(*(post(*request) for request in requests))


def test_a_full_engine_says_when_to_come_back(small: Server) -> None:
    """Answered in time, or refused in time: nobody waits in the dark. Streams neither."""
    crowd = [(small, BIG), (small, BIG | {"stream": True})] * 25
    asyncio.run(at_once(*crowd[:4]))  # now the server knows its pace
    replies = asyncio.run(at_once(*crowd))
    statuses = [reply.status_code for reply, _ in replies]
    assert set(statuses) == {200, 429}
    for reply, seconds in replies:
        if reply.status_code == 200:  # an event of the stream, for those whose turn did not come
            assert '"arrol"' in reply.text or '"code": "overloaded"' in reply.text
            continue
        assert seconds < QUEUE_S + 10
        assert 1 <= int(reply.headers["retry-after"]) <= 120
        error = reply.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "overloaded")
        assert "Try again in" in error["message"]
    at_the_door = [reply for reply, _ in replies if "would wait for some" in reply.text]
    assert len(at_the_door) >= 4
    assert small.metric("arrol_refused_requests_total") >= statuses.count(429)
    nobody_is_left(small)


def nobody_is_left(server: Server) -> None:
    server.wait_idle()
    for name in ("queued_requests", "admitted_load", "searches_in_flight"):
        assert server.metric(f"arrol_{name}") == 0, name


def test_plain_requests_pass_waiting_groups(small: Server) -> None:
    async def mixed() -> tuple[float, list[tuple[httpx.Response, float]]]:
        groups = [asyncio.create_task(post(small, BIG)) for _ in range(4)]
        await asyncio.sleep(0.3)
        reply, seconds = await post(small, PLAIN)
        assert reply.status_code == 200
        return seconds, [await group for group in groups]

    seconds, groups = asyncio.run(mixed())
    assert seconds + 0.3 < sorted(s for _, s in groups)[1], "it waited for more than one group"


def test_a_key_with_one_request_does_not_wait_for_a_key_with_many(small: Server) -> None:
    other = replace(small, key=OTHER_KEY)

    async def rivals() -> tuple[list[float], httpx.Response, float]:
        many = [asyncio.create_task(post(small, BIG)) for _ in range(6)]
        await asyncio.sleep(0.3)
        reply, seconds = await post(other, BIG)
        waits = [seconds for reply, seconds in [await task for task in many]]
        return waits, reply, seconds

    waits, reply, seconds = asyncio.run(rivals())
    assert reply.status_code == 200
    assert seconds + 0.3 < sorted(waits)[-1]


def test_one_key_has_only_so_many_requests_at_once(small: Server) -> None:
    async def first_refused(number: int) -> list[httpx.Response]:
        tasks = [asyncio.create_task(post(small, BIG)) for _ in range(AT_ONCE + number)]
        refused = []
        for done in asyncio.as_completed(tasks):
            reply, _ = await done
            refused += [reply] if "running at once" in reply.text else []
            if len(refused) == number:
                break
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return refused

    small.wait_idle()
    for reply in asyncio.run(first_refused(5)):
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
        assert reply.json()["error"]["code"] == "rate_limited"
    nobody_is_left(small)


def test_a_client_that_leaves_the_queue_leaves_nothing(small: Server) -> None:
    for stream in (False, True):
        for _ in range(3):
            leave(small, BIG | {"stream": stream, "max_tokens": 400}, 0.3)
    nobody_is_left(small)


def test_who_leaves_pays_for_what_was_generated(small: Server) -> None:
    lines = json_lines(small.log.read_text(errors="replace"))
    for stream in (False, True):
        leave(small, BIG | {"stream": stream, "max_tokens": 480}, 0.5)
    nobody_is_left(small)
    told = json_lines(small.log.read_text(errors="replace"))[len(lines) :]
    left = [line for line in told if line.get("outcome") == "client_left"]
    assert [line["tokens"] > 0 for line in left] == [True, True]


def test_the_deadline_counts_from_arrival(small: Server) -> None:
    hurried = BIG | {"arrol": BIG["arrol"] | {"deadline_s": 1.0}}
    replies = asyncio.run(at_once(*[(small, BIG)] * 3, (small, hurried)))
    reply, seconds = replies[-1]
    assert reply.status_code in (200, 429, 504)
    assert seconds < QUEUE_S
    nobody_is_left(small)


def json_lines(text: str) -> list[dict[str, Any]]:
    """Other processes write to the same file, and a library's half line may come before ours."""
    starts = (line.find('{"asctime"') for line in text.splitlines())
    return [
        json.loads(line[start:])
        for line, start in zip(text.splitlines(), starts, strict=True)
        if start >= 0
    ]


def test_the_log_has_one_json_line_for_each_request_and_no_prompt(small: Server) -> None:
    leave(small, BIG | {"max_tokens": 400}, 0.3)
    word = "Rumpelstilzchen"
    messages = [{"role": "user", "content": f"{word}: what is 12*3+5?"}]
    bodies = [PLAIN | {"messages": messages}, BIG | {"messages": messages, "max_tokens": 20}]
    replies = [reply for reply, _ in asyncio.run(at_once(*((small, body) for body in bodies)))]
    ids = {reply.json()["id"] for reply in replies}
    deadline = time.monotonic() + 10
    while True:  # a line follows its reply
        text = small.log.read_text(errors="replace")
        lines = json_lines(text)
        if ids <= {line.get("request_id") for line in lines} or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for reply, search in zip(replies, (False, True), strict=True):
        assert reply.status_code == 200
        body = reply.json()
        ours = [one for one in lines if one.get("request_id") == body["id"]]
        assert len(ours) == 1, text[-4000:]
        line = ours[0]
        assert (line["outcome"], line["search"], line["levelname"]) == ("answered", search, "INFO")
        assert line["tokens"] == body["usage"]["completion_tokens"]
        assert line["latency_ms"] >= line["queue_ms"] >= 0
        assert line["stop"] == (body["arrol"]["stop"] if search else None)
    assert {one["outcome"] for one in lines if "outcome" in one} >= {"answered", "client_left"}
    assert word not in text


def test_each_candidate_is_a_span_of_the_clients_trace(small: Server, spans: Receiver) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = small.post(BIG | {"max_tokens": 20}, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert reply.status_code == 200
    found = spans.spans_of(reply.json()["id"], BIG["arrol"]["samples"])
    assert len(found) == BIG["arrol"]["samples"]
    assert {span["trace"] for span in found} == {trace}
    assert {span["gen_ai.usage.completion_tokens"] for span in found} == {20}


@pytest.mark.parametrize("path", ["/arrol", "/arrol/", "/arrol/index.html"])
def test_a_server_may_have_no_page(small: Server, path: str) -> None:
    for headers in ({}, {"authorization": f"Bearer {small.key}"}):
        assert httpx.get(f"{small.url}{path}", headers=headers).status_code == 404
