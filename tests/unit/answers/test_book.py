"""Clusters of one search's answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence

import pytest

from arrol_serve.answers.book import SYMPY_S, AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.voting import Ballot, tally

HANGS = r"\sum_{n=1}^{10^9} \frac{1}{n}"


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    built = AnswerPool(workers=1, timeout_s=1.0)
    asyncio.run(built.warm())
    yield built
    built.close()


def filled(pool: AnswerPool, texts: Sequence[str], spec: AnswerSpec | None = None) -> AnswerBook:
    async def add_all() -> AnswerBook:
        book = AnswerBook(pool, spec or AnswerSpec())
        for index, text in enumerate(texts):
            await book.add(index, text)
        return book

    return asyncio.run(add_all())


def boxed(*answers: str) -> list[str]:
    return [rf"So it is \boxed{{{answer}}}." for answer in answers]


def test_equivalent_answers_share_the_string_of_the_lowest_rollout(pool: AnswerPool) -> None:
    book = filled(pool, boxed(r"\frac12", "7", "0.5", "1/2"))
    assert book.answers == {0: r"\frac12", 1: "7", 2: r"\frac12", 3: r"\frac12"}


def test_no_answer_is_none_and_no_cluster(pool: AnswerPool) -> None:
    assert filled(pool, ["Who knows.", "Not me.", *boxed("7")]).answers == {
        0: None,
        1: None,
        2: "7",
    }


def test_add_returns_what_it_notes(pool: AnswerPool) -> None:
    async def add_two() -> list[str | None]:
        book = AnswerBook(pool, AnswerSpec())
        return [await book.add(4, r"\boxed{0.5}"), await book.add(2, r"\boxed{1/2}")]

    assert asyncio.run(add_two()) == ["0.5", "1/2"]


def test_adds_at_once_make_no_twin_clusters(pool: AnswerPool) -> None:
    async def add_at_once() -> AnswerBook:
        book = AnswerBook(pool, AnswerSpec())
        texts = boxed("1/2", "0.5", r"\frac12", r"\int_0^1 x dx", "0.50", r"\int_0^1 x dx")
        await asyncio.gather(*(book.add(i, text) for i, text in enumerate(texts)))
        return book

    assert set(asyncio.run(add_at_once()).answers.values()) == {"1/2"}


def test_clusters_do_not_depend_on_the_order_of_the_calls(pool: AnswerPool) -> None:
    answers = ["50", r"50\%", "0.5", "5", "5 cm", "5 m", "1/3", "0.333333", "x=2", "2", "y=2", "B"]
    texts = dict(enumerate(boxed(*answers, *answers[1:6])))

    async def add(order: Sequence[int]) -> dict[int, str | None]:
        book = AnswerBook(pool, AnswerSpec())
        await asyncio.gather(*(book.add(i, texts[i]) for i in order))
        return dict(book.answers)

    expected = asyncio.run(add(sorted(texts)))
    for seed in range(20):
        order = random.Random(seed).sample(sorted(texts), len(texts))
        assert asyncio.run(add(order)) == expected


def test_an_add_that_is_called_off_leaves_its_rollout_unread_and_nothing_else(
    pool: AnswerPool,
) -> None:
    async def call_off() -> AnswerBook:
        book = AnswerBook(pool, AnswerSpec())
        slow = asyncio.create_task(book.add(0, rf"\boxed{{{HANGS}}}"))
        await asyncio.sleep(0.2)
        await book.add(1, r"\boxed{7}")
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        await book.add(2, r"\boxed{7.0}")
        return book

    book = asyncio.run(call_off())
    assert book.answers == {1: "7", 2: "7"}
    assert set(book.readings) == {1, 2}


def test_an_answer_that_hangs_costs_time_outs_and_no_other_cluster(pool: AnswerPool) -> None:
    book = filled(pool, boxed(HANGS, "1/2", HANGS, "0.5"))
    assert book.answers == {0: HANGS, 1: "1/2", 2: HANGS, 3: "1/2"}
    assert book.timeouts == 2


def test_hard_answers_of_one_search_take_a_second_in_all(pool: AnswerPool) -> None:
    hangs = [HANGS.replace("10^9", f"10^9 + {i}") for i in range(20)]
    began = time.monotonic()
    book = filled(pool, boxed(*hangs, "7", r"\frac{14}{2}"))
    assert time.monotonic() - began < SYMPY_S + 5  # twenty of them would take twenty seconds
    assert book.timeouts == 20
    assert len(set(book.answers.values())) == 21


def test_integrals_join_their_values(pool: AnswerPool) -> None:
    texts = boxed(r"\int_1^2 \frac{1}{x} dx", r"\ln 2", r"\int_0^6 x dx", "18")
    assert filled(pool, texts).answers == {
        0: r"\int_1^2 \frac{1}{x} dx",
        1: r"\int_1^2 \frac{1}{x} dx",
        2: r"\int_0^6 x dx",
        3: r"\int_0^6 x dx",
    }


def test_one_search_with_hanging_answers_does_not_delay_another(pool: AnswerPool) -> None:
    async def together() -> float:
        slow, quick = AnswerBook(pool, AnswerSpec()), AnswerBook(pool, AnswerSpec())
        hangs = [HANGS.replace("10^9", f"10^9 + {i}") for i in range(6)]
        busy = [asyncio.create_task(slow.add(i, t)) for i, t in enumerate(boxed(*hangs))]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await quick.add(0, r"\boxed{12}")
        plain = time.monotonic() - started
        await quick.add(1, r"\boxed{\int_0^1 24x dx}")
        assert quick.answers == {0: "12", 1: "12"}
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        return plain

    assert asyncio.run(together()) < 0.1


def test_readings_say_what_was_read_and_why(pool: AnswerPool) -> None:
    reading = filled(pool, ["So 3 + 4. The answer is 50%."]).readings[0]
    assert (reading.answer, reading.kind, reading.canonical) == ("50%", "percentage", "50%")
    assert "answer is" in reading.why


def test_five_halves_in_three_spellings_beat_three_sevens(pool: AnswerPool) -> None:
    texts = boxed("7", r"\frac12", "7", "0.5", "1/2", "7", r"\frac12", "0.5")
    book = filled(pool, texts)
    result = tally([Ballot(i, answer) for i, answer in book.answers.items()], "uniform")
    assert (result.standings[0].answer, result.standings[0].count) == (r"\frac12", 5)


def test_answerless_samples_never_win(pool: AnswerPool) -> None:
    book = filled(pool, ["Who knows.", "Who knows.", "Who knows.", *boxed("7")])
    result = tally([Ballot(i, answer) for i, answer in book.answers.items()], "uniform")
    assert [s.answer for s in result.standings] == ["7"]
