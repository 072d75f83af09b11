"""Who is asked what replies are worth, and how: one by one, in lists, or over HTTP.

A judge never raises for what a function or a server does, and never hangs: every call has a process that
is killed when its time is up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from arrol_serve.answers.pool import AnswerPool, Outcome
from trainer.rewards.calls import call_lists, call_one, parts_of
from trainer.rewards.columns import Form, Pair, alone, in_lists
from trainer.rewards.parts import Part
from trainer.rewards.remote import Answer, post
from trainer.rewards.signature import Signature

GRACE_S = 10.0
"""Beyond a request's time, after which its process is killed: httpx may hang where it has no clock."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Before the first retry, doubled with each; and the most."""


class Judge(Protocol):
    @property
    def name(self) -> str: ...

    def judge(self, pairs: Sequence[Pair]) -> list[Part]: ...


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Equal pairs are judged once."""

    pool: AnswerPool
    name: str
    signature: Signature

    def judge(self, pairs: Sequence[Pair]) -> list[Part]:
        unique = list(dict.fromkeys(pairs))
        jobs = [(self.name, self.signature.chosen(alone(pair))) for pair in unique]
        found = [
            _failed(outcome, self.pool.timeout_s) if outcome.failure else outcome.value
            for outcome in self.pool.run_many(call_one, jobs)
        ]
        parts = dict(zip(unique, found, strict=True))
        return [parts[pair] for pair in pairs]


@dataclass(frozen=True, slots=True)
class InLists:
    """``batch`` replies a call; 0: all."""

    pool: AnswerPool
    name: str
    signature: Signature
    batch: int
    form: Form

    def judge(self, pairs: Sequence[Pair]) -> list[Part]:
        batches = list(split(pairs, self.batch))
        jobs = [
            (self.name, self.signature.chosen(in_lists(some, self.form)), len(some))
            for some in batches
        ]
        found: list[Part] = []
        for outcome, some in zip(self.pool.run_many(call_lists, jobs), batches, strict=True):
            if outcome.failure:
                found += [_failed(outcome, self.pool.timeout_s)] * len(some)
            else:
                found += outcome.value
        return found


@dataclass(frozen=True, slots=True)
class OverHttp:
    """A reward server: ``batch`` replies a request, as many requests at once as the pool has workers.

    What fails in a way that may pass is asked again, ``retries`` times.
    """

    pool: AnswerPool
    name: str
    batch: int
    form: Form
    retries: int
    key: str

    def judge(self, pairs: Sequence[Pair]) -> list[Part]:
        batches = list(split(pairs, self.batch))
        answers = self._answers([self._body(some) for some in batches])
        found: list[Part] = []
        for answer, some in zip(answers, batches, strict=True):
            if answer.values is None:
                found += [Part(None, answer.problem, answer.said)] * len(some)
            else:
                found += parts_of(answer.values, len(some))
        return found

    def _body(self, pairs: Sequence[Pair]) -> bytes:
        return json.dumps(in_lists(pairs, self.form), default=str).encode()

    def _answers(self, bodies: Sequence[bytes]) -> list[Answer]:
        answers = self._posted(bodies)
        for attempt in range(self.retries):
            late = [i for i, answer in enumerate(answers) if answer.again]
            if not late:
                break
            asked = max(answers[i].wait_s for i in late)
            time.sleep(min(LONGEST_WAIT_S, max(asked, FIRST_WAIT_S * 2**attempt)))
            for i, answer in zip(late, self._posted([bodies[i] for i in late]), strict=True):
                answers[i] = answer
        return answers

    def _posted(self, bodies: Sequence[bytes]) -> list[Answer]:
        limit = self.pool.timeout_s
        jobs = [(self.name, body, self.key, limit) for body in bodies]
        return [
            Answer(None, "timeout", _failed(outcome, limit).said, again=True)
            if outcome.failure
            else outcome.value
            for outcome in self.pool.run_many(post, jobs, limit + GRACE_S)
        ]


def split(pairs: Sequence[Pair], size: int) -> Iterator[Sequence[Pair]]:
    """In parts of ``size``; 0: in one."""
    size = size or len(pairs) or 1
    return (pairs[start : start + size] for start in range(0, len(pairs), size))


def _failed(outcome: Outcome, limit_s: float) -> Part:
    if outcome.failure == "crash":
        return Part(None, "crash", "took its process down")
    return Part(None, "timeout", f"gave no value in {limit_s:g} s")
