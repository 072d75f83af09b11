"""A vLLM that differs at any seam is refused at start, by the name of the seam."""

from __future__ import annotations

import dis
import enum
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec
import pytest

from arrol_serve import bundled
from arrol_serve.cli import vllm_args
from arrol_serve.engine.plugin import compat
from arrol_serve.engine.plugin.compat import check_options, check_seam, check_server, check_vllm
from arrol_serve.engine.plugin.seams import CPU_WORKER, HTTP, OFFLINE, OPTIONS, SEAMS, Seam
from arrol_serve.errors import UnsupportedEngine
from trainer.engines.sampling import build_engine

Patch = pytest.MonkeyPatch
ALL = (*SEAMS, *HTTP, CPU_WORKER, OFFLINE)
BY_PATH = {seam.path: seam for seam in ALL}
SERVERS = ("vllm.entrypoints.launchers.api_server.entry", "vllm.entrypoints.llm", "uvicorn")


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
    if isinstance(thing, ModuleType) and name in vars(thing):
        patch.delattr(thing, name)
    elif inspect.isfunction(thing):
        patch.setattr(holder, called, assigning(assigned(thing) - {name}))
    elif not isinstance(thing, type) or issubclass(thing, enum.Enum | msgspec.Struct):
        patch.setattr(holder, called, Without(thing, name))
    else:
        for base in thing.__mro__[:-1]:
            remove_from(patch, base, name, seam.calls)


def remove_from(patch: Patch, base: type, name: str, calls: Iterable[str]) -> None:
    if name in vars(base) and hasattr(base, name):
        patch.delattr(base, name)
    for fields in (*compat.FIELDS, "__annotations__"):
        if name in (known := vars(base).get(fields, {})):  # put back, it would come last
            patch.setattr(base, fields, {one: known[one] for one in known if one != name})
    private = {name for name in calls if name.startswith("_")}
    for maker in {*compat.CONSTRUCTORS, *private} & vars(base).keys():
        made = assigned(inspect.unwrap(vars(base)[maker]))
        if name in made:
            patch.setattr(base, maker, assigning(made - {name}))


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


def unroute(patch: Patch, seam: Seam, name: str) -> None:
    router = found(seam)[2]
    patch.setattr(router, "routes", [route for route in router.routes if route.path != name])


def demand(patch: Patch, seam: Seam, name: str) -> None:
    patch.setattr(found(seam)[2], "__abstractmethods__", frozenset({name}))


BREAKS = [
    (how, seam, name)
    for seam in ALL
    for how, names in (
        (remove, seam.has),
        (change, (*seam.overrides, *seam.calls)),
        (override, seam.leaves),
        (unroute, seam.routes),
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


def test_every_start_of_the_server_looks_at_its_http_half_too(monkeypatch: Patch) -> None:
    looked: list[Seam] = []
    monkeypatch.setattr(compat, "check_seam", looked.append)
    for check in (check_vllm, check_server):
        check.cache_clear()
    check_server()
    assert looked == [*SEAMS, *HTTP]


@pytest.mark.parametrize("name", OPTIONS)
def test_each_missing_option_is_refused_by_name(name: str) -> None:
    args = vllm_args([])
    check_options(args)
    delattr(args, name)
    with pytest.raises(UnsupportedEngine, match=f"no --{name.replace('_', '-')}[.]"):
        check_options(args)


def test_what_the_engine_and_the_trainer_look_at_loads_no_server() -> None:
    code = f"""
import sys
from arrol_serve.engine.plugin.compat import check_vllm
check_vllm()
print([name for name in {SERVERS} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_trainer_looks_at_vllms_llm_before_it_makes_one(monkeypatch: Patch) -> None:
    remove(monkeypatch, OFFLINE, "chat")
    with pytest.raises(UnsupportedEngine, match=r"vllm:LLM[.]chat cannot be called"):
        build_engine(bundled.MODEL)


def test_members_of_enumerations_are_looked_at() -> None:
    seam = BY_PATH["vllm.v1.request:RequestStatus"]
    assert issubclass(found(seam)[2], enum.Enum)
    with pytest.raises(UnsupportedEngine, match="RequestStatus has no FINISHED_SOMEHOW"):
        check_seam(Seam(seam.path, has=("FINISHED_SOMEHOW",)))
