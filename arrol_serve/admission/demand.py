"""What a request takes of the engine, in shares of it: 1.0 fills its KV cache or all of its places."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_GUESS = 512
"""Tokens of a candidate, before any has ended."""
MEMORY = 0.9
"""How much of the mean length stays when one more request ends."""


@dataclass(frozen=True, slots=True)
class EngineSize:
    """All data-parallel engines together."""

    kv_tokens: int
    places: int
    """Sequences that run at once: vLLM's ``max_num_seqs``."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a request when it arrives."""

    samples: int
    prompt_tokens: int
    max_tokens: int
    """A candidate's cap."""
    search: bool
    """A search, or else a plain request."""


@dataclass(slots=True)
class Lengths:
    """The mean length of the candidates that ended, the latest counting most."""

    mean: float = FIRST_GUESS

    def saw(self, tokens: float) -> None:
        """A request's candidates ended with ``tokens`` on average."""
        self.mean = MEMORY * self.mean + (1 - MEMORY) * tokens


def share(request: Request, engine: EngineSize, mean_length: float) -> float:
    """The engine's share that ``request`` is expected to hold at its peak: KV cache or places.

    The candidates share the KV cache of their prompt.
    """
    each = min(float(request.max_tokens), mean_length)
    kv = (request.prompt_tokens + request.samples * each) / engine.kv_tokens
    return max(kv, request.samples / engine.places)
