"""Sees what requests generate before they end, though they ask vLLM for their last output only.

Every step's outputs pass through ``OutputProcessor.process_outputs`` in this process. Ours looks at
them on the way, only while a candidate is followed or a request's tokens are counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from arrol_serve.engine.plugin.wire import KEY, Report
from arrol_serve.errors import UnsupportedEngine

Listener = Callable[[int, Report | None], None]
"""Called with the new tokens of a step and, when there is news, the engine's report so far."""


@dataclass(slots=True, eq=False)
class Tally:
    """What is counted of one request of a client."""

    tokens: int = 0
    """Generated so far, by all ``n`` of them."""
    names: list[str] = field(default_factory=list)
    """Of its parts in the engine. Clients choose a request's own name, also alike."""


COUNTED: ContextVar[Tally | None] = ContextVar("counted", default=None)
"""Of the request that this task brings to the engine."""


class StepWatch:
    """One per engine client."""

    def __init__(self, client: Any) -> None:
        """Raises ``UnsupportedEngine`` where vLLM's output processor is not what it was."""
        processor = getattr(client, "output_processor", None)
        states = getattr(processor, "request_states", None)
        inner = getattr(processor, "process_outputs", None)
        add = getattr(processor, "add_request", None)
        if states is None or inner is None or add is None:
            raise UnsupportedEngine(
                "vLLM's output processor has changed: its steps cannot be seen."
            )
        if next(iter(inspect.signature(inner).parameters), None) != "engine_core_outputs":
            raise UnsupportedEngine("vLLM's OutputProcessor.process_outputs takes other arguments.")
        if next(iter(inspect.signature(add).parameters), None) != "request":
            raise UnsupportedEngine("vLLM's OutputProcessor.add_request takes other arguments.")
        self._states: Any = states
        self._listeners: dict[str, Listener] = {}
        self._tallies: dict[str, Tally] = {}

        def process_outputs(engine_core_outputs: Any, *args: Any, **options: Any) -> Any:
            if self._listeners or self._tallies:
                self._look(engine_core_outputs)
            return inner(engine_core_outputs, *args, **options)

        def add_request(request: Any, *args: Any, **options: Any) -> None:
            add(request, *args, **options)
            if (tally := COUNTED.get()) is not None:
                tally.names.append(request.request_id)
                self._tallies[request.request_id] = tally

        processor.process_outputs = process_outputs  # type: ignore[union-attr]
        processor.add_request = add_request  # type: ignore[union-attr]

    def follow(self, request_id: str, listener: Listener) -> None:
        """Call ``listener`` at every step in which the request generates, but for its last."""
        self._listeners[request_id] = listener

    def leave(self, request_id: str) -> None:
        """Follow it no longer, if it was followed."""
        self._listeners.pop(request_id, None)

    @contextmanager
    def counting(self) -> Iterator[Tally]:
        """Count what the request generates that this task brings to the engine inside of it."""
        tally = Tally()
        COUNTED.set(tally)
        try:
            yield tally
        finally:
            COUNTED.set(None)
            for name in tally.names:
                self._tallies.pop(name, None)

    def _look(self, outputs: Any) -> None:
        for output in outputs:
            state = self._states.get(output.request_id)
            if state is None:
                continue
            if (tally := self._tallies.get(output.request_id)) is not None:
                tally.tokens += len(output.new_token_ids)
            listener = self._listeners.get(state.external_req_id)
            if listener is not None and output.finish_reason is None:
                report = (output.kv_transfer_params or {}).get(KEY)
                listener(len(output.new_token_ids), report)
