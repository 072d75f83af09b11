"""Seconds a step of runs whose steps share a generation, on worked numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.training import ARMS, folder, seeds_of, summarise
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
