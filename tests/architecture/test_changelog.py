"""The changelog's newest entry is this version."""

import re

import arrol_serve
from tests.paths import ROOT


def test_the_newest_entry_is_this_version() -> None:
    entries = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] == arrol_serve.__version__
