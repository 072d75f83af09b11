"""Signals end a run between two steps, with its state saved."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType

STOPS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Inside, SIGTERM and Ctrl-C set ``asked``; a second Ctrl-C does not wait for the step."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Stopping:
        self._previous = [(number, signal.signal(number, self._ask)) for number in STOPS]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous:
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\nstopping after this step; once more: at once, unsaved", file=sys.stderr)
