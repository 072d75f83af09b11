"""A run's folder: what is asked again, what is not, and what is kept of the time."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from trainer.errors import RecordError, SettingsChanged
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.runs import open_folder, sample_all, write_timing

ITEMS = [Item(f"x/{i}", f"{i}+0?", str(i)) for i in range(3)]


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    pool = AnswerPool(workers=1, timeout_s=10.0)
    yield pool
    pool.close()


def test_only_missing_chunks_are_sampled_again(pool: AnswerPool, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def sampler(arm: str, items: Sequence[Item]) -> list[list[Reply]]:
        asked.append((arm, items[0].id))
        return [[Reply(f"The answer is {item.gold}.", 5, Fate.FINISHED)] for item in items]

    def run(arms: list[str]) -> None:
        kept = sample_all(sampler, pool, ITEMS, arms, tmp_path, chunk=2, spec=AnswerSpec())
        assert [r.id for r in kept["a"]] == [item.id for item in ITEMS]
        assert all(sample.right for r in kept["a"] for sample in r.samples)

    run(["a"])
    assert asked == [("a", "x/0"), ("a", "x/2")]
    lines = (tmp_path / "records.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "records.jsonl").write_text("".join(lines[:2]) + lines[2][:20])  # killed here
    run(["a", "b"])
    assert asked[2:] == [("b", "x/0"), ("a", "x/2"), ("b", "x/2")]
    with (tmp_path / "timing.jsonl").open("a") as file:
        file.write('{"arm": "a", "sta')
    assert "(a)" in write_timing(tmp_path, ["a", "b"])
    timing = json.loads((tmp_path / "timing.json").read_text())
    assert set(timing) == {"sampling_seconds", "judging_seconds"}
    assert timing["judging_seconds"]["a"] > 0
    (tmp_path / "records.jsonl").write_text('{"arm": "a"}\n')
    with pytest.raises(RecordError, match=r"records\.jsonl, line 1: corrupted record"):
        run(["a"])


def test_a_folder_belongs_to_one_run(tmp_path: Path) -> None:
    open_folder(tmp_path / "new", {"seed": 0})  # and it sampled nothing: its engine did not start
    open_folder(tmp_path / "new", {"seed": 1})
    (tmp_path / "new" / "records.jsonl").write_text("{}")
    open_folder(tmp_path / "new", {"seed": 1})
    with pytest.raises(SettingsChanged, match="other seed"):
        open_folder(tmp_path / "new", {"seed": 2})
    (tmp_path / "new" / "settings.json").write_text("{]")
    with pytest.raises(SettingsChanged, match="corrupted"):
        open_folder(tmp_path / "new", {"seed": 1})
