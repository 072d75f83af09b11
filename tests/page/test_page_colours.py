"""One answer has one colour, in a race and in races that are compared."""

from __future__ import annotations

from typing import Any

from tests.page.conftest import Run


def test_a_leader_is_never_without_a_colour(run: Run) -> None:
    """Ten answers, eight colours: the ninth leads at last, and takes the colour of a lone one."""
    votes = [{"cluster": i, "answer": str(i), "count": 1 + (i < 7)} for i in range(10)]
    events = [
        [0, {"arrol": {"progress": {"leader": "0", "votes": votes}}}],
        [1, {"arrol": {"progress": {"leader": "9", "votes": [{"cluster": 9, "count": 5}]}}}],
    ]
    code = "Array.from({ length: 10 }, (_, i) => colourOf(replayed(null, given), i))"
    own = [f"k{i}" for i in range(7)]
    assert run(code, events[:1]) == [*own, "k7", "k8", "k8"]
    assert run(code, events) == [*own, "k8", "k8", "k7"]


def test_compared_races_give_equal_answers_one_colour(run: Run) -> None:
    """In the second race a half leads, comes third and is spelt otherwise; what is new gets a new colour."""

    def race(*answers: tuple[str, str]) -> dict[str, Any]:
        votes = [
            {"cluster": i, "answer": said, "count": 9 - i} for i, (said, _) in enumerate(answers)
        ]
        lanes = [
            {
                "index": i,
                "fate": "finished",
                "tokens": 9,
                "answer": said,
                "canonical": form,
                "cluster": i,
            }
            for i, (said, form) in enumerate(answers)
        ]
        return {
            "arrol": {"progress": {"leader": answers[-1][0], "votes": votes, "candidates": lanes}}
        }

    first = race(("3", "3"), ("0.5", "1/2"))
    second = race(("7", "7"), ("3.0", "3"), ("1/2", "1/2"))
    code = """(() => {
        const palette = newPalette();
        return given.map((chunk) => {
            const race = newRace(null, palette);
            take(race, chunk, 0);
            return [0, 1, 2].map((cluster) => colourOf(race, cluster));
        });
    })()"""
    assert run(code, [first, second]) == [["k0", "k1", "k8"], ["k2", "k0", "k1"]]
    many = race(*((str(i), str(i)) for i in range(10, 18)))
    assert run(code, [many, second])[1] == [
        "k8",
        "k8",
        "k6",
    ]  # a leader has one, and takes no leader's
