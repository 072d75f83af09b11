"""Sees what candidates do before they end, though they ask vLLM for their last output only.

Every step's outputs pass through ``OutputProcessor.process_outputs`` in this process. Ours looks at
them on the way, only while a candidate is followed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from arrol_serve.engine.plugin.wire import KEY, Report
from arrol_serve.errors import UnsupportedEngine

Listener = Callable[[int, Report | None], None]
"""Called with the new tokens of a step and, when there is news, the engine's report so far."""


class StepWatch:
    """One per engine client."""

    def __init__(self, client: Any) -> None:
        """Raises ``UnsupportedEngine`` where vLLM's output processor is not what it was."""
        processor = getattr(client, "output_processor", None)
        states = getattr(processor, "request_states", None)
        inner = getattr(processor, "process_outputs", None)
        if states is None or inner is None:
            raise UnsupportedEngine(
                "vLLM's output processor has changed: its steps cannot be seen."
            )
        if next(iter(inspect.signature(inner).parameters), None) != "engine_core_outputs":
            raise UnsupportedEngine("vLLM's OutputProcessor.process_outputs takes other arguments.")
        self._states: Any = states
        self._listeners: dict[str, Listener] = {}

        def process_outputs(engine_core_outputs: Any, *args: Any, **options: Any) -> Any:
            if self._listeners:
                self._look(engine_core_outputs)
            return inner(engine_core_outputs, *args, **options)

        processor.process_outputs = process_outputs  # type: ignore[union-attr]

    def follow(self, request_id: str, listener: Listener) -> None:
        """Call ``listener`` at every step in which the request generates, but for its last."""
        self._listeners[request_id] = listener

    def leave(self, request_id: str) -> None:
        """Follow it no longer, if it was followed."""
        self._listeners.pop(request_id, None)

    def _look(self, outputs: Any) -> None:
        for output in outputs:
            state = self._states.get(output.request_id)
            listener = None if state is None else self._listeners.get(state.external_req_id)
            if listener is not None and output.finish_reason is None:
                report = (output.kv_transfer_params or {}).get(KEY)
                listener(len(output.new_token_ids), report)
