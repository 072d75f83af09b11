"""Listens at the sampler: sees the logits before they are touched and the tokens after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


class SamplerTap:
    """Stands in for ``model_runner.sampler``; without a listener it only forwards the call.

    vLLM's sampler scales float32 logits in place, so what needs the model's own distribution has
    to read it first. Everything but the call goes to the sampler itself.
    """

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self.before: Callable[[Tensor], None] | None = None
        self.after: Callable[[Tensor], None] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.before is None or self.after is None:
            return self._sampler(*args, **kwargs)
        self.before(kwargs["logits"] if "logits" in kwargs else args[0])
        output = self._sampler(*args, **kwargs)
        self.after(output.sampled_token_ids)
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)
