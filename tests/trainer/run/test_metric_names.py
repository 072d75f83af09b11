"""Every figure has a name in the document, and the document has no others than the table."""

from __future__ import annotations

import pytest

from tests.paths import ROOT
from tests.trainer.made_up import group, rollout
from trainer.policy.report import UpdateReport
from trainer.run.metric_names import documented, table
from trainer.run.metrics import rollout_metrics, update_metrics


def test_the_document_has_the_table() -> None:
    text = (ROOT / "docs" / "training.md").read_text()
    assert text.split("<!-- metrics -->\n")[1].split("\n<!-- end of metrics -->")[0] == table()


def test_figures_of_rollouts_and_updates_are_documented() -> None:
    row = rollout_metrics([group([rollout(True), rollout(False)])])
    row |= update_metrics([], UpdateReport())
    assert [key for key in row if documented(key) is None] == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("eval/pass@1", "eval/pass@1"),
        ("eval/pass@16", "eval/pass@N"),
        ("eval/gsm8k-test/maj@4", "eval/SET/pass@1"),
        ("kept/hard", "kept/DIFFICULTY"),
        ("kept", "kept"),
        ("seconds/eval", "seconds/PHASE"),
        ("eval/pas@1", None),
        ("rewards", None),
        ("length/median", None),
    ],
)
def test_names_are_found_and_made_up_ones_are_not(key: str, name: str | None) -> None:
    assert documented(key) == name
