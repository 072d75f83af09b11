"""Clusters of one search's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.voting import Ballot, tally

TOWER = "9^{9^{9^9}}"


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


def test_equivalent_answers_share_the_first_string(pool: AnswerPool) -> None:
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

    assert asyncio.run(add_two()) == ["0.5", "0.5"]


def test_adds_at_once_make_no_twin_clusters(pool: AnswerPool) -> None:
    async def add_at_once() -> AnswerBook:
        book = AnswerBook(pool, AnswerSpec())
        texts = boxed("1/2", "0.5", r"\frac12", r"\frac{2}{4}", "0.50", ".5")
        await asyncio.gather(*(book.add(i, text) for i, text in enumerate(texts)))
        return book

    assert set(asyncio.run(add_at_once()).answers.values()) == {"1/2"}


def test_an_answer_that_hangs_costs_one_time_out_and_no_other_cluster(pool: AnswerPool) -> None:
    book = filled(pool, boxed(TOWER, "1/2", TOWER, "0.5", f" {TOWER}"))
    assert book.answers == {0: TOWER, 1: "1/2", 2: TOWER, 3: "1/2", 4: TOWER}
    assert book.timeouts == 1


def test_five_halves_in_three_spellings_beat_three_sevens(pool: AnswerPool) -> None:
    texts = boxed("7", r"\frac12", "7", "0.5", "1/2", "7", r"\frac12", "0.5")
    book = filled(pool, texts)
    result = tally([Ballot(i, answer) for i, answer in book.answers.items()], "uniform")
    assert (result.standings[0].answer, result.standings[0].count) == (r"\frac12", 5)


def test_answerless_samples_never_win(pool: AnswerPool) -> None:
    book = filled(pool, ["Who knows.", "Who knows.", "Who knows.", *boxed("7")])
    result = tally([Ballot(i, answer) for i, answer in book.answers.items()], "uniform")
    assert [s.answer for s in result.standings] == ["7"]
