"""Scores the tokens of a step: hidden state and running token statistics -> quality and confidence.

Everything is vectorised over rows; a request keeps one slot in the tables from its first step to
its last, across preemptions. Shapes: R requests of the step, L rows of logits, S of the requests scored,
W tokens a request at most, D hidden, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.heads import Heads
from arrol_serve.engine.plugin.recording import Recorder
from arrol_serve.engine.plugin.rows import StepRows
from arrol_serve.engine.plugin.scoring.device_check import Shapes, fold_for
from arrol_serve.engine.plugin.scoring.device_scores import device_record, device_scores
from arrol_serve.engine.plugin.scoring.ends import Ends
from arrol_serve.engine.plugin.scoring.fold import Fold, Folded, Ints, Places
from arrol_serve.engine.plugin.scoring.host_fold import HostFold, Kept
from arrol_serve.engine.plugin.scoring.host_scores import Asked
from arrol_serve.engine.plugin.scoring.rehearsal import Rehearsal
from arrol_serve.engine.plugin.scoring.selection import Held, Selection, Wishes
from arrol_serve.engine.plugin.upload import upload
from arrol_serve.engine.plugin.wire import MemberPlan, StepScores
from arrol_serve.quality.statistics import STATISTICS


class RowScorer:
    """Per-request state and the scoring of a step."""

    def __init__(
        self,
        slots: int,
        device: torch.device,
        *,
        last_rows: int = 1,
        records: bool = False,
        shapes: Shapes = Shapes(),  # noqa: B008  # it is frozen
    ) -> None:
        """``last_rows``: how many tokens may be sampled until it is known which one was the last.

        ``records``: somebody may ask for the head's inputs, which need their memory from the start.
        """
        self.device = device
        self._width = shapes.width
        self.heads = Heads()
        self.recorder = Recorder(slots, last_rows, device)
        if records:
            self.recorder.reserve(shapes.hidden + len(STATISTICS))
        self._on_host = device.type == "cpu"
        self._fold: Fold | HostFold = (
            HostFold(slots) if self._on_host else fold_for(device, slots, shapes)
        )
        self._free = deque(range(slots))
        """The one that is free for longest comes first."""
        self._held: dict[str, Held] = {}
        self._wishes = Wishes()
        self._selection: tuple[list[str], Selection | None] | None = None
        self._folded: Folded | Kept | None = None

    def rehearsal(self) -> Rehearsal | None:
        """To be run before the first request, for its use of memory; None: on a host, which needs none."""
        if isinstance(self._fold, HostFold):
            return None
        return Rehearsal(self._fold, len(self._free))

    @property
    def active(self) -> bool:
        """Whether any request in the engine wants a signal. False: the step is plain vLLM's."""
        return bool(self._held)

    def admit(self, req_id: str, plan: MemberPlan, ends: Ends) -> None:
        """Give a request its slot. A request resumed after preemption keeps the one it has."""
        if req_id in self._held or not (plan["signals"] or plan["record"] is not None):
            return
        slot = self._free.popleft()
        named = self.heads.admit(plan["search"], plan["candidates"], plan["adapter"])
        held = self._held[req_id] = Held(slot, plan, named)
        self._wishes.count(held, 1)
        self._fold.begin(slot, plan["confidence_window"], ends)
        if plan["record"] is not None:
            self.recorder.begin(req_id, plan, slot)
        self._selection = None

    def release(self, req_ids: Iterable[str], lengths: Mapping[str, int]) -> None:
        """Forget ended requests; a recorded one leaves its features behind, up to its last token.

        ``lengths``: tokens that a recorded request had in the end. More may have been sampled.
        """
        for req_id in req_ids:
            held = self._held.pop(req_id, None)
            if held is None:
                continue
            self._wishes.count(held, -1)
            self.heads.release(held.plan["search"])
            self.recorder.end(req_id, lengths)
            self._fold.end(held.slot)
            self._free.append(held.slot)
            self._selection = None

    def holds(self, group: str) -> bool:
        """Whether a rollout of the group is in the tables."""
        return any(held.plan["group"] == group for held in self._held.values())

    @property
    def held(self) -> int:
        """Requests in the tables."""
        return len(self._held)

    @property
    def free_slots(self) -> int:
        return len(self._free)

    def needs_logits(self, selection: Selection) -> bool:
        """Whether the step's logits are read; on the host always, where tokens show which scores matter."""
        return self._on_host or selection.wants_statistics or selection.wants_confidence

    def select(self, step: StepRows) -> Selection | None:
        """The requests of this step that want a signal and really produce a token."""
        steady = step.starts is None and step.samples is None
        if steady and self._selection is not None and self._selection[0] == step.req_ids:
            return self._selection[1]
        names = list(step.req_ids)
        selection = self._select(step, names)
        if steady:
            self._selection = names, selection
        return selection

    def _select(self, step: StepRows, names: list[str]) -> Selection | None:
        known = list(map(self._held.get, names))
        if step.samples is not None:
            known = [
                one if samples else None for one, samples in zip(known, step.samples, strict=True)
            ]
        held = [one for one in known if one is not None and not one.done]
        if not held:
            return None
        lines = None
        if len(held) < len(known):
            lines = [i for i, one in enumerate(known) if one is not None and not one.done]
            names = [names[i] for i in lines]
        slots = np.array([one.slot for one in held], np.int64)
        return Selection(
            req_ids=names,
            places=self._places(step, slots, lines),
            width=step.width,
            held=held,
            wants_confidence=self._wishes.by_confidence > 0,
            wants_records=self._wishes.recorded > 0,
            limited=self._wishes.limited > 0,
        )

    def _places(self, step: StepRows, slots: Ints, lines: list[int] | None) -> Places:
        """``lines``: those of the scored requests in the step; None: it has no others."""
        every = np.arange(len(slots))
        at = every if lines is None else np.array(lines, np.int64)
        rows, starts = None, every if step.starts is None else step.starts[:-1]
        if lines is not None and step.starts is None:
            rows = upload(at, self.device)
        elif lines is not None and step.starts is not None:
            starts, sizes = step.starts[at], step.starts[at + 1] - step.starts[at]
            each = [np.arange(a, a + n) for a, n in zip(starts, sizes, strict=True)]
            rows = upload(np.concatenate(each), self.device)
            starts = np.cumsum(sizes) - sizes
        numbers = np.stack([slots, at, starts])
        return Places(numbers, rows, None if self._on_host else upload(numbers, self.device))

    def before_sampling(self, selection: Selection, logits: Tensor) -> None:
        """Read the model's own distribution, [L, V]."""
        self._fold.before(selection.places, logits, confidence=selection.wants_confidence)

    def after_sampling(self, selection: Selection, sampled: Tensor) -> None:
        """Add the sampled tokens, [R, W]."""
        self._folded = self._fold.after(selection.places, sampled)

    def scores(self, selection: Selection, hidden: Tensor) -> StepScores | Tensor:
        """After every token where a score may be asked for; on a device ``[S, W, 3]``, still to be copied.

        ``hidden``: [L, D] of the step.
        """
        folded, self._folded = self._folded, None
        if isinstance(folded, Kept):
            return self._host_scores(Asked(selection, hidden, folded))
        if self._on_host:
            return StepScores()
        with torch.inference_mode():
            return self._device_scores(selection, hidden, folded)

    def _host_scores(self, asked: Asked) -> StepScores:
        asked.record(self.recorder)
        if asked.done():
            self._selection = None
        return asked.scores()

    def _device_scores(
        self, selection: Selection, hidden: Tensor, folded: Folded | None
    ) -> StepScores | Tensor:
        assert not isinstance(self._fold, HostFold)  # noqa: S101
        # With drafts only the device knows which token is the last: nothing is recorded then.
        if len(selection.records) and folded is not None and self._width == 1:
            device_record(self.recorder, selection, hidden, folded)
        return device_scores(selection, hidden, self._fold, folded)
