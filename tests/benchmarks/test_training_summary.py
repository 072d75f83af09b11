"""Seconds a step of runs whose steps share a generation, on worked numbers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.plots.training import training_plot
from benchmarks.record import write_result
from benchmarks.render.training import training
from benchmarks.training.__main__ import seeds_of
from benchmarks.training.arms import ARMS, common
from benchmarks.training.neighbours import others, watched
from benchmarks.training.runs import folder
from benchmarks.training.summary import summarise
from trainer.config import load_config

ROWS = 12


def log(out: Path, arm: str, generate: float, every: int) -> None:
    """12 steps of 1 s of update; each ``every``-th generates before it; the last one is examined."""
    run = folder(out, arm, 0)
    run.mkdir(parents=True)
    rows = [{"step": 0, "eval/pass@1": 0.3}]
    for step in range(ROWS):
        row = {
            "step": step + 1,
            "seconds/update": 1.0,
            "tokens_generated": 10,
            "seconds/total": 1.0,
        }
        if step % every == 0:
            row |= {"seconds/generate": generate, "seconds/total": 1.0 + generate}
        rows.append(row)
    rows[-1]["eval/pass@1"] = 0.5
    (run / "metrics.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def test_a_generation_is_shared_by_its_steps(tmp_path: Path) -> None:
    log(tmp_path, "none", 3.0, 1)
    log(tmp_path, "fast", 4.0, 4)
    none, fast = summarise(tmp_path, [0, 1], ROWS)
    assert (none["arm"], fast["arm"]) == ("none", "fast")
    assert none["seconds_per_step"] == pytest.approx(4.0)
    assert fast["seconds_per_step"] == pytest.approx(2.0)
    assert fast["speedup"] == pytest.approx(2.0)
    assert fast["seconds_generate"] == pytest.approx(1.0)
    assert fast["seconds_head"] is None
    assert fast["gain_at_equal_seconds"] == [pytest.approx(0.5 - (0.3 + 0.2 * 24 / 48))]


def test_a_busy_machine_is_told_and_its_seconds_are_the_processor_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In half of the time that passed others had the core."""
    for arm, every in (("none", 1), ("fast", 4)):
        log(tmp_path, arm, 4.0, every)
        run = folder(tmp_path, arm, 0)
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for row in rows[1:]:
            halves = {key.replace("seconds/", "seconds_cpu/"): value / 2
                      for key, value in row.items() if key.startswith("seconds/")}  # fmt: skip
            row |= halves | {"grad_norm": 0.1, "rollouts_trained": 100 if arm == "none" else 50}
            row |= {"groups_whole": 8, "groups": 8, "groups_mixed": 6, "reward_var": 0.2}
        (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        turns = [{"seconds": 30.0, "others": 1.0}, {"seconds": 10.0, "others": 0.2}]
        (run / "turns.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    rows = summarise(tmp_path, [0], ROWS)
    assert [row["others"] for row in rows] == [[pytest.approx(0.8)]] * 2
    assert not any(row["quiet"] for row in rows)
    assert rows[1]["seconds_cpu_per_step"] == pytest.approx(1.0)
    assert rows[1]["speedup_cpu"] == pytest.approx(2.5)
    # From 0.3 to 0.5 in 12 steps of 5 s.
    assert rows[0]["time_to"]["0.5"] == {"seconds": [60.0], "seconds_cpu": [30.0]}
    assert rows[0]["time_to"]["0.55"]["seconds"] == [None]
    # Two optimizer steps a step; the squared norm is 0.01.
    sizes = [(row["rollouts_per_update"], row["gradient2_rollouts"]) for row in rows]
    assert sizes == [(50, pytest.approx(0.5)), (25, pytest.approx(0.25))]
    monkeypatch.setattr("benchmarks.record.RESULTS", tmp_path)
    changes = common("sparse") | {"data.levels": [6, 7], "rollout.temperature": 1.0}
    settings = {"steps": ROWS, "seeds": [0], "changes": changes, "base": "none"}
    path = write_result("training_sparse", settings, rows, folder=tmp_path)
    assert training_plot(path).stat().st_size > 10_000
    text = training("training_sparse")
    assert "on levels 6, 7 at temperature 1, 16 prompts a step" in text
    assert "on processors" in text
    assert "| fast | 1 | 1.00 |" in text
    assert "| none | 0.75 | 0.200 | -, -, - | 30 (1 of 1) | none of 1 | 50 | 0.50 |" in text
    assert "95 % intervals" not in text, "of one seed"
    for row, gains in zip(rows, ([0.0] * 3, [-0.02, -0.04, -0.06]), strict=True):
        row |= {"seeds": [0, 1, 2], "gain_over_base": gains, "gain_at_equal_seconds_cpu": gains}
    write_result("training_sparse", settings, rows, folder=tmp_path)
    assert "fast -0.090 to +0.010 and -0.090 to +0.010." in training("training_sparse")


def test_neighbours_are_seen(tmp_path: Path) -> None:
    """A process that is nobody's child here uses a core; one that is does not count."""
    burn = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    other = subprocess.Popen([sys.executable, "-c", burn])
    with watched(tmp_path):
        time.sleep(1)
    other.wait()
    alone = others(tmp_path)
    assert alone is None or alone > 0.2


def test_what_has_not_come_so_far_is_left_out(tmp_path: Path) -> None:
    log(tmp_path, "fast", 4.0, 4)
    assert summarise(tmp_path, [0], ROWS) == []


def test_one_number_of_seeds_is_a_count() -> None:
    assert seeds_of([10]) == list(range(10))
    assert seeds_of([0, 3]) == [0, 3]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_a_recipe(arm: str) -> None:
    recipe = Path(__file__).parents[2] / "trainer" / "recipes" / "arithmetic.toml"
    load_config(recipe, [f"{key}={json.dumps(value)}" for key, value in ARMS[arm].items()])


def test_the_fast_recipe_is_the_fast_arm() -> None:
    recipes = Path(__file__).parents[2] / "trainer" / "recipes"
    fast = load_config(recipes / "fast.toml", ["run.out=x"])
    changes = [f"{key}={json.dumps(value)}" for key, value in ARMS["fast"].items()]
    assert fast == load_config(recipes / "arithmetic.toml", ["run.out=x", *changes])
