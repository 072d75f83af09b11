"""A head swapped in while rollout groups run: whoever began with the old one ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arrol_serve.engine.plugin.wire import KEY
from arrol_serve.quality.artifact import load_head, save_head
from tests.engine.groups import drain, start
from tests.paths import HEAD

QUESTION = "What is 12*3+5?"
PLACES = 64
"""Of the session's engine."""


@pytest.fixture
def opposite(tmp_path: Path) -> Path:
    """A head that thinks the contrary of the bundled one."""
    head, manifest = load_head(HEAD)
    head.set_calibration(-float(head.scale), -float(head.shift))
    save_head(tmp_path, head, manifest)
    return tmp_path


@pytest.fixture
def bundled(engine: Any) -> Iterator[str]:
    """Its version; it is in force again afterwards."""
    version = load_head(HEAD)[1].version
    yield version
    engine.collective_rpc("arrol_load_head", args=(str(HEAD), version))


def group(engine: Any, size: int = 4, tokens: int = 30) -> list[str]:
    policy = ("top_fraction", 0.5)
    return start(engine, QUESTION, size=size, probes=(8, 20), policy=policy, tokens=tokens)


def steps(engine: Any, number: int) -> list[Any]:
    return [output for _ in range(number) for output in engine.llm_engine.step() if output.finished]


def swap(engine: Any, folder: Path, version: str) -> None:
    engine.collective_rpc("arrol_load_head", args=(str(folder), version))


def heads(engine: Any) -> int:
    (status,) = engine.collective_rpc("arrol_status")
    return int(status["heads"])


def reports(outputs: list[Any], names: list[str]) -> list[dict[str, Any]]:
    by_name = {output.request_id: output for output in outputs}
    return [by_name[name].kv_transfer_params[KEY] for name in names]


def seen(outputs: list[Any], names: list[str]) -> list[list[float]]:
    """What a head made of a group: every rollout's scores at its probes, and at its last token.

    Sorted, since it is a matter of rounding which one of two with the same text is pruned.
    """
    found = [[*(p[1] for p in r["probes"]), r["quality"]] for r in reports(outputs, names)]
    return sorted(found, key=lambda scores: [round(score, 2) for score in scores])


def check_same(found: list[list[float]], expected: list[list[float]]) -> None:
    for numbers, known in zip(found, expected, strict=True):
        assert numbers == pytest.approx(known, abs=1e-3)


def alone(engine: Any) -> list[list[float]]:
    """A group by itself, under the head in force."""
    names = group(engine)
    return seen(drain(engine), names)


def test_running_groups_keep_their_head_and_later_ones_have_the_new(
    engine: Any, scheduler: Any, bundled: str, opposite: Path
) -> None:
    by_bundled = alone(engine)
    swap(engine, opposite, "next")
    by_opposite = alone(engine)
    assert by_bundled != by_opposite
    swap(engine, HEAD, bundled)

    early = group(engine)
    done = steps(engine, 5)  # before the first probe
    swap(engine, opposite, "next")
    late = group(engine)
    done += steps(engine, 2)
    assert heads(engine) == 2
    done += drain(engine)
    assert [r["head_version"] for r in reports(done, early)] == [bundled] * 4
    assert [r["head_version"] for r in reports(done, late)] == ["next"] * 4
    check_same(seen(done, early), by_bundled)
    check_same(seen(done, late), by_opposite)
    assert heads(engine) == 1


def test_candidates_that_queue_have_the_head_of_their_group(
    engine: Any, scheduler: Any, bundled: str, opposite: Path
) -> None:
    names = group(engine, size=PLACES + 16, tokens=6)
    done = steps(engine, 3)
    assert len(scheduler.waiting) == 16
    swap(engine, opposite, "next")
    done += drain(engine)
    assert {r["head_version"] for r in reports(done, names)} == {bundled}
    assert heads(engine) == 1


def test_a_group_that_queues_whole_has_the_new_head(
    engine: Any, scheduler: Any, bundled: str, opposite: Path
) -> None:
    first = group(engine, size=PLACES, tokens=6)
    steps(engine, 2)
    second = group(engine)
    done = steps(engine, 1)
    swap(engine, opposite, "next")
    done += drain(engine)
    assert {r["head_version"] for r in reports(done, first)} == {bundled}
    assert {r["head_version"] for r in reports(done, second)} == {"next"}


def test_swapped_several_times_each_group_has_its_own(
    engine: Any, scheduler: Any, bundled: str, opposite: Path
) -> None:
    started, done = {}, []
    for number in range(5):
        swap(engine, (HEAD, opposite)[number % 2], f"v{number}")
        started[f"v{number}"] = group(engine)
        done += steps(engine, 2)
    assert heads(engine) == 5
    done += drain(engine)
    for version, names in started.items():
        assert {r["head_version"] for r in reports(done, names)} == {version}
    assert heads(engine) == 1


def test_an_aborted_group_lets_its_head_go(
    engine: Any, scheduler: Any, bundled: str, opposite: Path
) -> None:
    names = group(engine)
    steps(engine, 2)
    swap(engine, opposite, "next")
    engine.llm_engine.abort_request(names)
    drain(engine)
    assert heads(engine) == 1
