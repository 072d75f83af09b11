"""What a step's scoring asks of a GPU: launches, memory, and never to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.rows import StepRows
from arrol_serve.engine.plugin.scorer import RowScorer
from arrol_serve.engine.plugin.scoring.device_check import Shapes, random_head
from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.tap import SamplerTap, tell
from arrol_serve.engine.plugin.wire import GroupPlan

pytestmark = pytest.mark.gpu
HIDDEN, VOCABULARY, ROWS = 4096, 151_936, 256
MIB = 2**20


class Steps:
    """A scorer in steps of ``rows`` requests; with ``width`` each has drafts."""

    def __init__(
        self, dtype: torch.dtype = torch.bfloat16, width: int = 1, rows: int = ROWS
    ) -> None:
        self.device = torch.device("cuda")
        shapes = Shapes(VOCABULARY, HIDDEN, width, dtype)
        self.scorer = RowScorer(2 * rows, self.device, last_rows=2, records=True, shapes=shapes)
        self.scorer.heads.current = NamedHead(random_head(self.device, HIDDEN), "1")
        self.width, self.names, self._numbers = width, [], count()  # type: ignore[var-annotated]
        like: dict[str, Any] = {"device": self.device, "dtype": dtype}
        self.logits = torch.randn(rows * width, VOCABULARY, **like)
        self.hidden = torch.randn(rows * width, HIDDEN, **like)
        self.sampled = torch.zeros(rows, width, device=self.device, dtype=torch.int32)

    def join(self, many: int, **plan: Any) -> None:
        for _ in range(many):
            name = str(next(self._numbers))
            asked = {"signals": ("quality",), **plan}
            self.scorer.admit(
                name, GroupPlan(name, 1, 1, **asked).member(0), Ends((), NEVER, True, ())
            )
            self.names.append(name)

    def leave(self) -> None:
        self.scorer.release([self.names.pop()], {})

    def __call__(self) -> Tensor:
        starts = None
        if self.width > 1:
            starts = np.arange(len(self.names) + 1, dtype=np.int64) * self.width
        selection = self.scorer.select(StepRows(self.names, self.hidden, None, starts, self.width))
        assert selection is not None
        self.scorer.before_sampling(selection, self.logits)
        self.scorer.after_sampling(selection, self.sampled)
        values = self.scorer.scores(selection, self.hidden)
        assert isinstance(values, Tensor)
        return values


@contextmanager
def never_waiting() -> Iterator[None]:
    """What waits for the device is an error, as a copy from memory that is not pinned is."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def launches(work: Callable[[], object]) -> list[str]:
    """Kernels, copies and fills, which must come about without a wait."""
    torch.cuda.synchronize()
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen,
        never_waiting(),
    ):
        work()
    torch.cuda.synchronize()
    names = [event.name for event in seen.events() if str(event.device_type).endswith("CUDA")]
    assert not [name for name in names if "Pageable" in name]
    return names


def steady(**kind: Any) -> Steps:
    steps = Steps(**kind)
    steps.join(ROWS)
    return steps


def joining(**plan: Any) -> Steps:
    """One leaves and another comes, in every step."""
    steps = steady()
    steps.leave()
    steps()
    steps.join(1, **plan)
    return steps


def two_heads() -> Steps:
    steps = Steps()
    steps.join(ROWS // 2)
    steps.scorer.heads.current = NamedHead(random_head(steps.device, HIDDEN), "2")
    steps.join(ROWS // 2)
    return steps


def recording() -> Steps:
    steps = Steps()
    steps.join(ROWS, record=(2,))
    return steps


def confident() -> Steps:
    steps = Steps()
    steps.join(ROWS, signals=("quality", "confidence"))
    return steps


# What is counted in docs/benchmarks.md, where the matrix product may be one launch or two.
KINDS: dict[str, tuple[Callable[[], Steps], int]] = {
    "steady": (steady, 7),
    "float32 logits": (lambda: steady(dtype=torch.float32), 8),
    "drafts": (lambda: steady(width=3), 8),
    "recorded": (recording, 12),
    "two heads": (two_heads, 19),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_has_few_launches_and_waits_for_nothing(kind: str) -> None:
    make, most = KINDS[kind]
    steps = make()
    steps()
    found = launches(steps)
    assert 0 < len(found) <= most, found


def test_a_request_that_joins_costs_a_step_three_launches() -> None:
    steps = joining()
    found = launches(steps)
    assert 0 < len(found) <= 10, found


def test_a_request_that_joins_to_be_recorded_waits_for_nothing() -> None:
    steps = joining(record=(1,))
    found = launches(steps)
    assert 0 < len(found) <= 18, found
    assert steps.scorer.recorder._running[steps.names[-1]].marked


def test_the_tokens_that_were_taken_are_told_without_a_wait() -> None:
    """V2 counts them on the device."""
    taken = torch.tensor([[7, 8], [4, 55]], device="cuda")
    counts = torch.tensor([2, 1], device="cuda", dtype=torch.int32)
    output = SimpleNamespace(sampled_token_ids=taken, num_sampled=counts)
    tap, heard = SamplerTap(lambda _: output), list[Tensor]()
    tell([tap], heard.append, heard.append)
    with never_waiting():
        tap(taken)
    assert heard[1].tolist() == [[7, 8], [4, -1]]


def test_confidence_is_what_exceeds_ten() -> None:
    """By PyTorch's own top-k over many columns, of many launches; the figure says how many."""
    steps = confident()
    steps()
    found = launches(steps)
    print(len(found), found)
    assert 0 < len(found) <= 40, found


def test_a_recorders_memory_is_there_from_the_start() -> None:
    steps = recording()
    table = steps.scorer.recorder._latest
    assert table is not None
    before = torch.cuda.memory_allocated()
    for _ in range(8):
        steps()
    # What is kept of the marked position is a quarter of it.
    assert torch.cuda.memory_allocated() - before < 0.75 * table.nbytes


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_rehearsal_takes_as_much_memory_as_any_step(dtype: torch.dtype) -> None:
    steps = Steps(dtype)
    rehearsal = steps.scorer.rehearsal()
    assert rehearsal is not None

    def rehearse() -> None:
        rehearsal.before(steps.logits)
        rehearsal.after(steps.sampled)

    rehearsed = _peak(rehearse)
    steps.join(ROWS - 1, signals=("quality", "confidence"))
    steps.names.insert(0, "plain")  # so that rows are picked out
    assert _peak(steps) <= rehearsed + 16 * MIB


def _peak(work: Callable[[], object]) -> int:
    """Bytes that it takes beyond what was taken before."""
    work()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before
