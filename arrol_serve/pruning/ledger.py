"""What each search has spent of its cap on generated tokens, over all of its groups. Pure."""

from __future__ import annotations

from collections import OrderedDict

MOST = 4096
"""Searches that are remembered."""


class Ledger:
    """Counts while a search has members in the engine, and for a while between its groups.

    The least recently used are forgotten first.
    """

    def __init__(self) -> None:
        self._spent: OrderedDict[str, int] = OrderedDict()

    def open(self, search: str, spent: int) -> None:
        """A group of ``search`` begins; whoever started it knows of ``spent`` tokens."""
        self._spent[search] = max(spent, self._spent.pop(search, 0))
        while len(self._spent) > MOST:
            self._spent.popitem(last=False)

    def spend(self, search: str, tokens: int) -> int:
        """Add tokens; the search's total."""
        self._spent[search] = total = self._spent.get(search, 0) + tokens
        self._spent.move_to_end(search)
        return total
