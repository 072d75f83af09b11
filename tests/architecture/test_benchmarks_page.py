"""docs/benchmarks.md holds what the result files hold, and every result file has the one schema."""

import re
from importlib.util import find_spec

from benchmarks.__main__ import ALL, SUITE, usage
from benchmarks.page import BLOCK, PAGE, RENDERERS, render, result_names
from benchmarks.record import read_result
from tests.paths import ROOT


def test_the_page_is_what_the_result_files_say() -> None:
    text = PAGE.read_text()
    assert render(text) == text, "run python -m benchmarks.page"


def test_the_first_screen_says_which_goals_are_met() -> None:
    text = PAGE.read_text()
    first = text[: text.index("\n## ", text.index("## Goals") + 1)]
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", first, re.MULTILINE)[1:]
    assert len(first.splitlines()) < 50
    assert len(rows) > 10
    assert any(met == "yes" for *_, met in rows)
    assert any(met == "**no**" for *_, met in rows), "all met? then the goals are too low"


def test_every_renderer_has_its_block() -> None:
    blocks = [found[2] for found in BLOCK.finditer(PAGE.read_text())]
    assert sorted(blocks) == sorted(RENDERERS)


def test_every_result_is_shown_and_has_the_schema() -> None:
    assert set(result_names()) <= set(RENDERERS)
    for name in result_names():
        result = read_result(name)
        assert result.provenance.date
        assert result.provenance.versions["python"]


def test_every_benchmark_exists_and_all_runs_it() -> None:
    assert {words[0] for words in ALL} == set(SUITE)
    for name in SUITE:
        assert find_spec(f"benchmarks.{name}"), name
        assert name in usage()


def test_pictures_and_links_of_the_page_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", PAGE.read_text())
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
