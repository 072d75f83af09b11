"""The head's inputs kept for training: at the positions that a plan names, and at a rollout's last token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from arrol_serve.engine.plugin.wire import MemberPlan


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


@dataclass(slots=True)
class _Running:
    plan: MemberPlan
    slot: int
    tokens: int = 0
    marked: list[tuple[int, Tensor]] = field(default_factory=list)
    """Token count and features, of the plan's positions so far."""


class Recorder:
    """Keeps the last rows of each recorded rollout until it is known which of them was the last."""

    def __init__(self, slots: int, last_rows: int, device: torch.device) -> None:
        """``last_rows``: tokens that may be sampled before an end is known, and one."""
        self._slots, self._last_rows, self._device = slots, last_rows, device
        self._running: dict[str, _Running] = {}
        self._latest: Tensor | None = None
        """``[slots, last_rows, D + K]``, made with the first recording: token n is at n % last_rows."""
        self.kept = FeatureRecord()

    def begin(self, req_id: str, plan: MemberPlan, slot: int) -> None:
        self._running[req_id] = _Running(plan, slot)

    def records(self, req_id: str) -> bool:
        return req_id in self._running

    def add(self, req_ids: Sequence[str], features: Tensor) -> None:
        """One more token of each request, which may come several times, with its features [M, D + K]."""
        if self._latest is None:
            shape = (self._slots, self._last_rows, features.shape[1])
            self._latest = torch.zeros(shape, device=self._device)
        slots, places = [], []
        for row, req_id in enumerate(req_ids):
            running = self._running[req_id]
            running.tokens += 1
            slots.append(running.slot)
            places.append(running.tokens % self._last_rows)
            if running.tokens in (running.plan["record"] or ()):
                running.marked.append((running.tokens, features[row].clone()))
        self._latest[torch.tensor(slots), torch.tensor(places)] = features

    def end(self, req_id: str, lengths: Mapping[str, int]) -> None:
        """Keep what was recorded up to its last token, as ``lengths`` has it: more may have been sampled."""
        if (running := self._running.pop(req_id, None)) is None or self._latest is None:
            return
        plan, last = running.plan, lengths.get(req_id, running.tokens)
        for tokens, features in running.marked:
            if tokens <= last:
                self.kept.add(plan["group"], plan["index"], tokens, features)
        if last > 0 and running.tokens - self._last_rows < last <= running.tokens:
            features = self._latest[running.slot, last % self._last_rows].clone()
            self.kept.add(plan["group"], plan["index"], last, features)
