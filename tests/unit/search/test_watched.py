"""Who watches a search hears of what happens, and not too often."""

from __future__ import annotations

import asyncio

import pytest

from arrol_serve.search.progress import EVERY_S, Progress, watched
from tests.unit.api.searches import Race


def heard(script: list[float], every_s: float = 0.02) -> list[Progress]:
    """What a listener hears of a race in which a token comes after each of these waits in seconds."""

    async def run() -> list[Progress]:
        race, found = Race(), []
        race.state.launched(range(2))
        async with watched(race.now, found.append, every_s):
            for wait in script:
                await asyncio.sleep(wait)
                race.tokens[0] += 1
        return found

    return asyncio.run(run())


def test_the_first_look_comes_at_once_and_silence_brings_none() -> None:
    found = heard([0.15])
    assert [progress.tokens for progress in found] == [0]


def test_many_changes_between_two_looks_are_one() -> None:
    found = heard([0.001] * 60)
    assert 2 <= len(found) < 30
    assert [p.tokens for p in found] == sorted({p.tokens for p in found})


def test_ten_a_second_with_the_first_and_the_last() -> None:
    assert 1 / EVERY_S + 2 <= 10


def test_a_look_that_fails_is_not_lost() -> None:
    async def run() -> None:
        def look() -> Progress:
            raise ZeroDivisionError

        async with watched(look, lambda _: None):
            await asyncio.sleep(0.01)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
