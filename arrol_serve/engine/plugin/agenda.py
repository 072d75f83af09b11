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
        self.drop(key)
        at = self._at[key] = self._step + max(1, steps)
        self._keys.setdefault(at, {})[key] = None

    def drop(self, key: str) -> None:
        """Forget it: a step that is far away must not hold those who have long ended."""
        at = self._at.pop(key, None)
        if at is not None:
            del self._keys[at][key]
            if not self._keys[at]:
                del self._keys[at]

    def next_step(self) -> Iterable[str]:
        """Those whose step has come."""
        self._step += 1
        due = list(self._keys.pop(self._step, ()))
        for key in due:
            del self._at[key]
        return due
