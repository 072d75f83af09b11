"""What the scheduler keeps of each live candidate: its place, its latest scores, its report."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vllm.v1.engine import EngineCoreOutput

from arrol_serve.engine.plugin.wire import MemberPlan, Report
from arrol_serve.pruning.group import Decision, Group


class Signals(NamedTuple):
    """What was scored after one token, see ``StepScores``; NaN: not computed."""

    at_probe: float
    """Quality logit as of a probe."""
    confidence: float
    at_end: float
    """Quality logit as of a last token."""

    def ending(self, pruned: bool = False) -> tuple[float | None, float | None]:
        """Quality and confidence of a candidate that ends here; None: not computed."""
        quality = self.at_probe if pruned else self.at_end
        return (
            None if math.isnan(quality) else quality,
            None if math.isnan(self.confidence) else self.confidence,
        )


@dataclass(slots=True)
class LiveGroup:
    """A rollout group with its members in the engine, by index."""

    name: str
    rules: Group
    search: str
    cap: int | None
    members: dict[int, Member] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)


@dataclass(slots=True)
class Member:
    """A live candidate: where it belongs, and its latest signals."""

    request: Any
    """vLLM's."""
    plan: MemberPlan
    group: LiveGroup
    stops_outside: bool = False
    """Stop strings are matched outside the engine, so that any token may turn out to be the last."""
    signals: Sequence[float] = (math.nan, math.nan, math.nan)
    """``Signals`` at the latest token that was scored."""
    run: Sequence[Sequence[float]] = ()
    """``Signals`` after each token of this step, if any was scored."""
    head_version: str | None = None
    pruned: bool = False
    started: bool = False
    """It has generated a token."""
    next_probe: float = math.inf
    """The first that it has not been judged at; infinite: none."""
    cut: int = 0
    """Tokens of its last step that lie beyond the probe at which it was pruned."""

    @property
    def req_id(self) -> str:
        found: str = self.request.request_id
        return found

    @property
    def tokens(self) -> int:
        """Generated ones."""
        count: int = self.request.num_output_tokens
        return count - self.cut

    def hear(self, run: Sequence[Sequence[float]], version: str | None, tokens: int) -> None:
        """Take a step's scores, of which the first ``tokens`` were kept."""
        self.run, self.head_version = run[:tokens], version
        for signals in self.run:
            if not all(map(math.isnan, signals)):
                self.signals = signals

    def crossed(self, before: int) -> list[tuple[int, float]]:
        """Probes that it came to in this step, with the score of their own token.

        ``before``: its tokens before this step.
        """
        probes = self.plan["probes"]
        return [
            (probe, self._score(probe - before - 1))
            for probe in probes[bisect_right(probes, before) : bisect_right(probes, self.tokens)]
        ]

    def _score(self, place: int) -> float:
        """What the survival policy sees of this step's token at ``place``; 0 where nothing was computed."""
        if not self.run:
            return 0.0
        signals = Signals(*self.run[place])
        by_confidence = self.plan["prune_by"] == "confidence"
        score = signals.confidence if by_confidence else signals.at_probe
        return 0.0 if math.isnan(score) else score

    def expect_probe(self) -> None:
        """Wait for the first probe that the survival policy has not judged it at."""
        seen, probes = len(self.group.rules.probes_of(self.plan["index"])), self.plan["probes"]
        self.next_probe = probes[seen] if seen < len(probes) else math.inf

    def cut_back(self, probe: int, out: EngineCoreOutput | None) -> None:
        """Take back this step's tokens beyond the probe; the client has not seen them yet."""
        beyond = self.tokens - probe
        if out is None or not 0 < beyond < len(out.new_token_ids):
            return
        self.cut = beyond
        out.new_token_ids = out.new_token_ids[:-beyond]
        self.run = self.run[: len(out.new_token_ids)]
        if self.run:
            self.signals = self.run[-1]
        if out.new_logprobs is not None:
            out.new_logprobs = out.new_logprobs.slice_request(0, len(out.new_token_ids))

    def report(self, groups: int) -> Report:
        """The engine's report on it; ``groups``: rollout groups alive in the engine."""
        probes = self.group.rules.probes_of(self.plan["index"])
        quality, confidence = Signals(*self.signals).ending(self.pruned)
        if not (self.pruned or self.plan["to_end"]):
            quality = confidence = None
        earlier = self.run[-2::-1] if self.stops_outside and self.plan["to_end"] else ()
        return Report(
            quality=quality,
            confidence=confidence,
            tokens=self.tokens,
            earlier=[Signals(*signals).ending() for signals in earlier],
            probes=[(probe.tokens, probe.score, probe.survival) for probe in probes],
            head_version=self.head_version,
            groups=groups,
        )
