"""The head's inputs kept for training: at the positions that a plan names, and mostly at last tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.upload import upload
from arrol_serve.engine.plugin.wire import MemberPlan


@dataclass(slots=True)
class FeatureRecord:
    """Head inputs kept for training: parallel lists, one entry per recorded position."""

    groups: list[str] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    """Generated tokens at the recorded position; its last token comes last, if planned ``to_end``."""
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
    """Its latest."""
    marked: list[tuple[int, Tensor]] = field(default_factory=list)
    """Token count and features, of the plan's positions so far."""


class Recorder:
    """Keeps the last rows of each recorded rollout until it is known which of them was the last."""

    def __init__(self, slots: int, last_rows: int, device: torch.device) -> None:
        """``last_rows``: tokens that may be sampled before an end is known, and one."""
        self._slots, self._last_rows, self._device = slots, last_rows, device
        self._running: dict[str, _Running] = {}
        self._latest: Tensor | None = None
        """``[slots, last_rows, D + K]``: token n is at n % last_rows. None: nothing has been recorded yet."""
        self._numbers = np.zeros((slots, last_rows), np.int64)
        """Whose token's it is, counted from 1."""
        self.kept = FeatureRecord()

    def reserve(self, width: int) -> None:
        """Take the memory for features of D + K = ``width`` numbers now, so that vLLM counts it."""
        self._latest = torch.zeros((*self._numbers.shape, width), device=self._device)

    def begin(self, req_id: str, plan: MemberPlan, slot: int) -> None:
        self._running[req_id] = _Running(plan, slot)
        self._numbers[slot] = 0

    def records(self, req_id: str) -> bool:
        return req_id in self._running

    def next_tokens(self, req_ids: Iterable[str]) -> list[int]:
        """The number of each one's next token, where every token is recorded."""
        return [self._running[req_id].tokens + 1 for req_id in req_ids]

    def add(self, req_ids: Sequence[str], tokens: Sequence[int], features: Tensor) -> None:
        """Features [M, D + K] after so many tokens of each request, which may come several times."""
        if self._latest is None:
            self.reserve(features.shape[1])
        running = [self._running[req_id] for req_id in req_ids]
        slots = [one.slot for one in running]
        places = [count % self._last_rows for count in tokens]
        marked = []
        for row, (one, count) in enumerate(zip(running, tokens, strict=True)):
            one.tokens = count
            if count in (one.plan["record"] or ()):
                marked.append(row)
        self._numbers[slots, places] = tokens
        for row, kept in zip(marked, self._keep(slots, places, marked, features), strict=True):
            running[row].marked.append((tokens[row], kept))

    def _keep(
        self, slots: list[int], places: list[int], marked: list[int], features: Tensor
    ) -> Iterable[Tensor]:
        """Write all rows down; returns those of ``marked``, which nothing overwrites."""
        assert self._latest is not None  # noqa: S101  # ``add`` made it
        if self._device.type == "cpu":  # as arrays, which cost less in a small model's step
            self._latest.numpy()[slots, places] = features.numpy()
            return [features[row].clone() for row in marked]
        numbers = upload(np.array([*slots, *places, *marked], np.int64), self._device)
        count = len(slots)
        self._latest[numbers[:count], numbers[count : 2 * count]] = features
        return features[numbers[2 * count :]].unbind() if marked else ()

    def end(self, req_id: str, lengths: Mapping[str, int]) -> None:
        """Keep what was recorded up to its last token, as ``lengths`` has it: more may have been sampled."""
        if (running := self._running.pop(req_id, None)) is None or self._latest is None:
            return
        plan, last = running.plan, lengths.get(req_id, running.tokens)
        for tokens, features in running.marked:
            if tokens <= last:
                self.kept.add(plan["group"], plan["index"], tokens, features)
        place = last % self._last_rows
        if plan["to_end"] and last > 0 and self._numbers[running.slot, place] == last:
            features = self._latest[running.slot, place].clone()
            self.kept.add(plan["group"], plan["index"], last, features)
