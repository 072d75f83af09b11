"""The house keeps to its figures: rooms, files and functions small enough to be read."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.paths import ROOT

PRODUCT = ("arrol_serve", "trainer")
ROOMY = (*PRODUCT, "tests", "examples", "tools")
SHORT = (*PRODUCT, "tests", "benchmarks", "examples", "tools")
IN_A_FOLDER, LINES, HALF_OF_FILES, NINE_IN_TEN_FUNCTIONS = 20, 300, 90, 22


@cache
def files(top: str) -> dict[Path, str]:
    found = {path.relative_to(ROOT): path.read_text() for path in (ROOT / top).rglob("*.py")}
    assert found, f"{top} holds no source"
    return found


def function_lengths(source: str) -> list[int]:
    """Lines from ``def`` to the end, of methods and inner functions too."""
    return [
        node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    ]


@pytest.mark.parametrize("top", ROOMY)
def test_no_folder_has_more_modules_than_one_looks_through(top: str) -> None:
    counts = Counter(path.parent for path in files(top))
    assert {str(f): n for f, n in counts.items() if n > IN_A_FOLDER} == {}, "make rooms"


@pytest.mark.parametrize("top", SHORT)
def test_no_file_is_too_long(top: str) -> None:
    lengths = {str(path): len(text.splitlines()) for path, text in files(top).items()}
    assert {path: n for path, n in lengths.items() if n > LINES} == {}, "split by subject"


@pytest.mark.parametrize("top", PRODUCT)
def test_files_are_short(top: str) -> None:
    lengths = [len(text.splitlines()) for text in files(top).values()]
    assert median(lengths) <= HALF_OF_FILES


@pytest.mark.parametrize("top", PRODUCT)
def test_functions_are_short(top: str) -> None:
    lengths = [n for text in files(top).values() for n in function_lengths(text)]
    assert quantiles(lengths, n=10)[-1] <= NINE_IN_TEN_FUNCTIONS
