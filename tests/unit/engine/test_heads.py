"""Who is scored by which head while heads are swapped."""

from __future__ import annotations

import pytest

from arrol_serve.engine.plugin.heads import LINGER_S, Heads, NamedHead


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heads(clock: Clock) -> Heads:
    made = Heads(clock)
    made.current = NamedHead(None, "a")
    return made


def test_a_search_keeps_the_head_that_it_began_with(heads: Heads) -> None:
    heads.admit("old", 2)
    heads.current = NamedHead(None, "b")
    assert heads.admit("old", 2).version == "a"
    assert heads.admit("new", 2).version == "b"


def test_the_old_head_goes_with_the_last_candidate_of_its_last_search(heads: Heads) -> None:
    for search in ("one", "two"):
        heads.admit(search, 1)
    heads.current = NamedHead(None, "b")
    heads.release("one")
    assert heads.in_use == 2
    heads.release("two")
    assert heads.in_use == 1


def test_a_head_swapped_for_one_of_the_same_name_is_another_head(heads: Heads) -> None:
    first = heads.admit("old", 1)
    heads.current = NamedHead(None, "a")
    assert heads.admit("new", 1) is not first
    assert heads.in_use == 2


def test_candidates_that_come_when_no_sibling_is_here_have_the_searchs_head(heads: Heads) -> None:
    heads.admit("old", 3)
    heads.current = NamedHead(None, "b")
    for _ in range(2):
        heads.release("old")
        assert heads.admit("old", 3).version == "a"
    heads.release("old")
    assert heads.in_use == 1


def test_searches_whose_others_never_come_are_let_go_in_time(heads: Heads, clock: Clock) -> None:
    for search in ("one", "two"):
        heads.admit(search, 4)
        heads.release(search)
        clock.now += 1
    heads.current = NamedHead(None, "b")
    clock.now = LINGER_S
    assert heads.admit("two", 4).version == "a"
    assert heads.admit("one", 4).version == "b"
    clock.now += LINGER_S
    assert heads.in_use == 2, "it is here, however long"
    heads.release("two")
    clock.now += LINGER_S
    assert heads.in_use == 1


def test_an_adapter_has_its_own_head_or_none() -> None:
    heads = Heads()
    heads.current = NamedHead(version="base")
    heads.adapters["tuned"] = NamedHead(version="tuned")
    assert heads.admit("one", 1).version == "base"
    assert heads.admit("two", 1, "tuned").version == "tuned"
    assert heads.admit("three", 1, "another").version is None
