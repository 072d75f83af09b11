"""Who goes ahead, and who waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arrol_serve.admission.queue import Entry, FairQueue, Pace


def search(share: float, key: int | None = None) -> Entry:
    return Entry(key, share, search=True)


def plain(share: float = 0.01, key: int | None = None) -> Entry:
    return Entry(key, share, search=False)


def test_what_fits_goes_ahead_at_once() -> None:
    queue = FairQueue(load=2.0, reserve=0.25)
    for entry in (search(1.0), plain(), search(0.7)):
        assert not queue.would_wait(entry)
        assert queue.add(entry) == [entry]


def test_what_does_not_fit_goes_ahead_when_there_is_room() -> None:
    queue = FairQueue(load=1.0, reserve=0.0)
    first, second = search(0.6), search(0.6)
    queue.add(first)
    assert queue.would_wait(second)
    assert queue.add(second) == []
    assert queue.end(first) == [second]


def test_keys_take_turns_whoever_queues_more() -> None:
    queue = FairQueue(load=0.5, reserve=0.0)
    running = search(0.5, key=0)
    queue.add(running)
    for entry in [search(0.5, key=0) for _ in range(5)] + [search(0.5, key=1) for _ in range(2)]:
        queue.add(entry)
    order = []
    while running is not None:
        order.append(running.key)
        running = next(iter(queue.end(running)), None)  # type: ignore[assignment]
    assert order == [0, 1, 0, 1, 0, 0, 0, 0]


def test_plain_requests_have_room_beside_large_groups() -> None:
    queue = FairQueue(load=1.0, reserve=0.25)
    assert queue.add(search(0.75))
    assert queue.add(search(0.75)) == []
    small = plain(0.2)
    assert queue.add(small) == [small]


def test_plain_requests_do_not_starve_a_search() -> None:
    queue = FairQueue(load=1.0, reserve=0.25)
    queue.add(plain(1.0))
    group = search(0.5)
    assert queue.add(group) == [group]


def test_a_group_larger_than_the_engine_goes_alone() -> None:
    queue = FairQueue(load=1.0, reserve=0.25)
    small, huge = search(0.5), search(7.0)
    queue.add(small)
    assert queue.add(huge) == []
    assert queue.end(small) == [huge]
    assert queue.add(search(0.1)) == []


def test_giving_up_leaves_the_queue() -> None:
    queue = FairQueue(load=1.0, reserve=0.0)
    first, second, third = search(0.8), search(0.8), search(0.1)
    queue.add(first)
    queue.add(second)
    assert queue.add(third) == []  # behind the second, whose turn it is
    assert queue.end(second) == [third]
    assert (queue.waiting, queue.end(first), queue.end(third)) == (0, [], [])
    assert queue.in_engine == 0


@given(
    st.lists(
        st.tuples(st.floats(0.001, 3.0), st.integers(0, 3), st.booleans()), min_size=1, max_size=40
    ),
    st.randoms(use_true_random=False),
)
def test_everybody_gets_a_turn_and_nothing_is_left(requests: list[object], random: object) -> None:
    queue = FairQueue(load=1.5, reserve=0.25)
    running: list[Entry] = []
    entries = [Entry(key, share, is_search) for share, key, is_search in requests]  # type: ignore[misc]
    for entry in entries:
        running += queue.add(entry)
        assert queue.in_engine <= 1.5 + 0.25 + 3.0 * 2  # one oversized of each kind at most
    ended = 0
    while running:
        running += queue.end(running.pop(random.randrange(len(running))))  # type: ignore[attr-defined]
        ended += 1
    assert (ended, queue.waiting, queue.in_engine) == (len(entries), 0, 0)


def test_the_wait_is_read_off_the_pace() -> None:
    pace = Pace(now=0.0)
    pace.busy(True, now=0.0)
    assert pace.seconds_for(1.0, now=1.0) is None
    for second in range(1, 11):
        pace.ended(0.5, now=float(second))
    expected = pace.seconds_for(3.0, now=10.0)
    assert expected is not None
    assert 5 < expected < 7.5  # 3 engine-fulls at half a one a second


def test_quiet_times_say_nothing_about_the_pace() -> None:
    pace = Pace(now=0.0)
    pace.busy(True, now=0.0)
    pace.ended(5.0, now=10.0)
    pace.busy(False, now=10.0)
    before = pace.seconds_for(1.0, now=10.0)
    assert pace.seconds_for(1.0, now=10_000.0) == before


def test_a_stuck_engine_makes_waits_longer() -> None:
    pace = Pace(now=0.0)
    pace.busy(True, now=0.0)
    pace.ended(5.0, now=10.0)
    waits = [pace.seconds_for(1.0, now=now) for now in (10.0, 30.0, 90.0)]
    assert waits == sorted(waits, key=lambda wait: wait or 0.0)
    assert (waits[2] or 0.0) > 5 * (waits[0] or 0.0)


def test_only_turns_before_ones_own_count_as_waiting() -> None:
    queue = FairQueue(load=1.0, reserve=0.0)
    queue.add(search(1.0, key=0))
    for _ in range(4):
        queue.add(search(1.0, key=0))
    assert queue.waiting_share(0) == 4.0
    assert queue.waiting_share(1) == 0.0
    queue.add(search(1.0, key=1))
    assert queue.waiting_share(1) == 2.0
