"""The behaviour suite's own judgement: what it calls a yes, and that its upstream and streams are real."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.behaviour.finding import CHECKS, Stream, graded, hang_up, post
from benchmarks.behaviour.ours import CHECKS_OF_OURS
from benchmarks.behaviour.proxies import PROXY_CHECKS, Proxy, check_proxy
from benchmarks.behaviour.upstream import MODEL, Upstream, scripted_upstream

BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Repeat: 5"}]}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with scripted_upstream() as running:
        yield running


def test_every_check_is_made_of_everybody() -> None:
    assert list(CHECKS) == list(PROXY_CHECKS) == list(CHECKS_OF_OURS)


def test_a_verdict_names_what_is_missing() -> None:
    assert graded("usage", {"a": True, "b": True}).verdict == "yes"
    half = graded("usage", {"a": True, "b": False}, "seen")
    assert (half.verdict, half.detail) == ("partly", "not: b; seen")
    assert graded("usage", {"a": False}).verdict == "no"


def test_the_upstream_answers_in_turn_and_remembers(upstream: Upstream) -> None:
    script = upstream.play(replies=["one", "two"])
    status, reply = post(upstream.url, {**BODY, "n": 3, "seed": 9})
    assert status == 200
    assert [c["message"]["content"] for c in reply["choices"]] == ["one", "two", "one"]
    assert reply["usage"]["completion_tokens"] == 30
    assert script.calls[0].body["seed"] == 9
    assert script.choices() == 3


def test_the_upstream_sees_who_hangs_up(upstream: Upstream) -> None:
    script = upstream.play(delay_s=5.0)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(hang_up, upstream.url, BODY, 0.2).result()
    end = time.monotonic() + 5
    while script.calls[0].state == "running" and time.monotonic() < end:
        time.sleep(0.02)
    assert script.calls[0].state == "cancelled"
    assert script.choices() == 0


def test_a_proxy_that_does_nothing_wins_nothing_by_it(upstream: Upstream) -> None:
    """The upstream itself in the proxy's place: it samples once and passes everything on."""
    direct = Proxy("none", upstream.url, upstream, MODEL, lambda _: {})
    verdicts = {f.check: f.verdict for f in check_proxy(direct)}
    assert verdicts["parameters"] == verdicts["bad request"] == verdicts["tools"] == "yes"
    assert verdicts["disconnect"] == "yes"
    assert verdicts["equivalence"] != "yes"
    assert verdicts["no answer"] != "yes"
    assert verdicts["keep-alive"] == "no"
    assert verdicts["isolation"] == "partly"


def test_streams_are_judged_by_what_a_client_relies_on() -> None:
    start = '{"id": "1", "object": "chat.completion.chunk", "choices": [{"delta": '
    lines = [
        f'data: {start}{{"role": "assistant"}}}}]}}',
        f'data: {start}{{"content": "a"}}}}]}}',
        f'data: {start}{{"content": "b"}}}}]}}',
        f'data: {start}{{}}, "finish_reason": "stop"}}]}}',
        'data: {"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 3}}',
        "data: [DONE]",
    ]
    assert all(Stream(lines, 0.1, 1.0).form().values())
    broken = Stream([lines[1], lines[3]], 0.1, 1.0).form()
    assert not broken["role first"]
    assert not broken["content in pieces"]
    assert not broken["usage chunk"]
    assert not broken["[DONE]"]
