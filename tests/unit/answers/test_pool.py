"""Reading in worker processes that hang, die and are called off. Real processes throughout."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator

import pytest

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.answers.workshop import workers
from arrol_serve.answers.workshop.jobs import MAX_TEXT, limited_memory

AUTO = AnswerSpec()
# Every match looks at all of the rest: quadratic, and the most that RE2 can be made to do.
HANGING_REGEX = AnswerSpec("regex", regex=r"a.*b|a")
HANGING_TEXT = "a" * MAX_TEXT
CATASTROPHIC = AnswerSpec("regex", regex=r"(a+)+$")
HANGS = r"\sum_{n=1}^{10^9} \frac{1}{n}"
NUMBERS = itertools.count(2)
LIMIT_S = 1.0


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    built = AnswerPool(workers=2, timeout_s=LIMIT_S)
    asyncio.run(built.warm())
    yield built
    built.close()


def read(pool: AnswerPool, text: str, spec: AnswerSpec = AUTO) -> tuple[str | None, bool]:
    reading = asyncio.run(pool.read(text, spec))
    return reading.answer, reading.timed_out


def works(pool: AnswerPool) -> bool:
    """Through a worker: only sympy knows the limit, and no formula is evaluated twice."""
    n = next(NUMBERS)
    return asyncio.run(pool.equivalent(rf"\lim_{{x\to 0}}\frac{{\sin({n}x)}}{{x}}", str(n))) is True


def worker_pids() -> set[int]:
    return {p.pid for p in multiprocessing.active_children() if p.pid is not None}


def test_plain_answers_need_no_worker() -> None:
    before = worker_pids()
    built = AnswerPool(workers=1)
    assert read(built, "The answer is 1/2.") == ("1/2", False)
    assert asyncio.run(built.equivalent("1/2", "0.5")) is True
    assert built.judge_many([(r"\boxed{\sqrt{8}}", r"2\sqrt2")], AUTO) == [True]
    assert worker_pids() <= before
    built.close()


def test_a_text_may_hold_no_answer(pool: AnswerPool) -> None:
    assert read(pool, "Who knows.") == (None, False)


def test_equivalent_asks_a_worker(pool: AnswerPool) -> None:
    assert asyncio.run(pool.equivalent(r"\int_0^1 x^2 dx", r"\frac13")) is True
    assert asyncio.run(pool.equivalent(r"\int_0^1 x^2 dx", r"\frac12")) is False


def test_equivalent_has_no_verdict_on_what_hangs(pool: AnswerPool) -> None:
    assert asyncio.run(pool.equivalent(HANGS, "7")) is None


def test_open_reasoning_is_seen_however_long_it_is(pool: AnswerPool) -> None:
    text = "<think>" + "The answer is 4. " * (MAX_TEXT // 10)
    assert read(pool, text) == (None, False)


def test_only_the_end_of_a_long_text_is_read(pool: AnswerPool) -> None:
    assert read(pool, r"\boxed{4}" + "." * MAX_TEXT) == (None, False)


def test_a_regex_that_backtracking_engines_hang_on_is_read_at_once(pool: AnswerPool) -> None:
    before, started = pool.timeouts, time.monotonic()
    assert read(pool, "a" * (MAX_TEXT - 1) + "b", spec=CATASTROPHIC) == (None, False)
    assert read(pool, "b" + "a" * 50, spec=CATASTROPHIC) == ("a" * 50, False)
    assert pool.timeouts == before
    assert time.monotonic() - started < LIMIT_S


def test_a_regex_that_takes_too_long_is_killed_counted_and_reported(pool: AnswerPool) -> None:
    before, started = pool.timeouts, time.monotonic()
    assert read(pool, HANGING_TEXT, spec=HANGING_REGEX) == (None, True)
    assert pool.timeouts == before + 1
    assert time.monotonic() - started < LIMIT_S + 5
    assert works(pool)


@pytest.mark.parametrize("answer", ["9^{9^{9^9}}", "(10^9)!", r"\frac{1}{(10^9)!}", "(((" * 50])
def test_what_would_explode_is_compared_by_spelling_at_once(pool: AnswerPool, answer: str) -> None:
    started = time.monotonic()
    assert asyncio.run(pool.equivalent(answer, f" {answer}")) is True
    assert asyncio.run(pool.equivalent(answer, "7")) is False
    assert time.monotonic() - started < LIMIT_S / 2


def test_a_worker_killed_at_work_is_counted_and_replaced(pool: AnswerPool) -> None:
    async def kill_while_reading() -> tuple[str | None, bool]:
        reading = asyncio.create_task(pool.read(HANGING_TEXT, HANGING_REGEX))
        await asyncio.sleep(0.4)
        for pid in worker_pids():
            os.kill(pid, signal.SIGKILL)
        done = await reading
        return done.answer, done.timed_out

    before = pool.crashes
    assert asyncio.run(kill_while_reading()) == (None, True)
    assert pool.crashes > before
    assert works(pool)


def test_idle_workers_that_die_fail_no_job(pool: AnswerPool) -> None:
    assert works(pool)
    before = pool.crashes
    for pid in worker_pids():
        os.kill(pid, signal.SIGKILL)
    assert works(pool)
    assert pool.crashes == before + 1


def test_frozen_workers_are_replaced(pool: AnswerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """pebble's limit begins when a worker takes a job up: frozen ones never do."""
    restart_s = workers.RESTART_S / 2
    monkeypatch.setattr(workers, "RESTART_S", restart_s)
    assert works(pool)
    frozen = worker_pids()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    found = pool.run_many(takes, [(i,) for i in range(6)])  # others wait behind those that are lost
    assert [outcome.value for outcome in found] == list(range(6))
    assert LIMIT_S < time.monotonic() - started < LIMIT_S + restart_s + 30
    deadline = time.monotonic() + 20
    while frozen & worker_pids() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not frozen & worker_pids()


def test_a_cancelled_reading_frees_its_worker(pool: AnswerPool) -> None:
    async def call_off() -> None:
        reading = asyncio.create_task(pool.read(HANGING_TEXT, HANGING_REGEX))
        await asyncio.sleep(0.4)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(pool.warm())
    before, at_work = pool.timeouts, worker_pids()
    asyncio.run(call_off())
    deadline = time.monotonic() + 10
    while at_work <= worker_pids() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(at_work - worker_pids()) == 1
    assert pool.timeouts == before
    assert works(pool)


@pytest.mark.parametrize(
    ("reply", "gold", "verdict"),
    [
        (r"\boxed{\frac12}", "0.5", True),
        (r"\boxed{7}", "0.5", False),
        ("Who knows.", "0.5", False),
        ("<think>The answer is 0.5.", "0.5", False),
    ],
)
def test_judge(pool: AnswerPool, reply: str, gold: str, verdict: bool) -> None:
    assert pool.judge(reply, gold, AUTO) is verdict


def test_judge_spells_a_gold_tool_call_canonically(pool: AnswerPool) -> None:
    reply = '<tool_call>{"name": "f", "arguments": {"b": 2, "a": 1}}</tool_call>'
    gold = '{"arguments": {"a": 1, "b": 2}, "name": "f"}'
    assert pool.judge(reply, gold, AnswerSpec("tool"))


def test_judge_names_a_gold_that_cannot_be_parsed(pool: AnswerPool) -> None:
    with pytest.raises(ValueError, match=r"'\\\\frac\{1\}\{'"):
        pool.judge("The answer is 1.", r"\frac{1}{", AUTO)


def test_judge_many_has_no_verdict_on_what_hangs_and_goes_on(pool: AnswerPool) -> None:
    pairs = [(r"\boxed{4}", "4"), (rf"\boxed{{{HANGS}}}", "4"), (r"\boxed{5}", "4")]
    assert pool.judge_many(pairs, AUTO) == [True, None, False]


def test_judge_raises_without_a_verdict(pool: AnswerPool) -> None:
    with pytest.raises(TimeoutError, match="'4'"):
        pool.judge(rf"\boxed{{{HANGS}}}", "4", AUTO)


def test_closing_fails_what_waits_and_leaves_no_process(pool: AnswerPool) -> None:
    async def close_while_reading(closing: AnswerPool) -> None:
        reading = asyncio.create_task(closing.equivalent(HANGS, "4"))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(closing.close)
        with pytest.raises(RuntimeError, match="closed"):
            await reading

    asyncio.run(pool.warm())  # its replacements are up: no other process comes or goes
    others = worker_pids()
    asyncio.run(close_while_reading(AnswerPool(workers=1, timeout_s=60)))
    assert worker_pids() <= others


def test_a_pool_that_never_started_can_be_closed() -> None:
    AnswerPool().close()


def takes(size: int) -> int:
    with limited_memory(1 << 28):
        return len(bytearray(size))


def takes_freely(size: int) -> int:
    return len(bytearray(size))


def test_reading_has_a_memory_limit_and_what_follows_has_none() -> None:
    pool = AnswerPool(
        workers=1, timeout_s=60
    )  # filling half a gibibyte takes its time on a busy machine
    try:
        small, large = pool.run_many(takes, [(1 << 20,), (1 << 30,)])
        assert (small.value, large.failure) == (1 << 20, "crash")
        (after,) = pool.run_many(takes_freely, [(1 << 29,)])
        assert after.value == 1 << 29
    finally:
        pool.close()
