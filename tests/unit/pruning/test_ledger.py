"""A search's cap over all of its groups."""

from __future__ import annotations

from arrol_serve.pruning.ledger import MOST, Ledger


def test_groups_of_one_search_spend_from_one_purse() -> None:
    ledger = Ledger()
    ledger.open("a", 0)
    assert ledger.spend("a", 5) == 5
    ledger.open("a", 3)  # the caller of the second group has not heard of the last two tokens
    assert ledger.spend("a", 1) == 6


def test_what_is_gone_here_is_known_to_the_caller() -> None:
    ledger = Ledger()
    ledger.open("a", 40)
    assert ledger.spend("a", 2) == 42


def test_searches_do_not_share() -> None:
    ledger = Ledger()
    ledger.open("a", 0)
    ledger.open("b", 0)
    assert (ledger.spend("a", 5), ledger.spend("b", 1)) == (5, 1)


def test_it_does_not_grow_for_ever() -> None:
    ledger = Ledger()
    for number in range(MOST + 1):
        ledger.open(str(number), 9)
    assert ledger.spend("0", 1) == 1


def test_one_that_is_heard_of_is_not_forgotten() -> None:
    ledger = Ledger()
    ledger.open("long", 0)
    for number in range(2 * MOST):
        ledger.open(str(number), 9)
        ledger.spend("long", 1)
    assert ledger.spend("long", 1) == 2 * MOST + 1


def test_the_latest_is_there() -> None:
    ledger = Ledger()
    for number in range(MOST + 1):
        ledger.open(str(number), 9)
    assert ledger.spend(str(MOST), 1) == 10
