"""Which rows of a step belong to whom, in either runner's words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from arrol_serve.engine.plugin.rows import StepRows, rows_of
from arrol_serve.engine.plugin.tap import SamplerTap, listen, tell

HIDDEN = torch.arange(40.0).reshape(20, 2)


def v1(
    names: list[str], discarded: list[int], drafts: list[int] | None, rows: int
) -> StepRows | None:
    """``discarded``: by request and beyond, where vLLM's buffer holds what earlier steps left."""
    state = SimpleNamespace(
        sample_hidden_states=HIDDEN[:rows],
        spec_decode_metadata=None
        if drafts is None
        else SimpleNamespace(num_draft_tokens=drafts, cu_num_sampled_tokens=None),
    )
    mask = SimpleNamespace(np=np.array(discarded, bool))
    runner = SimpleNamespace(
        execute_model_state=state,
        input_batch=SimpleNamespace(req_ids=names),
        discard_request_mask=mask,
    )
    return rows_of(runner, v2=False)


def v2(
    computed: list[int], scheduled: list[int], prefill: list[int], drafts: list[int]
) -> StepRows | None:
    """Of requests a, b ...; the last of each one's scheduled tokens, and its drafts, are sampled from."""
    sizes = np.array(drafts) + 1
    ends = np.cumsum(scheduled)
    indices = [end - size + i for end, size in zip(ends, sizes, strict=True) for i in range(size)]
    batch = SimpleNamespace(
        num_reqs=len(scheduled),
        req_ids=list("abcdef"[: len(scheduled)]),
        num_computed_tokens_np=np.array(computed, np.int32),
        num_scheduled_tokens=np.array(scheduled, np.int32),
        prefill_len_np=np.array(prefill, np.int32),
        logits_indices=torch.tensor(indices, dtype=torch.long),
        num_draft_tokens=sum(drafts),
        # Its buffers are longer than the step.
        cu_num_logits_np=np.array([0, *np.cumsum(sizes), 99], np.int32),
    )
    state = SimpleNamespace(input_batch=batch, hidden_states=HIDDEN[: ends[-1]])
    return rows_of(SimpleNamespace(execute_model_state=state), v2=True)


def test_without_drafts_each_request_has_a_row() -> None:
    for found in (v1(["a", "b"], [0, 0, 1], None, 2), v2([5, 6], [1, 1], [5, 3], [0, 0])):
        assert found is not None
        assert (found.req_ids, found.samples, found.starts, found.width) == (
            ["a", "b"],
            None,
            None,
            1,
        )
        assert found.hidden.equal(HIDDEN[:2])


def test_prefills_that_do_not_reach_the_prompts_end_sample_nothing() -> None:
    """A decodes, b has its prompt's last chunk, c another one."""
    ours = v1(["a", "b", "c"], [0, 0, 1], None, 3)
    theirs = v2([9, 4, 0], [1, 3, 4], [7, 7, 7], [0, 0, 0])
    for found in (ours, theirs):
        assert found is not None
        assert found.samples is not None
        assert found.samples.tolist() == [True, True, False]
    assert theirs is not None
    assert theirs.hidden.equal(HIDDEN[[0, 3, 7]])


def test_with_drafts_a_request_has_a_row_more_than_it_has_drafts() -> None:
    ours = v1(["a", "b", "c"], [0, 0, 0], [2, 0, 3], 8)
    theirs = v2([9, 4, 9], [3, 2, 4], [7, 6, 7], [2, 0, 3])
    for found in (ours, theirs):
        assert found is not None
        assert found.starts is not None
        assert found.starts.tolist() == [0, 3, 4, 8]
        assert found.starts.dtype == np.int64
        assert (found.width, found.samples) == (4, None)
        assert len(found.hidden) == 8
    assert theirs is not None
    assert theirs.hidden.equal(HIDDEN[[0, 1, 2, 4, 5, 6, 7, 8]])


def test_drafts_beside_an_unfinished_prefill() -> None:
    ours = v1(["a", "b"], [0, 1], [1, 0], 3)
    theirs = v2([9, 0], [2, 4], [7, 7], [1, 0])
    for found in (ours, theirs):
        assert found is not None
        assert found.samples is not None
        assert found.starts is not None
        assert (found.samples.tolist(), found.starts.tolist(), found.width) == (
            [True, False],
            [0, 2, 3],
            2,
        )


def test_a_step_that_samples_nothing_has_no_rows() -> None:
    nothing = SimpleNamespace(execute_model_state=None)
    assert rows_of(nothing, v2=False) is rows_of(nothing, v2=True) is None
    assert v1([], [1, 1], None, 0) is None
    batch = SimpleNamespace(num_reqs=0)
    for state in (
        SimpleNamespace(hidden_states=HIDDEN, input_batch=batch),
        SimpleNamespace(hidden_states=None, input_batch=SimpleNamespace(num_reqs=1)),
    ):
        assert rows_of(SimpleNamespace(execute_model_state=state), v2=True) is None
    earlier = SimpleNamespace(  # a stage of a pipeline that samples nothing
        execute_model_state=SimpleNamespace(sample_hidden_states=None, spec_decode_metadata=None),
        input_batch=SimpleNamespace(req_ids=["a"]),
    )
    assert rows_of(earlier, v2=False) is None


class Runner(SimpleNamespace):
    """Samplers that note what they were called with."""

    sampler: Any
    rejection_sampler: Any


def heard(v2: bool, name: str, arguments: tuple[Any, ...], output: Any, **named: Any) -> list[Any]:
    """What a listener at the sampler hears."""
    runner = Runner(sampler=None, rejection_sampler=None)
    setattr(runner, name, lambda *_, **__: output)
    taps = listen(runner, v2=v2)
    assert [type(getattr(runner, name)) for _ in taps] == [SamplerTap]
    found: list[Any] = []
    tell(taps, found.append, found.append)
    assert getattr(runner, name)(*arguments, **named) is output
    tell(taps, None, None)
    assert getattr(runner, name)(*arguments, **named) is output
    return found


def test_logits_are_found_among_each_samplers_arguments() -> None:
    logits, output = torch.zeros(2, 5), SimpleNamespace(sampled_token_ids=torch.tensor([[1], [2]]))
    calls: list[tuple[bool, str, tuple[Any, ...], dict[str, Any]]] = [
        (False, "sampler", (), {"logits": logits, "sampling_metadata": None}),
        (False, "rejection_sampler", ("metadata", None, logits, "sampling"), {}),
        (True, "sampler", (logits, "batch"), {}),
        (True, "rejection_sampler", (logits, "batch", None), {}),
    ]
    for v2, name, arguments, named in calls:
        before, after = heard(v2, name, arguments, output, **named)
        assert before is logits
        assert after.tolist() == [[1], [2]]


def test_tokens_that_were_not_taken_are_minus_one_in_both_runners() -> None:
    """V1 says so itself; V2 counts those that were, and leaves whatever lies behind them."""
    taken = [[7, 8, 9], [4, -1, -1], [-1, -1, -1]]
    ours = SimpleNamespace(sampled_token_ids=torch.tensor(taken))
    theirs = SimpleNamespace(
        sampled_token_ids=torch.tensor([[7, 8, 9], [4, 55, 66], [44, 0, 1]]),
        num_sampled=torch.tensor([3, 1, 0], dtype=torch.int32),
    )
    logits = torch.zeros(9, 5)
    assert heard(False, "rejection_sampler", (None, None, logits), ours)[1].tolist() == taken
    assert heard(True, "rejection_sampler", (logits,), theirs)[1].tolist() == taken


def test_one_token_each_is_handed_on_as_it_is() -> None:
    """An unfinished prefill's too, which V2 counts as none: its row is not looked at."""
    tokens = torch.tensor([[7], [4]])
    output = SimpleNamespace(sampled_token_ids=tokens, num_sampled=torch.tensor([1, 0]))
    assert heard(True, "sampler", (torch.zeros(2, 5),), output)[1] is tokens
