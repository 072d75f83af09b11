"""The fold and the head on a GPU, some seven launches in a steady step whatever the number of requests.

Nothing waits for the device, and the tables are there before vLLM profiles its memory; a step adds some bytes
a row. float32 logits are the exception: vLLM scales those in place, so that a copy has to be kept.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
from torch import Tensor, nn

from arrol_serve.engine.plugin.scoring import device_kernels as kernels
from arrol_serve.engine.plugin.scoring.ends import Ends
from arrol_serve.engine.plugin.scoring.fold import CONFIDENCE_TOP_K, Folded, Places
from arrol_serve.engine.plugin.upload import upload
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality.head import QualityHead
from arrol_serve.quality.statistics import DECAY, LOWEST, STATISTICS

BLOCK = 1024


class DeviceFold:
    """``Fold`` by the kernels."""

    def __init__(self, slots: int, device: torch.device) -> None:
        self._device = device
        self._table = torch.zeros(slots, 8, device=device)
        self._window = torch.zeros(slots, CONFIDENCE_WINDOW, device=device)
        self._sizes = torch.ones(slots, dtype=torch.long, device=device)
        self._sums = torch.zeros(slots, device=device)
        self._entering: list[tuple[int, int]] = []
        self._logits = torch.empty(0)
        self._step: tuple[Tensor, Tensor, Tensor | None] | None = None

    def begin(self, slot: int, window: int, ends: Ends) -> None:  # noqa: ARG002  # every score counts
        self._entering.append((slot, window))

    def _enter(self) -> None:
        """Reset the slots of those that came since the last step, all at once."""
        if not self._entering:
            return
        coming = upload(np.array(self._entering, np.int64), self._device)
        self._entering = []
        kernels.enter[(len(coming),)](coming, self._table, self._sums, self._sizes)

    def end(self, slot: int) -> None:
        self._entering = [one for one in self._entering if one[0] != slot]

    def before(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        self._enter()
        self._logits = logits.clone() if logits.dtype == torch.float32 else logits
        rows = places.rows
        count = len(logits) if rows is None else len(rows)
        normaliser, entropy = torch.empty(2, count, device=self._device)
        kernels.distribution[(count,)](
            *(logits, logits if rows is None else rows, normaliser, entropy),
            *(logits.shape[1], logits.stride(0)),
            gathered=rows is not None,
            block=BLOCK,
        )
        top = None
        if confidence:
            wanted = logits if rows is None else logits[rows]
            top = wanted.topk(min(CONFIDENCE_TOP_K, logits.shape[1]), dim=1).values.contiguous()
        self._step = normaliser, entropy, top

    def after(self, places: Places, sampled: Tensor) -> Folded:
        assert self._step is not None  # noqa: S101  # ``before`` was called
        (normaliser, entropy, top), self._step = self._step, None
        logits, self._logits = self._logits, torch.empty(0)
        slots, lines, starts = places.stacked(self._device)
        count, width = len(places.slots), sampled.shape[1]
        features = torch.empty(count, width, len(STATISTICS), device=self._device)
        confidence = torch.empty(count, width, device=self._device)
        tops = 0 if top is None else top.shape[1]
        kernels.fold[(count,)](
            *(self._table, self._window, self._sums, self._sizes, slots, lines, starts),
            *(slots if places.rows is None else places.rows, sampled, logits, normaliser, entropy),
            *(normaliser if top is None else top, features, confidence),
            *(len(normaliser) - 1, sampled.stride(0), logits.stride(0)),
            gathered=places.rows is not None,
            width=width,
            capacity=CONFIDENCE_WINDOW,
            tops=tops,
            top_block=triton.next_power_of_2(max(tops, 1)),
            lowest=LOWEST,
            keep=1 - DECAY,
        )
        return Folded(features, None if top is None else confidence)

    def scores(
        self, head: QualityHead, places: Places, states: Tensor, folded: Folded
    ) -> Tensor | None:
        return score(head, places, states, folded)


def score(head: QualityHead, places: Places, states: Tensor, folded: Folded) -> Tensor:
    """[S, W, 3] of all requests by one head. ``states``: [rows of the step, D], not gathered."""
    count, width = folded.features.shape[:2]
    device, size = states.device, len(head.input_mean)
    hidden = head.hidden_size if "hidden" in head.inputs else 0
    statistics = len(STATISTICS) if "statistics" in head.inputs else 0
    _, _, starts = places.stacked(device)
    rows = places.rows
    joined = torch.empty(count * width, size, device=device)
    kernels.join[(count * width, triton.cdiv(size, BLOCK))](
        *(states, starts if rows is None else rows, starts, folded.features),
        *(head.input_mean, head.input_std, joined),
        *(len(states if rows is None else rows) - 1, states.stride(0), hidden, statistics, size),
        gathered=rows is not None,
        width=width,
        block=BLOCK,
    )
    first, _, last = head.layers
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)  # noqa: S101, PT018
    inner = torch.addmm(first.bias, joined, first.weight.T)
    values = torch.full((count, width, 3), float("nan"), device=device)
    confidence = folded.confidence
    kernels.finish[(count * width,)](
        *(
            inner,
            last.weight,
            last.bias,
            head.scale,
            head.shift,
            head.final_scale,
            head.final_shift,
        ),
        *(inner if confidence is None else confidence, values, inner.shape[1]),
        confident=confidence is not None,
        block=triton.next_power_of_2(inner.shape[1]),
    )
    return values
