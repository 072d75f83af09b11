"""Names of other trainers: each leads to a setting that exists, and the document has them all."""

from __future__ import annotations

import pytest

from tests.paths import ROOT
from trainer.config import TrainConfig
from trainer.other_names import TRL, VERL, table


@pytest.mark.parametrize("ours", sorted({*TRL.values(), *VERL.values()}))
def test_a_name_leads_to_a_setting(ours: str) -> None:
    section, key = ours.split(".")
    assert key in type(getattr(TrainConfig(), section)).model_fields


def test_the_document_has_the_table() -> None:
    text = (ROOT / "docs" / "training.md").read_text()
    assert text.split("<!-- names -->\n")[1].split("\n<!-- end of names -->")[0] == table()
