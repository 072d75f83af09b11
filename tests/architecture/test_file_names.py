"""pytest imports test files by their bare names: two of one name cannot be collected together."""

from collections import Counter

from tests.paths import ROOT


def test_no_two_test_files_share_a_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
