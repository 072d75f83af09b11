"""Labels that do not overlap, curves that see nothing before it has happened."""

from __future__ import annotations

import pytest

from trainer.head.told.card_parts import licence, warnings
from trainer.pictures import canvas, label_ends, spread
from trainer.run.plot import running_mean, story


@pytest.mark.parametrize(
    "values", [[0.5, 0.5, 0.5], [0.1, 0.9, 0.11, 0.12], [0.3], [], [0.9, 0.1, 0.5]]
)
def test_labels_keep_their_order_and_their_distance(values: list[float]) -> None:
    placed = spread(values, 0.1)
    assert [placed.index(p) for p in sorted(placed)] == sorted(
        range(len(values)), key=lambda i: values[i]
    )
    gaps = [b - a for a, b in zip(sorted(placed), sorted(placed)[1:], strict=False)]
    assert all(gap >= 0.1 - 1e-9 for gap in gaps)
    if len(values) == 1 or values == [0.9, 0.1, 0.5]:
        assert placed == values


def test_a_label_stands_at_the_height_of_its_line() -> None:
    figure, axes = canvas()
    axes.plot([1, 2], [0, -8])
    label_ends(axes, [(2, -8, "down", "black"), (2, 0, "up", "black")])
    down, up = (text.xyann[1] for text in axes.texts)
    assert down < 0.1 < 0.9 < up
    figure.clear()


def test_a_running_mean_knows_nothing_of_what_comes() -> None:
    mean = running_mean([1.0] * 20 + [0.0] * 20)
    assert mean[:20].tolist() == [1.0] * 20
    assert mean[20] == pytest.approx(0.75)
    assert mean[24:].tolist() == [0.0] * 16


def test_a_run_is_told_in_one_sentence() -> None:
    rows = [{"step": s, "reward": 0.25 + s / 80} for s in range(1, 41)]
    assert story(rows) == "share of right rollouts 0.281 to 0.731 in 40 steps"
    assert story(rows[:3]) == "3 steps"
    rows[0]["eval/pass@1"], rows[-1]["eval/pass@1"] = 0.3, 0.6
    assert story(rows) == "held-out pass@1 0.300 to 0.600 in 40 steps"


def table(auc: float) -> dict[str, dict[str, float]]:
    return {place: {"auc_within_group": auc} for place in ("32", "final")}


def test_a_card_warns_of_few_questions_and_of_inputs_that_do_better_alone() -> None:
    ablation = {"hidden and statistics": table(0.8), "statistics only": table(0.7)}
    alone = {"mean_entropy": {"32": 0.15, "final": 0.5}}
    said = "\n".join(warnings(32, ablation, alone, 30))
    assert "**Only 30 test questions**" in said
    assert "**`mean_entropy` as it is does better** at 32 tokens: AUC within group 0.850" in said
    assert "at the last token" not in said
    assert warnings(32, ablation, {}, 500) == []


def test_a_licence_is_the_users() -> None:
    assert licence("MIT") == "Licence: MIT."
    assert "yours to choose" in licence("")
