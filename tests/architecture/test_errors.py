"""What can go wrong is one family a package: commands catch its root, and no trainer raises HTTP's errors."""

import ast
import builtins
from collections.abc import Iterator

import pytest

from tests.paths import ROOT

SOURCES = sorted((ROOT / "trainer").rglob("*.py"))
HTTP = {"InvalidRequest", "EngineUnavailable", "ShuttingDown", "Overloaded", "DeadlineExceeded"}


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kind):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', '?')}", node


def test_every_error_of_the_trainer_is_of_the_family() -> None:
    strangers = []
    for where, node in nodes(ast.ClassDef):
        assert isinstance(node, ast.ClassDef)
        bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
        builtin = [b for b in bases if isinstance(getattr(builtins, b, None), type)]
        if any(issubclass(getattr(builtins, b), BaseException) for b in builtin):
            strangers += [where] if "ArrolError" not in bases else []
    assert strangers == []


@pytest.mark.parametrize("name", sorted(HTTP))
def test_the_trainer_raises_no_error_of_http(name: str) -> None:
    raised = []
    for where, node in nodes(ast.Raise):
        assert isinstance(node, ast.Raise)
        call = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        raised += [where] if isinstance(call, ast.Name) and call.id == name else []
    assert raised == []
