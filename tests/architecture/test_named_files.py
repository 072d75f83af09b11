"""Files and folders that the pages about the code name are there."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.paths import ROOT

PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/decisions.md", "docs/scale.md", "docs/vllm.md")
TOPS = ("arrol_serve", "trainer", "tests", "benchmarks", "docs", "tools", "heads", "requirements")
NAMED = re.compile(r"`((?:[\w.-]+/)*[\w-]+(?:\.py|/))`")


@cache
def paths() -> tuple[str, ...]:
    return tuple(f"/{top}" for top in TOPS) + tuple(
        f"/{path.relative_to(ROOT)}" for top in TOPS for path in (ROOT / top).rglob("*")
    )


def there(name: str) -> bool:
    """Whether a path ends so: pages leave out what a reader knows."""
    return any(path.endswith(f"/{name.strip('/')}") for path in paths())


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    named = set(NAMED.findall((ROOT / page).read_text()))
    assert named
    assert {name for name in named if not there(name)} == set()


def test_what_has_moved_would_be_missed() -> None:
    assert NAMED.findall("`pruning/arrol.py` and `answers/`") == ["pruning/arrol.py", "answers/"]
    assert there("pruning/arrol.py")
    assert not there("pruning/elsewhere.py")
