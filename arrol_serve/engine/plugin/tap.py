"""Listens at the samplers: sees the logits before they are touched and the tokens after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

Listener = Callable[[Tensor], None]


class SamplerTap:
    """Stands in for a sampler of the model runner; without a listener it only forwards the call.

    vLLM's samplers scale float32 logits in place, so what needs the model's own distribution has
    to read it first. Everything but the call goes to the sampler itself.
    """

    def __init__(self, sampler: Any, logits_at: int = 0) -> None:
        """``logits_at``: which positional argument the logits are."""
        self._sampler, self._logits_at = sampler, logits_at
        self.before: Listener | None = None
        self.after: Listener | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.before is None or self.after is None:
            return self._sampler(*args, **kwargs)
        self.before(kwargs["logits"] if "logits" in kwargs else args[self._logits_at])
        output = self._sampler(*args, **kwargs)
        self.after(_tokens(output))
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)


def _tokens(output: Any) -> Tensor:
    """[R, W], -1 where a request has no token: V2 counts them instead."""
    tokens: Tensor = output.sampled_token_ids
    counts: Tensor | None = getattr(output, "num_sampled", None)
    if counts is None or tokens.shape[1] == 1:
        return tokens
    place = torch.arange(tokens.shape[1], device=tokens.device)
    # ``where`` would upload the -1, and wait.
    return tokens.masked_fill(place >= counts[:, None], -1)


def listen(runner: Any, *, v2: bool) -> list[SamplerTap]:
    """Put taps on the runner's samplers: one for plain steps, one for steps with drafts."""
    taps = []
    for name, logits_at in (("sampler", 0), ("rejection_sampler", 0 if v2 else 2)):
        if getattr(runner, name, None) is not None:
            taps.append(SamplerTap(getattr(runner, name), logits_at))
            setattr(runner, name, taps[-1])
    return taps


def tell(taps: Iterable[SamplerTap], before: Listener | None, after: Listener | None) -> None:
    """Have them tell of the logits and of the tokens; None: nobody."""
    for tap in taps:
        tap.before, tap.after = before, after
