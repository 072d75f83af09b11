"""Two reports against worked numbers, and runs that cannot be compared."""

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import DataError
from trainer.evaluation.cli import main
from trainer.evaluation.datasets import Item
from trainer.evaluation.records import Record, Sample
from trainer.evaluation.reporting.compare import compare, read_report
from trainer.evaluation.reporting.report import summarise, write
from trainer.evaluation.reporting.text import cut_off, markdown


def report(answers: dict[str, str], *, samples: int = 1, data: str = "d") -> dict[str, Any]:
    """One rollout per question, 10 tokens each; the gold is always 7."""
    items = [Item(i, f"{data} {i}?", "7") for i in answers]
    records = [
        Record("unpruned", i, "7", (Sample(0, 10, "finished", a, a == "7"),))
        for i, a in answers.items()
    ]
    settings = {"samples": samples, "data_sha256": str(answers)}
    return summarise(settings, items, {"unpruned": records}, ["pass@1", "uniform"], {}, [1])


def test_differences_are_paired_on_the_shared_questions() -> None:
    found = compare(
        report({"a": "7", "b": "5", "c": "7"}), report({"b": "7", "c": "7", "d": "7"}, samples=2)
    )
    assert found["questions"] == ["b", "c"]
    assert found["left_out"] == [1, 1]
    assert found["settings"] == {"samples": [1, 2]}
    (one, vote) = found["methods"]
    assert (one["method"], vote["method"]) == ("pass@1", "uniform")
    assert one["difference"] == pytest.approx(0.5)
    assert (one["first"]["accuracy"], one["second"]["accuracy"]) == (0.5, 1.0)
    assert one["interval"] == pytest.approx((0.0, 1.0))
    assert one["tokens"] == [10, 10]


def test_a_run_against_itself_differs_in_nothing() -> None:
    one = report({"a": "7", "b": "5"})
    assert [(row["difference"], row["interval"]) for row in compare(one, one)["methods"]] == [
        (0, (0, 0))
    ] * 2


def test_runs_that_cannot_be_compared_are_refused() -> None:
    one = report({"a": "7"})
    with pytest.raises(DataError, match="share no question: one has a"):
        compare(one, report({"b": "7"}))
    with pytest.raises(DataError, match=r"differ in data: 1 of 1 .* a first"):
        compare(one, report({"a": "7"}, data="other"))
    with pytest.raises(DataError, match="share no method"):
        compare(one, {**one, "methods": [{**one["methods"][0], "method": "new"}]})


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        read_report(tmp_path)
    for broken in ("{]", "[]", '{"methods": 3}', '{"methods": [], "questions": [1]}'):
        (tmp_path / "report.json").write_text(broken)
        with pytest.raises(DataError, match="no report of this version"):
            read_report(tmp_path)


def test_the_command_prints_and_keeps_the_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, answers in (("old", {"a": "5", "b": "7"}), ("new", {"a": "7", "b": "7"})):
        (tmp_path / name).mkdir()
        write(report(answers), tmp_path / name)
    runs, out = [str(tmp_path / "old"), str(tmp_path / "new")], tmp_path / "out"
    assert main(["--compare", *runs, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "| uniform | 0.500 [0.000, 1.000] | 1.000 [1.000, 1.000] | +0.500" in said
    assert (out / "compare.md").read_text().strip() == said.strip()
    assert json.loads((out / "compare.json").read_text())["questions"] == ["a", "b"]
    assert (out / "compare.png").stat().st_size > 1000
    assert main(["--compare", runs[0], str(tmp_path / "none")]) == 2
    assert "no finished run" in capsys.readouterr().err
    assert main(["--data", "gsm8k"]) == 2


def test_replies_that_were_cut_off_are_counted_and_warned_of() -> None:
    items = [Item("x/1", "?", "7")]
    samples = tuple(Sample(i, 256, "truncated", None, False) for i in range(3))
    record = Record("unpruned", "x/1", "7", (*samples, Sample(3, 9, "finished", "7", True)))
    settings = {"samples": 4, "max_tokens": 256, "temperature": 1.5, "model": "m"}
    found = summarise(settings, items, {"unpruned": [record]}, ["pass@1"], {}, [1])
    assert found["truncated"] == {"unpruned": 0.75}
    assert cut_off(found) is not None
    text = markdown(found)
    assert "75.0% of the unpruned replies were cut off after 256 tokens" in text.replace("**", "")
    assert "Model m; questions: x (1); 4 samples each, temperature 1.5, max tokens 256." in text
    assert cut_off(report({"a": "7"})) is None
