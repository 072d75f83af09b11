"""A vLLM that differs at any seam is refused at start, by the name of the seam."""

from __future__ import annotations

import ast
import dis
import enum
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec
import pytest

from arrol_serve.engine.plugin import compat
from arrol_serve.engine.plugin.compat import check_seam, check_vllm
from arrol_serve.engine.plugin.seams import CPU_WORKER, SEAMS, Seam
from arrol_serve.errors import UnsupportedEngine
from tests.paths import ROOT

Patch = pytest.MonkeyPatch
ALL = (*SEAMS, CPU_WORKER)
BY_PATH = {seam.path: seam for seam in ALL}


def found(seam: Seam) -> tuple[Any, str, Any]:
    """(what holds it, its name there, the thing itself)."""
    path, _, name = seam.path.partition(":")
    module = import_module(path)
    return (module, name, getattr(module, name)) if name else (sys.modules, path, module)


class Without:
    """What is left of an enumeration or a struct when one member is gone: they cannot be changed."""

    def __init__(self, thing: Any, gone: str) -> None:
        self.thing, self.gone = thing, gone

    def __getattr__(self, name: str) -> Any:
        if name == self.__dict__["gone"]:
            raise AttributeError(name)
        return getattr(self.__dict__["thing"], name)


def remove(patch: Patch, seam: Seam, name: str) -> None:
    """Take one member away, wherever the class or its constructors make it."""
    holder, called, thing = found(seam)
    if isinstance(thing, ModuleType):
        patch.delattr(thing, name)
    elif not isinstance(thing, type) or issubclass(thing, enum.Enum | msgspec.Struct):
        patch.setattr(holder, called, Without(thing, name))
    else:
        for base in thing.__mro__[:-1]:
            remove_from(patch, base, name)


def remove_from(patch: Patch, base: type, name: str) -> None:
    if name in vars(base):
        patch.delattr(base, name)
    if name in vars(base).get("__dataclass_fields__", {}):
        patch.delitem(vars(base)["__dataclass_fields__"], name)
    calls = {name for seam in ALL for name in seam.calls if name.startswith("_")}
    for maker in {*compat.CONSTRUCTORS, *calls} & vars(base).keys():
        made = assigned(inspect.unwrap(vars(base)[maker])) - {name}
        patch.setattr(base, maker, assigning(made))


def assigned(function: Any) -> set[str]:
    if not inspect.isfunction(function):
        return set()
    return {s.argval for s in dis.get_instructions(function) if s.opname == "STORE_ATTR"}


def assigning(names: set[str]) -> Any:
    """A constructor that makes these attributes and no others."""
    lines = [f"    self.{name} = None" for name in sorted(names)]
    scope: dict[str, Any] = {}
    exec("\n".join(["def maker(self):", *lines, "    return None"]), scope)  # noqa: S102
    return scope["maker"]


def change(patch: Patch, seam: Seam, name: str) -> None:
    """Let a method, or the thing itself, take other arguments."""
    holder, called, thing = found(seam)
    patch.setattr(thing if name else holder, name or called, takes_other_things)


def takes_other_things(self: object, *, nothing_that_we_pass: object) -> None:
    """Cannot be called in any of our ways."""


def override(patch: Patch, seam: Seam, name: str) -> None:
    patch.setattr(found(seam)[2], name, takes_other_things)


def demand(patch: Patch, seam: Seam, name: str) -> None:
    patch.setattr(found(seam)[2], "__abstractmethods__", frozenset({name}))


BREAKS = [
    (how, seam, name)
    for seam in ALL
    for how, names in (
        (remove, seam.has),
        (change, (*seam.overrides, *seam.calls)),
        (override, seam.leaves),
        (demand, () if seam.abstract is None else ("brand_new",)),
    )
    for name in names
]


@pytest.mark.parametrize(
    ("how", "seam", "name"), BREAKS, ids=[f"{h.__name__} {s.path}.{n}" for h, s, n in BREAKS]
)
def test_each_broken_member_is_refused_by_name(
    how: Callable[[Patch, Seam, str], None], seam: Seam, name: str, monkeypatch: Patch
) -> None:
    check_seam(seam)
    how(monkeypatch, seam, name)
    with pytest.raises(UnsupportedEngine) as refused:
        check_seam(seam)
    monkeypatch.undo()
    assert seam.path in refused.value.message
    assert name in refused.value.message


@pytest.mark.parametrize("path", BY_PATH)
def test_each_missing_thing_is_refused_by_name(path: str, monkeypatch: Patch) -> None:
    holder, name, _ = found(BY_PATH[path])
    if holder is sys.modules:
        monkeypatch.setitem(sys.modules, path, None)
    else:
        monkeypatch.setattr(holder, "__getattr__", nothing_here, raising=False)
        monkeypatch.delattr(holder, name, raising=False)
    with pytest.raises(UnsupportedEngine, match="is missing") as refused:
        check_seam(BY_PATH[path])
    assert path in refused.value.message


def nothing_here(name: str) -> Any:
    raise AttributeError(name)


@pytest.mark.parametrize("version", ["0.31.2", "0.34.0", "1.0.0rc1"])
def test_other_versions_are_refused(version: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr("vllm.__version__", version)
    check_vllm.cache_clear()
    with pytest.raises(UnsupportedEngine, match=f"vLLM {version} is installed.*0.32 and 0.33"):
        check_vllm()
    monkeypatch.undo()
    check_vllm()


def test_every_start_looks_at_every_seam(monkeypatch: Patch) -> None:
    looked: list[Seam] = []
    monkeypatch.setattr(compat, "check_seam", looked.append)
    check_vllm.cache_clear()
    check_vllm()
    assert looked == list(SEAMS)


INTERNAL = ("arrol_serve/engine", "trainer")
PUBLIC = {"LLM", "SamplingParams", "vllm", "envs"}


def imported() -> set[str]:
    """``module:name`` of whatever the engine and the trainer import from vLLM."""
    paths = set()
    for folder in INTERNAL:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vllm"):
                    paths |= {
                        f"{node.module}:{alias.name}"
                        for alias in node.names
                        if alias.name not in PUBLIC
                    }
    return paths


def test_nothing_is_imported_from_vllm_that_is_not_a_seam() -> None:
    assert imported()
    assert imported() <= BY_PATH.keys(), "add what is missing to engine/plugin/seams.py"


def attributes_of(file: str, names: set[str]) -> set[str]:
    """Attributes that a module reads from variables of these names."""
    tree = ast.parse((ROOT / "arrol_serve/engine/plugin" / file).read_text())
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in names
    }


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("rows.py", {"runner", "state", "batch", "runner.input_batch"}),
        ("scheduler.py", {"request", "out", "batch", "RequestStatus", "FinishReason"}),
        (
            "worker.py",
            {"scheduler_output", "request", "self.vllm_config", "self.model_config"},
        ),
        ("tap.py", {"output"}),
    ],
)
def test_nothing_is_read_of_vllms_objects_that_is_not_a_seam(file: str, names: set[str]) -> None:
    known = {name for seam in SEAMS for name in (*seam.has, *seam.calls)}
    read = attributes_of(file, names)
    assert read
    assert read <= known, "add what is missing to engine/plugin/seams.py"


def test_members_of_enumerations_are_looked_at() -> None:
    seam = BY_PATH["vllm.v1.request:RequestStatus"]
    assert issubclass(found(seam)[2], enum.Enum)
    with pytest.raises(UnsupportedEngine, match="RequestStatus has no FINISHED_SOMEHOW"):
        check_seam(Seam(seam.path, has=("FINISHED_SOMEHOW",)))
