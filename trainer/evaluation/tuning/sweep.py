"""Many search plans over many questions, in processes; and a race, so that hopeless plans end early."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.evaluation.tuning.engine_time import EngineTime
from trainer.evaluation.tuning.plans import Body, plan_of
from trainer.evaluation.tuning.recorded import Recorded
from trainer.evaluation.tuning.replay import WaveCache, looked_at, replay
from trainer.head.belief import AnswerColumn, Moments, answer_columns, tabulated

Array = NDArray[np.float64]
LAPS = (1 / 4, 1 / 2, 1)
"""Shares of the questions after which plans that are clearly behind leave the race."""
MARGIN = 0.3
"""Accuracy times the root of the questions: how far behind a plan may lie and stay."""
COLUMNS = 6
"""Of a ``Measured``: its arrays, in their order."""
PARTS = 4
"""Tasks for each process: bars move, and slow questions even out."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A plan on Q questions; every array is [Q]."""

    body: Body
    right: Array
    tokens: Array
    clock: Array
    """Decode steps to the answer."""
    confidence: Array
    """P(the answer is right) as the reply would say; NaN: there is no answer."""
    by_rule: Array
    """1: the stop rule ended the search."""
    started: Array
    """Candidates."""

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def cost(self) -> float:
        """Tokens a question."""
        return float(self.tokens.mean())


class Sweep:
    """Replays on one set of questions."""

    def __init__(
        self,
        pool: ProcessPoolExecutor,
        questions: Sequence[Recorded],
        config: Mapping[str, Any],
        engine: EngineTime,
    ) -> None:
        """``config``: fields of the ``ServerConfig`` whose head and belief are in force."""
        self._pool, self.questions, self.config = pool, list(questions), dict(config)
        self.engine = engine
        self.replays = 0
        """Searches replayed so far."""

    def measure(self, bodies: Sequence[Body], label: str = "replay") -> list[Measured]:
        """Each plan on all questions."""
        table = self._table(bodies, range(len(self.questions)), label)
        return [Measured(body, *columns) for body, columns in zip(bodies, table, strict=True)]

    def moments(self, body: Body) -> Moments:
        """What the search by this plan looks at, on all questions."""
        parts = PARTS * workers()
        jobs = [
            self._pool.submit(_moments, self.config, body, self.questions[part::parts])
            for part in range(parts)
        ]
        rows = [
            (answers, question * parts + part)
            for part, job in enumerate(jobs)
            for answers, question in job.result()
        ]
        return tabulated([(answers, question, len(answers)) for answers, question in rows])

    def race(self, bodies: Sequence[Body], label: str = "replay") -> list[Measured]:
        """As ``measure``, of those plans that stay near the best at their cost."""
        done, left, table = 0, list(bodies), np.empty((len(bodies), COLUMNS, 0))
        for lap in LAPS:
            end = max(1, math.ceil(lap * len(self.questions)))
            more = self._table(left, range(done, end), label)
            table, done = np.concatenate([table, more], axis=2), end
            if end < len(self.questions):
                stays = self._stays(table, MARGIN / math.sqrt(end))
                left = [body for body, ok in zip(left, stays, strict=True) if ok]
                table = table[stays]
        return [Measured(body, *columns) for body, columns in zip(left, table, strict=True)]

    def _stays(self, table: Array, margin: float) -> NDArray[np.bool_]:
        """[plans] whether one is near the front by its tokens, or by its time."""
        plans = [Measured({}, *columns) for columns in table]
        accuracy = np.array([p.accuracy for p in plans])
        costs = (np.array([cost(p) for p in plans]) for cost in (tokens_of, self.engine.busy))
        near = [near_front(accuracy, cost, margin) for cost in costs]
        return near[0] | near[1]

    def _table(self, bodies: Sequence[Body], places: range, label: str) -> Array:
        """[plans, columns, questions] in the order of ``Measured``."""
        self.replays += len(bodies) * len(places)
        parts = min(len(places), PARTS * workers())
        jobs = {
            self._pool.submit(
                _replay_all,
                self.config,
                list(bodies),
                [self.questions[i] for i in places[part::parts]],
            ): part
            for part in range(parts)
        }
        table = np.empty((len(bodies), COLUMNS, len(places)))
        with tqdm(total=len(bodies) * len(places), unit="search", desc=label) as bar:
            for job in as_completed(jobs):
                found = job.result()
                table[:, :, jobs[job] :: parts] = found
                bar.update(len(bodies) * found.shape[2])
        return table


def tokens_of(plan: Measured) -> float:
    """The cost that counts unless told otherwise."""
    return plan.cost


def near_front(accuracy: Array, cost: Array, margin: float) -> NDArray[np.bool_]:
    """[plans] whether no plan at most as dear is more accurate by more than ``margin``."""
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(accuracy[order])
    near = np.empty(len(order), dtype=bool)
    near[order] = accuracy[order] >= best - margin
    return near


def front(
    plans: Sequence[Measured], cost: Callable[[Measured], float] = tokens_of
) -> list[Measured]:
    """The Pareto front of accuracy against ``cost``, cheapest first; unless told otherwise tokens."""
    found: list[Measured] = []
    for plan in sorted(plans, key=lambda p: (cost(p), -p.accuracy)):
        if not found or plan.accuracy > found[-1].accuracy:
            found.append(plan)
    return found


@contextmanager
def replay_processes() -> Iterator[ProcessPoolExecutor]:
    """Processes that know nothing of the engine's threads."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers(), mp_context=context) as pool:
        yield pool


def workers() -> int:
    """Processes that replay: the cores that this one may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _moments(
    config: Mapping[str, Any], body: Body, questions: Sequence[Recorded]
) -> list[tuple[list[AnswerColumn], int]]:
    """In a process: the answers at each moment that is looked at, and the question's place."""
    plan = plan_of(body, config)
    return [
        (columns, place)
        for place, question in enumerate(questions)
        for ballots in looked_at(plan, WaveCache(question))
        if (columns := answer_columns(ballots, question.right))
    ]


def _replay_all(
    config: Mapping[str, Any], bodies: Sequence[Body], questions: Sequence[Recorded]
) -> Array:
    """In a process: [plans, columns, questions]."""
    plans = [plan_of(body, config) for body in bodies]
    table = np.empty((len(plans), COLUMNS, len(questions)))
    for column, question in enumerate(questions):
        cache = WaveCache(question)
        for row, plan in enumerate(plans):
            found = replay(plan, cache)
            sure = math.nan if found.confidence is None else found.confidence
            table[row, :, column] = (
                found.right,
                found.tokens,
                found.clock,
                sure,
                found.by_rule,
                found.started,
            )
    return table
