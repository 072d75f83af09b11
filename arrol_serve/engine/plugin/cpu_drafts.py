"""Sampling with drafts on a CPU, which vLLM 0.32 and 0.33 get wrong.

Their stand-in for a Triton kernel writes temperature, top-k and top-p of the drafts' rows into a copy that
it drops: rows are scaled by memory that nobody has written, replies are gibberish, and top-k ends the
engine; and where none of a step's drafts is left, top-k takes the maximum of nothing. Greedy requests never
get there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vllm.v1.sample import rejection_sampler

constrain = rejection_sampler.apply_sampling_constraints
"""vLLM's: temperature, top-k and top-p."""


def mend_sampling() -> None:
    """For this process."""
    rejection_sampler.expand_batch_to_tokens = expand
    rejection_sampler.apply_sampling_constraints = constrain_rows


def constrain_rows(logits: Tensor, cu_num_draft_tokens: Tensor, sampling_metadata: Any) -> Tensor:
    """vLLM's, where there are rows."""
    if not len(logits):
        return logits
    scaled: Tensor = constrain(logits, cu_num_draft_tokens, sampling_metadata)
    return scaled


def expand(
    x: Tensor,
    cu_num_tokens: Tensor,
    num_tokens: int,
    replace_from: float = 0,
    replace_to: float = 0,
) -> Tensor:
    """``x`` [requests] by row: [num_tokens], with ``replace_from`` replaced.

    ``cu_num_tokens`` [requests]: rows up to and with each request's.
    """
    counts = torch.diff(cu_num_tokens, prepend=cu_num_tokens.new_zeros(1))
    kept = torch.where(x == replace_from, replace_to, x).to(x.dtype)
    return kept.repeat_interleave(counts, output_size=num_tokens)
