"""What is said of a search that has nothing to return."""

from __future__ import annotations

import pytest

from arrol_serve.errors import DeadlineExceeded, EngineUnavailable
from arrol_serve.search.stop import StopCause, nothing_usable


def test_a_deadline_that_passed_is_named() -> None:
    error = nothing_usable("deadline", 0.25)
    assert isinstance(error, DeadlineExceeded)
    assert (error.status, error.param) == (504, "arrol.deadline_s")
    assert "0.25 s" in error.message


@pytest.mark.parametrize("deadline_s", [None, 30.0])
@pytest.mark.parametrize("stop", [None, "aborted", "all_done", "budget"])
def test_candidates_that_others_aborted_are_no_matter_of_a_deadline(
    stop: StopCause | None, deadline_s: float | None
) -> None:
    error = nothing_usable(stop, deadline_s)
    assert isinstance(error, EngineUnavailable)
    assert (error.status, error.param) == (503, None)
    assert "aborted" in error.message
