"""Scores the rows of a step: hidden state and running token statistics -> quality and confidence.

Everything is vectorised over rows; a request keeps one slot in the tables from its first step to
its last, across preemptions. Shapes: R rows of the step, S of them scored, D hidden, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from arrol_serve.engine.plugin.heads import Heads, NamedHead
from arrol_serve.engine.plugin.rows import StepRows
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW, MemberPlan
from arrol_serve.quality.statistics import RunningStatistics

CONFIDENCE_TOP_K = 20
"""Tokens averaged in DeepConf's token confidence (arXiv 2508.15260, equation 2)."""
FLOOR = -1e4


@dataclass(frozen=True, slots=True)
class Selection:
    """The scored rows of one step. ``rows`` is None when they are all of the step's rows in order."""

    req_ids: list[str]
    rows: Tensor | None
    slots: Tensor
    heads: list[tuple[NamedHead, Tensor | None]]
    """Each head with the places, among the scored rows, that it scores; None: all. One but after a swap."""
    versions: list[str | None]
    """Of each row's head."""
    needs_logits: bool
    wants_confidence: bool
    records: bool
    """Whether any row does; asked in every step, so looked up once."""

    def take(self, table: Tensor) -> Tensor:
        return table if self.rows is None else table[self.rows]


@dataclass(slots=True)
class FeatureRecord:
    """Head inputs kept for training: parallel lists, one entry per recorded position."""

    groups: list[str] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    """Generated tokens at the recorded position; the last one of a rollout is its final token."""
    features: list[Tensor] = field(default_factory=list)
    """[D + K] each: hidden state, then the running statistics."""

    def add(self, group: str, index: int, tokens: int, features: Tensor) -> None:
        self.groups.append(group)
        self.indices.append(index)
        self.tokens.append(tokens)
        self.features.append(features)

    def rows(self) -> Iterator[tuple[str, int, int, Tensor]]:
        return zip(self.groups, self.indices, self.tokens, self.features, strict=True)

    def extend(self, other: FeatureRecord) -> None:
        for row in other.rows():
            self.add(*row)

    def take(self, group: str) -> FeatureRecord:
        """Hand over, and forget, the entries of one group."""
        taken, rest = FeatureRecord(), FeatureRecord()
        for row in self.rows():
            (taken if row[0] == group else rest).add(*row)
        self.groups, self.indices = rest.groups, rest.indices
        self.tokens, self.features = rest.tokens, rest.features
        return taken


class RowScorer:
    """Per-request state and the scoring of a step."""

    def __init__(
        self, slots: int, hidden_size: int, device: torch.device, *, last_rows: int = 1
    ) -> None:
        """``last_rows``: how many tokens may be sampled until it is known which one was the last."""
        self.hidden_size = hidden_size
        self.device = device
        self._last_rows = last_rows
        self.heads = Heads()
        self.recorded = FeatureRecord()
        self._plans: dict[str, MemberPlan] = {}
        self._slots: dict[str, int] = {}
        self._heads: dict[str, NamedHead] = {}
        self._counts: dict[str, int] = {}
        self._marked: dict[str, list[tuple[int, Tensor]]] = {}
        """Recorded so far of the requests in the tables: token count and features."""
        self._allocate(slots)
        self._selection: tuple[list[str], Selection] | None = None
        self._logprobs: Tensor | None = None
        self._confidence: Tensor | None = None

    def _allocate(self, slots: int) -> None:
        self._free = list(range(slots - 1, -1, -1))
        self.statistics = RunningStatistics(slots, self.device)
        self._window = torch.zeros(slots, CONFIDENCE_WINDOW, device=self.device)
        self._window_length = torch.zeros(slots, dtype=torch.long, device=self.device)
        self._window_size = torch.ones(slots, dtype=torch.long, device=self.device)
        self._window_sum = torch.zeros(slots, device=self.device)
        self._latest: Tensor | None = None
        """``[slots, last_rows, D + K]``, made with the first recording: token n is at n % last_rows."""

    @property
    def active(self) -> bool:
        """Whether any request in the engine wants a signal. False: the step is plain vLLM's."""
        return bool(self._slots)

    def admit(self, req_id: str, plan: MemberPlan) -> None:
        """Give a request its slot. A request resumed after preemption keeps the one it has."""
        if req_id in self._slots or not (plan["signals"] or plan["record"] is not None):
            return
        slot = self._free.pop()
        self._slots[req_id] = slot
        self._plans[req_id] = plan
        self._counts[req_id] = 0
        self._heads[req_id] = self.heads.admit(plan["search"], plan["candidates"], plan["adapter"])
        at = torch.tensor([slot], device=self.device)
        self.statistics.reset(at)
        self._window[at] = 0.0
        self._window_length[at] = 0
        self._window_size[at] = plan["confidence_window"]
        self._window_sum[at] = 0.0
        self._selection = None

    def release(self, req_ids: Iterable[str], lengths: Mapping[str, int]) -> None:
        """Forget ended requests; a recorded one leaves its features behind, up to its last token.

        ``lengths``: tokens that a recorded request had in the end. More may have been sampled.
        """
        for req_id in req_ids:
            slot = self._slots.pop(req_id, None)
            if slot is None:
                continue
            plan, count = self._plans.pop(req_id), self._counts.pop(req_id)
            del self._heads[req_id]
            self.heads.release(plan["search"])
            marked = self._marked.pop(req_id, [])
            if plan["record"] is not None and self._latest is not None:
                last = lengths.get(req_id, count)
                for tokens, features in marked:
                    if tokens <= last:
                        self.recorded.add(plan["group"], plan["index"], tokens, features)
                if last > 0 and count - self._last_rows < last <= count:
                    features = self._latest[slot, last % self._last_rows].clone()
                    self.recorded.add(plan["group"], plan["index"], last, features)
            self._free.append(slot)
            self._selection = None

    def holds(self, group: str) -> bool:
        """Whether a rollout of the group is in the tables."""
        return any(plan["group"] == group for plan in self._plans.values())

    @property
    def free_slots(self) -> int:
        return len(self._free)

    def select(self, step: StepRows) -> Selection | None:
        """The rows of this step that want a signal and really produce a token."""
        every = bool(step.samples.all())
        if every and self._selection is not None and self._selection[0] == step.req_ids:
            return self._selection[1]
        pairs = [
            (row, self._slots[req_id])
            for row, req_id in enumerate(step.req_ids)
            if req_id in self._slots and step.samples[row]
        ]
        if not pairs:
            return None
        whole = len(pairs) == len(step.req_ids)
        req_ids = [step.req_ids[row] for row, _ in pairs]
        selection = self._selected(
            req_ids,
            rows=None if whole else torch.tensor([r for r, _ in pairs], device=self.device),
            slots=torch.tensor([slot for _, slot in pairs], device=self.device),
        )
        if every:
            self._selection = (step.req_ids, selection)
        return selection

    def _selected(self, req_ids: list[str], rows: Tensor | None, slots: Tensor) -> Selection:
        plans = [self._plans[req_id] for req_id in req_ids]
        named = [self._heads[req_id] for req_id in req_ids]
        by_statistics = any(n.head is not None and "statistics" in n.head.inputs for n in named)
        confidence = any("confidence" in plan["signals"] for plan in plans)
        records = any(plan["record"] is not None for plan in plans)
        return Selection(
            req_ids=req_ids,
            rows=rows,
            slots=slots,
            heads=_by_head(named, self.device),
            versions=[n.version for n in named],
            needs_logits=by_statistics or confidence or records,
            wants_confidence=confidence,
            records=records,
        )

    def before_sampling(self, selection: Selection, logits: Tensor) -> None:
        """Keep the model's own log-probabilities [S, V] of the step."""
        self._logprobs = torch.log_softmax(selection.take(logits).float(), dim=-1)

    def after_sampling(self, selection: Selection, sampled: Tensor) -> None:
        """Fold the sampled tokens ([R, 1], raw distribution) into the running statistics."""
        logprobs, self._logprobs = self._logprobs, None
        if logprobs is None:
            return
        tokens = selection.take(sampled[:, :1]).long()
        chosen = logprobs.gather(1, tokens).squeeze(1)
        # The floor keeps masked tokens out: 0 * -inf is not 0.
        entropy = -torch.linalg.vecdot(logprobs.exp(), logprobs.clamp(min=FLOOR))
        self.statistics.update(selection.slots, chosen, entropy)
        self._confidence = self._windowed_confidence(selection, logprobs)

    def _windowed_confidence(self, selection: Selection, logprobs: Tensor) -> Tensor | None:
        if not selection.wants_confidence:
            return None
        k = min(CONFIDENCE_TOP_K, logprobs.shape[-1])
        token = -logprobs.topk(k, dim=-1).values.clamp(min=-100.0).mean(-1)
        slots, length = selection.slots, self._window_length[selection.slots]
        size = self._window_size[slots]
        oldest = self._window[slots, (length - size) % CONFIDENCE_WINDOW]
        leaving = torch.where(length >= size, oldest, 0.0)
        self._window[slots, length % CONFIDENCE_WINDOW] = token
        self._window_length[slots] = length + 1
        self._window_sum[slots] += token - leaving
        return self._window_sum[slots] / torch.minimum(length + 1, size)

    def values(self, selection: Selection, hidden: Tensor) -> Tensor:
        """``[S, 3]``, NaN where not computed: the scored rows' quality logit as of a probe, windowed
        confidence, and quality logit as of a last token."""
        states = selection.take(hidden).float()
        statistics = self.statistics.features(selection.slots)
        unknown = torch.full((len(states),), math.nan, device=self.device)
        quality, final = self._qualities(selection, states, statistics)
        confidence, self._confidence = self._confidence, None
        self._record(selection, states, statistics)
        return torch.stack([quality, unknown if confidence is None else confidence, final], dim=1)

    def _qualities(
        self, selection: Selection, states: Tensor, statistics: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Calibrated as of a probe and as of a last token, [S] each."""
        quality, final = torch.full((2, len(states)), math.nan, device=self.device)
        for named, places in selection.heads:
            if named.head is None:
                continue
            if places is None:
                return named.head.calibrated(named.head.raw(states, statistics))
            raw = named.head.raw(states[places], statistics[places])
            quality[places], final[places] = named.head.calibrated(raw)
        return quality, final

    def _record(self, selection: Selection, states: Tensor, statistics: Tensor) -> None:
        if not selection.records:
            return
        features = torch.cat([states, statistics], dim=1)
        if self._latest is None:
            shape = (self._window.shape[0], self._last_rows, features.shape[1])
            self._latest = torch.zeros(shape, device=self.device)
        places = []
        for row, req_id in enumerate(selection.req_ids):
            tokens = self._counts[req_id] = self._counts[req_id] + 1
            places.append(tokens % self._last_rows)
            record = self._plans[req_id]["record"]
            if record is not None and tokens in record:
                self._marked.setdefault(req_id, []).append((tokens, features[row].clone()))
        self._latest[selection.slots, torch.tensor(places)] = features


def _by_head(named: list[NamedHead], device: torch.device) -> list[tuple[NamedHead, Tensor | None]]:
    different = list(dict.fromkeys(named))
    if len(different) == 1:
        return [(different[0], None)]
    places = [[i for i, mine in enumerate(named) if mine is one] for one in different]
    return [
        (one, torch.tensor(at, device=device)) for one, at in zip(different, places, strict=True)
    ]
