"""The bound, the points and the step's work that the scaling curves are made of."""

import math

import pytest

from benchmarks.plots.scaling import LABELS
from benchmarks.scaling import Point, bound, points
from benchmarks.step_time import bookkeeping, jobs, projection, scoring, seconds


def test_the_bound_is_f_plus_the_kept_rest() -> None:
    assert bound(30, 120.0, 0.5) == pytest.approx(0.25 + 0.75 * 0.5)
    assert bound(200, 120.0, 0.5) == 1.0


def test_whole_rollouts_survive_and_one_at_least() -> None:
    assert Point("samples", samples=1).kept() == 1.0
    assert Point("samples", samples=16).kept() == 0.5
    assert Point("keep", samples=16, keep=0.01).kept() == 1 / 16


def test_every_point_is_drawn_and_nothing_is_measured_twice() -> None:
    found = list(points())
    assert {point.varies for point in found} == set(LABELS)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("rows", [1, 40])
def test_the_timed_work_is_a_step(rows: int) -> None:
    assert not scoring(rows, 32, 353)().req_ids
    scores = scoring(rows, 32, 353, at_probe=True)()
    assert len(scores.req_ids) == rows
    assert all(math.isfinite(quality) for ((quality, *_),) in scores.values)
    bookkeeping(rows)()
    middle, high = seconds(bookkeeping(rows), 10)
    assert 0 < middle <= high


def test_points_reach_what_is_asked_for() -> None:
    where = [point for _, point, _ in jobs()]
    assert max(point["rows"] for point in where) == 512
    assert max(point.get("hidden", 0) for point in where) == 8192


def test_the_projection_counts_bytes() -> None:
    one, many = projection(1, context=0), projection(512, context=0)
    assert one["model_bytes"] == many["model_bytes"] == pytest.approx(16.4e9)
    # 2 bytes a logit and row, and a head of 4096 x 64 weights in float32.
    assert one["our_bytes"] == pytest.approx(2 * 151_936 + 4 * (4096 * 64 + 64))
    assert projection(512, context=4096)["overhead"] < many["overhead"]
