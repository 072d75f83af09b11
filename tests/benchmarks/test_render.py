"""Results become Markdown and pictures, from the files alone."""

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.behaviour.__main__ import OURS
from benchmarks.behaviour.__main__ import rows as behaviour_rows
from benchmarks.behaviour.finding import CHECKS, Finding
from benchmarks.page import render
from benchmarks.plots.scaling import scaling_plot
from benchmarks.record import read_result, write_result
from benchmarks.scaling import bound, points


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results in place of the repository's."""
    monkeypatch.setattr("benchmarks.record.RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.page.RESULTS", tmp_path)
    return tmp_path


def block(name: str) -> str:
    return render(f"<!-- result: {name} -->\nold\n<!-- end of result -->")


def test_what_was_not_measured_says_how_to(results: Path) -> None:
    assert "Not measured yet: `python -m benchmarks serving`." in block("serving")


def test_the_behaviour_table_has_every_check_and_what_was_seen(results: Path) -> None:
    found = {system: [Finding(check, "yes", f"seen {check}") for check in CHECKS]
             for system in (OURS, "other")}  # fmt: skip
    found["other"][0] = Finding("parameters", "no", "not: seed")
    write_result(
        "behaviour", {"samples": 8, "server": ["--tools"]}, behaviour_rows(found), folder=results
    )
    text = block("behaviour")
    assert f"| parameters: {CHECKS['parameters']} | yes | no |" in text
    assert "| other | parameters | no | not: seed |" in text


def test_the_scaling_curves_are_drawn_with_their_bound(results: Path) -> None:
    rows = [
        asdict(point)
        | {"mean_length": 110.0, "tokens_relative": 0.66, "seconds_relative": 0.7}
        | {"bound": bound(point.probe, 110.0, point.kept())}
        for point in points()
    ]
    settings = {"rollouts": 256, "temperature": 1.75, "sequences": 128}
    path = write_result("scaling", settings, rows, folder=results, seeds=[3], note="A test.")
    assert read_result("scaling").seeds == [3]
    assert scaling_plot(path).stat().st_size > 10_000
    text = block("scaling")
    assert "| N | 64 | 110 | 0.660 | 0.645 | 0.70 |" in text
    assert "A test." in text
