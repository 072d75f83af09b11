"""One touch point with vLLM, as data: ``compat.py`` looks whether it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seam:
    """What must be true of one class, function or module of vLLM."""

    path: str
    """``module:name``; a module alone: that it can be imported."""
    has: tuple[str, ...] = ()
    """Attributes and fields, whether of the class or made by a constructor or by a method of ``calls``;
    of a function those that it sets on whatever it is given."""
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Methods that we override, with all their parameters."""
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Methods that we call, with the arguments that we pass: a name, ``name=``, or ``...`` for what vLLM
    adds. The thing itself has the empty name."""
    abstract: frozenset[str] | None = None
    """Abstract methods that our subclass has; any other would be missing. None: not subclassed."""
    leaves: tuple[str, ...] = ()
    """Methods that it must not override itself, since our override would come after it."""
    routes: tuple[str, ...] = ()
    """Paths that a router must answer."""
