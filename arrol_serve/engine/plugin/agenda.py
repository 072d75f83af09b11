"""Who is to be looked at in which engine step: a step costs nothing for those to whom nothing can happen."""

from __future__ import annotations

from collections.abc import Iterable


class Agenda:
    """Each key has one step at most. Pure."""

    def __init__(self) -> None:
        self._step = 0
        self._at: dict[str, int] = {}
        self._keys: dict[int, dict[str, None]] = {}

    def put(self, key: str, steps: int) -> None:
        """Look at it so many steps from now, at least one, and not before."""
        at = self._step + max(1, steps)
        self._at[key] = at
        self._keys.setdefault(at, {})[key] = None

    def drop(self, key: str) -> None:
        self._at.pop(key, None)

    def next_step(self) -> Iterable[str]:
        """Those whose step has come."""
        self._step += 1
        due = [key for key in self._keys.pop(self._step, ()) if self._at.get(key) == self._step]
        for key in due:
            del self._at[key]
        return due
