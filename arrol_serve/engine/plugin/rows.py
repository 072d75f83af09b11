"""The rows of one engine step, read from either model runner: one per request, or one more than its drafts.

V1 keeps the last hidden states in ``execute_model_state.sample_hidden_states``; V2 keeps all of
them and ``input_batch.logits_indices`` picks the sampled rows. Both hold the state between
``execute_model`` and ``sample_tokens``, which is where the plugin looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(slots=True)
class StepRows:
    """What is about to be sampled for R requests, from L rows of logits."""

    req_ids: list[str]
    """[R], vLLM's own list, which changes with the next step."""
    hidden: Tensor
    """[L, D] after the final norm."""
    samples: NDArray[np.bool_] | None
    """[R], false for unfinished prefills; None: there is none."""
    starts: NDArray[np.int64] | None = None
    """[R + 1] first row of each request, and L; None: one row each. Token j comes from row start + j."""
    width: int = 1
    """Tokens that a request may get at most."""


def rows_of(runner: Any, *, v2: bool) -> StepRows | None:
    """The rows about to be sampled, or None where this rank samples nothing (an earlier PP stage)."""
    state = runner.execute_model_state
    if state is None:
        return None
    return _rows_v2(state) if v2 else _rows_v1(runner, state)


def _rows_v1(runner: Any, state: Any) -> StepRows | None:
    req_ids = runner.input_batch.req_ids
    if state.sample_hidden_states is None or not req_ids:
        return None
    discarded = runner.discard_request_mask.np[: len(req_ids)]
    samples = ~discarded if 1 in discarded.tobytes() else None  # any() takes long in a cold cache
    drafted = state.spec_decode_metadata
    if drafted is None:
        return StepRows(req_ids, state.sample_hidden_states, samples)
    sizes = np.array(drafted.num_draft_tokens, np.int64) + 1
    return StepRows(req_ids, state.sample_hidden_states, samples, *_bounds(sizes))


def _rows_v2(state: Any) -> StepRows | None:
    batch = state.input_batch
    if state.hidden_states is None or batch.num_reqs == 0:
        return None
    # A prefill chunk that does not reach the prompt's end samples a token that vLLM throws away.
    reached = batch.num_computed_tokens_np + batch.num_scheduled_tokens
    done = reached[: batch.num_reqs] >= batch.prefill_len_np[: batch.num_reqs]
    samples = None if done.all() else done
    req_ids, hidden = batch.req_ids, state.hidden_states[batch.logits_indices]
    if batch.num_draft_tokens == 0:
        return StepRows(req_ids, hidden, samples)
    sizes = np.diff(batch.cu_num_logits_np[: batch.num_reqs + 1]).astype(np.int64)
    return StepRows(req_ids, hidden, samples, *_bounds(sizes))


def _bounds(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    return np.concatenate([[0], np.cumsum(sizes)]), int(sizes.max())
