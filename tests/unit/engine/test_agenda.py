"""Who is looked at in which step."""

from __future__ import annotations

from arrol_serve.engine.plugin.agenda import Agenda


def test_keys_come_in_their_step_and_once() -> None:
    agenda = Agenda()
    agenda.put("soon", 1)
    agenda.put("later", 3)
    agenda.put("at once", 0)  # the next step is the first there is
    assert [list(agenda.next_step()) for _ in range(4)] == [["soon", "at once"], [], ["later"], []]


def test_the_last_step_that_was_said_holds() -> None:
    agenda = Agenda()
    agenda.put("a", 2)
    agenda.put("a", 1)
    agenda.put("b", 1)
    agenda.put("b", 2)
    agenda.put("c", 1)
    agenda.put("c", 2)
    agenda.put("c", 1)
    assert [sorted(agenda.next_step()) for _ in range(3)] == [["a", "c"], ["b"], []]


def test_what_is_dropped_does_not_come() -> None:
    agenda = Agenda()
    agenda.put("a", 1)
    agenda.drop("a")
    agenda.drop("unknown")
    assert list(agenda.next_step()) == []
    agenda.put("a", 1)
    assert list(agenda.next_step()) == ["a"]


def test_nothing_is_kept_of_those_who_ended_before_their_step() -> None:
    agenda = Agenda()
    for i in range(100):
        agenda.put(str(i), 1_000_000)
        agenda.put(str(i), 2_000_000)
        agenda.drop(str(i))
    assert not agenda._keys
    assert not agenda._at
